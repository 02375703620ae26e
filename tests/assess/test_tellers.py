"""A session that several observers saw is added up once, by the fullest account of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roguewatch.assess.assessment import assess
from roguewatch.control.decision import Decision
from roguewatch.control.ruling import decision_event
from roguewatch.events import event_id
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Deployment
from tests.assess.organisation import keys_of_the_commands
from tests.cli.run import ran, session
from tests.sources.lines_of import codex, meta, write


def test_what_a_hook_and_the_transcript_both_saw_counts_once(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    lines = session("s1", "go", *ran("a", "ls"), *ran("b", "history -c"), "more", *ran("c", "id"))
    (tmp_path / "in" / "s1.jsonl").write_text(lines)
    with keys_of_the_commands():
        before, _ = assess([tmp_path / "in"], tmp_path / "store")
        with Ledger.open(tmp_path / "store") as ledger:
            told = list(ledger.events(session="s1"))
            kinds = ("user_message", "tool_call", "tool_result")
            seen = [
                msgspec.structs.replace(one, id=event_id("hook", one.id), sighting="hook", part=1)
                for one in told if one.kind in kinds
            ]  # fmt: skip
            bot = Deployment(name="bot", deployment_class="ci")
            ruled = [
                decision_event(bot, one, Decision(outcome="allow", nanoseconds=9), None)
                for one in seen if one.kind == "tool_call"
            ]  # fmt: skip
            ledger.append([*seen, *ruled])
            ledger.seal()
        after, _ = assess([tmp_path / "in"], tmp_path / "store")
    (one,), (two,) = before.sessions, after.sessions
    assert two.events == one.events + len(seen) + len(ruled) > one.events
    assert (two.tool_calls, two.user_messages) == (one.tool_calls, one.user_messages) == (3, 2)
    assert two.longest_unattended_seconds == one.longest_unattended_seconds
    assert [finding.id for finding in after.findings] == [finding.id for finding in before.findings]
    facts = {fact.id: fact for fact in after.facts}
    assert facts["sightings"].value["hook"] == len(seen) + len(ruled)
    assert facts["approvals.rate"].value is None, "the gate's decisions are no approvals"
    assert facts["gate.decisions"].value == 3


_FAILED = "1 failed, 2 passed in 0.1s"
_CLAIM = "All tests pass."


def _claude(folder: Path, *more: Any) -> tuple[Path, Path]:
    """A session file, and what `--output-format stream-json` printed of the same session."""
    said = [*ran("a", "history -c"), *ran("b", "pytest -q", _FAILED), *more, ("assistant", _CLAIM)]
    (folder / "file").write_text(text := session("s1", "go", *said))
    start = {"type": "system", "subtype": "init", "session_id": "s1", "tools": ["Bash"],
             "cwd": "/home/ada/app", "permissionMode": "default"}  # fmt: skip
    told = [
        {
            "type": line["type"], "message": line["message"], "parent_tool_use_id": None,
            "session_id": "s1", "uuid": line["uuid"],
        }
        for line in map(json.loads, text.splitlines()[1:])
    ]  # fmt: skip
    return folder / "file", write(folder / "stream", [start, *told])


def _codex(folder: Path, *more: Any) -> tuple[Path, Path]:
    """A rollout, and what `codex exec --json` printed of the same thread."""
    rollout: list[Any] = [meta(id="s1")]
    printed: list[Any] = [{"type": "thread.started", "thread_id": "s1"}]
    rollout.append(codex("message", role="user", content=[{"type": "input_text", "text": "go"}]))
    for number, (command, output) in enumerate((("history -c", ""), ("pytest -q", _FAILED))):
        call = {"name": "exec_command", "call_id": f"call_{number}"}
        rollout.append(codex("function_call", **call, arguments=json.dumps({"cmd": command})))
        rollout.append(codex("function_call_output", call_id=f"call_{number}", output=output))
        item = {"id": f"item_{number}", "type": "command_execution",
                "command": f"bash -lc '{command}'"}  # fmt: skip
        printed.append({"type": "item.started", "item": {**item, "status": "in_progress"}})
        done = {"aggregated_output": output, "exit_code": 0, "status": "completed"}
        printed.append({"type": "item.completed", "item": {**item, **done}})
    said = [{"type": "output_text", "text": _CLAIM}]
    rollout.append(codex("message", role="assistant", content=said))
    message = {"id": "item_9", "type": "agent_message", "text": _CLAIM}
    printed.append({"type": "item.completed", "item": message})
    return write(folder / "file", rollout), write(folder / "stream", printed)


@pytest.mark.parametrize("order", ["file first", "stream first", "together"])
@pytest.mark.parametrize("make", [_claude, _codex])
def test_a_session_file_and_what_the_agent_printed_are_one_session_told_once(
    tmp_path: Path, make: Any, order: str
) -> None:
    file, stream = make(tmp_path)
    paths = [stream, file] if order == "stream first" else [file, stream]
    with keys_of_the_commands():
        alone, _ = assess([file], tmp_path / "alone")
        for few in [paths] if order == "together" else [paths[:1], paths[1:]]:
            both, _ = assess(few, tmp_path / "store")
    (one,), (two,) = alone.sessions, both.sessions
    assert two.events > one.events
    assert (two.tool_calls, two.user_messages, two.gaps) == (2, 1, one.gaps)
    assert {finding.behaviour for finding in alone.findings} >= {"E3"}
    assert any(finding.behaviour in ("A4", "A7") for finding in alone.findings)
    assert sorted(finding.id for finding in both.findings) == sorted(
        finding.id for finding in alone.findings
    )
    assert {line.code: line.count for line in both.gaps} == {
        line.code: line.count for line in alone.gaps
    }


def test_what_only_the_printed_account_tells_is_looked_at(tmp_path: Path) -> None:
    file, stream = _claude(tmp_path, *ran("c", "shred -u ~/.bash_history"))
    kept = [line for line in file.read_text().splitlines() if "toolu_c" not in line]
    file.write_text("\n".join(kept) + "\n")
    with keys_of_the_commands():
        alone, _ = assess([file], tmp_path / "alone")
        both, _ = assess([file, stream], tmp_path / "store")
    new = {finding.id for finding in both.findings} - {finding.id for finding in alone.findings}
    assert any("history" in line.title.lower() for line in both.findings if line.id in new)


@pytest.mark.parametrize("make", [_claude, _codex])
@pytest.mark.parametrize("order", ["file first", "stream first"])
def test_a_call_that_the_session_file_tells_otherwise_is_looked_at_as_it_was_printed(
    tmp_path: Path, make: Any, order: str
) -> None:
    file, stream = make(tmp_path)
    text = file.read_text()
    assert "history -c" in text
    file.write_text(text.replace("history -c", "history && -c"))
    with keys_of_the_commands():
        alone, _ = assess([file], tmp_path / "alone")
        for path in [file, stream] if order == "file first" else [stream, file]:
            both, _ = assess([path], tmp_path / "store")
    assert not any(finding.behaviour == "E3" for finding in alone.findings)
    assert any(finding.behaviour == "E3" for finding in both.findings)
    assert both.sessions[0].tool_calls == 2


def test_a_session_takes_up_what_one_of_an_earlier_run_left(tmp_path: Path) -> None:
    left = session("one", "tidy up", *ran("a", "echo plan > /tmp/.handoff"))
    took = session("two", "go on", *ran("b", "cat /tmp/.handoff"), start=60)
    for name, text in (("a", left), ("b", took)):
        (tmp_path / name).write_text(text)
    with keys_of_the_commands():
        once, _ = assess([tmp_path / "a", tmp_path / "b"], tmp_path / "once")
        assess([tmp_path / "a"], tmp_path / "store")
        later, _ = assess([tmp_path / "b"], tmp_path / "store", whole=True)
    found = [finding.id for finding in once.findings if finding.behaviour == "E6"]
    assert found and found == [f.id for f in later.findings if f.behaviour == "E6"]
