"""Counting literal texts: the short ways give what looking at every event gives."""

from __future__ import annotations

import json
import random
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from roguewatch.detect.grep import SPEAKING, Grep, spoken
from roguewatch.events import Event
from roguewatch.ledger.ledger import Ledger
from tests.build import event

SEED = 5
TEXTS = ("curl ", "rm -rf", "Straße", "true", 'a"b', "tok", "token", "x: y", "a\nb")
PIECES = (
    "curl ", "CURL ", "rm", " -rf", "rm -rf", "STRASSE", "straße", "true", 'a"b', "\\", "tok",
    "token", "toKen", "ſ", "–", "é", "\n", "a\nb", "x: y", "x", " ",
)  # fmt: skip
FEW = ("curl ", "rm -rf", "token", "éa")


def generated(count: int) -> list[Event]:
    rnd = random.Random(SEED)
    found = []
    for number in range(count):
        kind = rnd.choice(("tool_call", "agent_message", "tool_result", "system_message", "usage"))
        text = "".join(rnd.choices(PIECES, k=rnd.randrange(9)))
        given = {"command": text, rnd.choice(PIECES): [text, 1, True, {"deep": text}]}
        fields = {"arguments": json.dumps(given, ensure_ascii=rnd.random() < 0.5)}
        if kind != "tool_call":
            fields = {"text": text}
        found.append(event(kind, session=f"s{number % 7}", seq=number, **fields))
    return found


@pytest.mark.parametrize("texts", [TEXTS, FEW])
def test_a_ledger_gives_what_its_events_give_sealed_and_hot(tmp_path: Path, texts) -> None:
    events = generated(600)
    with Ledger.open(tmp_path) as ledger:
        ledger.append(events[:400])
        ledger.seal()
        ledger.append(events[400:])
    grep = Grep(texts)
    expected: Counter[str] = Counter()
    for one in events:
        if one.kind in SPEAKING:
            expected[one.session] += sum(grep.count([text]) for text in spoken(one))
    assert dict(grep.ledger(tmp_path)) == +expected and expected, f"seed {SEED}"


def test_a_text_is_found_within_one_text_only_and_in_any_case() -> None:
    grep = Grep(["rm -rf", "straße"])
    assert grep.count(["rm", " -rf"]) == 0
    assert grep.count(["RM -RF rm -rf", "STRASSE straße"]) == 4


@pytest.mark.parametrize("texts", [(), ("a", "")])
def test_looking_for_nothing_is_refused(texts) -> None:
    with pytest.raises(ValueError, match="empty"):
        Grep(texts)


def sample(messages: list[dict], **more) -> str:
    return json.dumps({"id": "one", "epoch": 2, "messages": messages, **more})


def test_the_messages_of_an_archive_are_looked_into_and_the_system_prompt_is_not(
    tmp_path: Path,
) -> None:
    call = {"id": "c", "function": "bash", "arguments": {"cmd": "curl x\ncurl y"}}
    messages = [
        {"role": "system", "content": "never curl anything"},
        {"role": "user", "content": [{"type": "text", "text": "curl it"}]},
        {"role": "assistant", "content": "attachment://h", "tool_calls": [call]},
        {"role": "tool", "content": "ok", "error": {"type": "x", "message": "curl failed"}},
    ]
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/one_epoch_2.json", sample(messages, attachments={"h": "curl z"}))
        archive.writestr("samples/two_epoch_1.json", "{damaged")
    assert list(Grep(["curl "]).archive(path)) == [("one/2", 5)]


def test_a_log_that_is_no_archive_is_read_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    head = {"eval_id": "e", "run_id": "r", "task_id": "t", "task": "t"}
    body = json.loads(sample([{"role": "user", "content": "curl x", "id": "m"}]))
    path.write_text(
        json.dumps({"version": 2, "status": "success", "eval": head, "samples": [body]})
    )
    assert list(Grep(["curl "]).archive(path)) == [("one/2", 1)]
