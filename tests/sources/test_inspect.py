"""Inspect logs as events; the same files read by inspect_ai where it is installed."""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
import zstandard

from roguewatch.errors import SourceError
from roguewatch.events import Event
from roguewatch.sources import inspect
from roguewatch.sources.source import Counts, Document
from tests.build import SHARED

_MESSAGES = {"system_message", "user_message", "agent_message", "tool_result"}


def header(**fields: Any) -> dict[str, Any]:
    about = {
        "eval_id": "e1",
        "run_id": "r1",
        "task_id": "t1",
        "task": "mend",
        "created": "2026-01-02T03:04:05+00:00",
        "model": "provider/model",
        "packages": {"inspect_ai": "0.3.200"},
    }
    return {"version": 2, "status": "success", "eval": about | fields}


def sample(number: int = 1, **fields: Any) -> dict[str, Any]:
    messages = [
        {"id": f"s{number}", "role": "system", "content": "Be careful."},
        {"id": f"u{number}", "role": "user", "content": "Mend it.", "source": "input"},
        {
            "id": f"a{number}",
            "role": "assistant",
            "content": [
                {"type": "reasoning", "reasoning": "look first"},
                {"type": "text", "text": "I look."},
            ],
            "tool_calls": [{"id": "c1", "function": "bash", "arguments": {"cmd": "ls"}}],
        },
        {
            "id": f"t{number}",
            "role": "tool",
            "content": "a.py",
            "tool_call_id": "c1",
            "function": "bash",
        },
        {"id": f"b{number}", "role": "assistant", "content": "Done."},
    ]
    return {
        "id": number,
        "epoch": 1,
        "input": "Mend it.",
        "target": "x",
        "messages": messages,
    } | fields


def archive(path: Path, samples: list[dict[str, Any]], *, method: int = 8, **members: Any) -> Path:
    files: dict[str, Any] = {"_journal/start.json": header(), **members}
    for each in samples:
        files[f"samples/{each['id']}_epoch_{each['epoch']}.json"] = each
    if "header.json" not in files:
        files["header.json"] = header()
    files = {name: value for name, value in files.items() if value is not None}
    path.write_bytes(
        zipped({name: json.dumps(value).encode() for name, value in files.items()}, method)
    )
    return path


def zipped(files: dict[str, bytes], method: int) -> bytes:
    """A zip with any compression method: zipfile of Python 3.11 cannot write method 93."""
    out, directory = io.BytesIO(), io.BytesIO()
    for name, data in files.items():
        stored = data
        if method == 8:
            deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
            stored = deflate.compress(data) + deflate.flush()
        elif method == 93:
            stored = zstandard.compress(data)
        common = struct.pack(
            "<HHHHHLLLHH",
            20,
            0,
            method,
            0,
            0,
            zlib.crc32(data),
            len(stored),
            len(data),
            len(name),
            0,
        )
        directory.write(b"PK\x01\x02" + struct.pack("<H", 20) + common)
        directory.write(struct.pack("<HHHLL", 0, 0, 0, 0, out.tell()) + name.encode())
        out.write(b"PK\x03\x04" + common + name.encode() + stored)
    start, listed = out.tell(), directory.getvalue()
    count = len(files)
    out.write(
        listed + b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, count, count, len(listed), start, 0)
    )
    return out.getvalue()


def read(path: Path) -> tuple[list[Event], Counts]:
    document = Document(path)
    assert inspect.source.recognise(document.head())
    return list(inspect.source.read(document)), document.counts


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.text) for event in events]


@pytest.mark.parametrize("method", [0, 8, 93])
def test_a_sample_is_told_in_order_whatever_the_compression(tmp_path: Path, method: int) -> None:
    events, counts = read(archive(tmp_path / "log.eval", [sample()], method=method))
    assert told(events) == [
        ("session_start", ""),
        ("system_message", "Be careful."),
        ("user_message", "Mend it."),
        ("reasoning", "look first"),
        ("agent_message", "I look."),
        ("tool_call", ""),
        ("tool_result", "a.py"),
        ("agent_message", "Done."),
        ("session_end", ""),
    ]
    assert {event.session for event in events} == {"e1/1/1"}
    assert [event.seq for event in events] == list(range(9))
    assert counts.events == 9 and counts.orphan_call == counts.malformed == 0
    call = next(event for event in events if event.kind == "tool_call")
    assert (call.tool, call.call_id, call.parsed_arguments()) == ("bash", "c1", {"cmd": "ls"})
    assert next(e for e in events if e.kind == "user_message").author == "task"


def test_each_message_keeps_its_exact_bytes_and_place(tmp_path: Path) -> None:
    path = archive(tmp_path / "log.eval", [sample()], method=0)
    events, _ = read(path)
    member = zipfile.ZipFile(path).read("samples/1_epoch_1.json")
    for event in events:
        if event.raw:
            assert member[event.origin.offset :].startswith(event.raw)
            assert event.origin.file.endswith("log.eval!samples/1_epoch_1.json")
    assert sum(bool(event.raw) for event in events) == 5


def test_attachments_and_pooled_messages_are_resolved(tmp_path: Path) -> None:
    given = sample()
    pool = given["messages"][:2]
    pool[0]["content"] = "attachment://aa"
    given["messages"] = []
    given["attachments"] = {"aa": "Be careful.", "bb": "ls -la"}
    reply = {
        "id": "a1",
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [{"id": "c1", "function": "bash", "arguments": {"cmd": "attachment://bb"}}],
    }
    given["events_data"] = {"messages": pool, "calls": []}
    given["events"] = [
        {
            "event": "model",
            "timestamp": "2026-01-01T00:00:00Z",
            "model": "m",
            "input": [],
            "input_refs": [[0, 2]],
            "output": {
                "model": "m",
                "choices": [{"message": reply}],
                "usage": {"input_tokens": 7, "output_tokens": 3},
            },
        },
        {
            "event": "tool",
            "id": "c1",
            "function": "bash",
            "arguments": {"cmd": "ls -la"},
            "timestamp": "2026-01-01T00:00:01Z",
            "result": "a.py",
        },
    ]
    events, counts = read(archive(tmp_path / "log.eval", [given]))
    assert ("system_message", "Be careful.") in told(events)
    call = next(event for event in events if event.kind == "tool_call")
    assert call.parsed_arguments() == {"cmd": "ls -la"}
    said = next(event for event in events if event.kind == "agent_message")
    assert said.usage is not None and (said.usage.input, said.usage.output) == (7, 3)
    assert counts.orphan_call == 0


def test_the_transcript_gives_times_processes_approvals_and_scores(tmp_path: Path) -> None:
    given = sample(scores={"s": {"value": "C"}}, limit={"type": "message", "limit": 5})
    given["events"] = [
        {
            "event": "span_begin",
            "id": "x",
            "type": "scorers",
            "name": "scorers",
            "timestamp": "2026-01-01T00:00:00Z",
        },
        {
            "event": "model",
            "span_id": "m",
            "timestamp": "2026-01-01T00:00:02Z",
            "completed": "2026-01-01T00:00:04Z",
            "model": "m",
            "input": [],
            "output": {"choices": [{"message": given["messages"][2]}]},
        },
        {
            "event": "approval",
            "timestamp": "2026-01-01T00:00:04Z",
            "message": "I look.",
            "call": {"id": "c1", "function": "bash", "arguments": {"cmd": "ls"}},
            "approver": "human",
            "decision": "approve",
            "explanation": "fine",
        },
        {
            "event": "tool",
            "id": "c1",
            "function": "bash",
            "arguments": {"cmd": "ls"},
            "timestamp": "2026-01-01T00:00:05Z",
            "completed": "2026-01-01T00:00:06Z",
            "result": "a.py",
        },
        {
            "event": "sandbox",
            "action": "exec",
            "cmd": "ls",
            "result": 3,
            "output": "a.py",
            "timestamp": "2026-01-01T00:00:05Z",
        },
        {"event": "score", "span_id": "x", "score": {"value": "C", "explanation": "good"}},
        {"event": "quantum_leap", "timestamp": "2026-01-01T00:00:07Z"},
    ]
    events, counts = read(archive(tmp_path / "log.eval", [given]))
    by_kind = {event.kind: event for event in events}
    assert by_kind["approval"].parsed_detail()["decision"] == "allow"
    assert (by_kind["approval"].tool, by_kind["approval"].call_id) == ("bash", "c1")
    assert by_kind["process"].exit_status == 3
    assert by_kind["process"].parsed_arguments() == {"command": "ls"}
    second = 1_000_000_000
    times = {event.text: event.time for event in events if event.kind == "agent_message"}
    assert times["I look."] == 1_767_225_604 * second
    assert by_kind["tool_result"].time == 1_767_225_606 * second
    end = by_kind["session_end"].parsed_detail()
    assert end["scores"] == {"s": {"value": "C"}} and end["limit"]["type"] == "message"
    assert counts.unknown_type == 1 and by_kind["gap"].parsed_detail()["code"] == "unknown_type"


def test_a_subagent_seen_only_in_the_transcript_is_an_agent_of_its_own(tmp_path: Path) -> None:
    given = sample()
    inner = {
        "id": "z1",
        "role": "assistant",
        "content": "I am the other.",
        "tool_calls": [{"id": "c9", "function": "python", "arguments": {"code": "1"}}],
    }
    given["events"] = [
        {"event": "span_begin", "id": "sub", "type": "agent", "name": "searcher"},
        {
            "event": "model",
            "span_id": "sub",
            "model": "m",
            "input": [{"id": "q", "role": "user", "content": "Search."}],
            "output": {"choices": [{"message": inner}]},
        },
        {
            "event": "tool",
            "span_id": "sub",
            "id": "c9",
            "function": "python",
            "arguments": {"code": "1"},
            "result": "1",
        },
    ]
    events, counts = read(archive(tmp_path / "log.eval", [given]))
    theirs = [(e.kind, e.parent_agent) for e in events if e.agent == "searcher"]
    assert theirs == [
        ("user_message", "main"),
        ("agent_message", "main"),
        ("tool_call", "main"),
        ("tool_result", "main"),
    ]
    assert counts.orphan_call == 0


def test_reading_a_copy_or_another_layout_gives_the_same_ids(tmp_path: Path) -> None:
    first, _ = read(archive(tmp_path / "log.eval", [sample()]))
    again, _ = read(archive(tmp_path / "copy.eval", [sample()], method=93))
    whole = tmp_path / "log.json"
    whole.write_text(json.dumps(header() | {"samples": [sample()]}, indent=2))
    as_json, _ = read(whole)
    assert [e.id for e in first] == [e.id for e in again] == [e.id for e in as_json]
    changed = sample()
    changed["messages"][4]["content"] = "Not done."
    altered, _ = read(archive(tmp_path / "altered.eval", [changed]))
    assert len({e.id for e in altered} - {e.id for e in first}) == 1


def test_an_unfinished_log_is_read_from_its_journal_and_names_what_is_missing(
    tmp_path: Path,
) -> None:
    summaries = [{"id": 1, "epoch": 1}, {"id": 2, "epoch": 1}]
    path = archive(
        tmp_path / "log.eval",
        [sample()],
        **{"header.json": None, "_journal/summaries/1.json": summaries},
    )
    events, counts = read(path)
    assert {e.session for e in events} == {"e1/1/1", "e1/2/1"}
    assert [e.parsed_detail()["code"] for e in events if e.kind == "gap"] == ["sample_missing"]
    assert counts.truncated_tail == 1


def test_a_chunked_sample_is_put_together(tmp_path: Path) -> None:
    whole = sample()
    messages = whole.pop("messages")
    messages[0]["content"] = "attachment://0"
    prefix = "samples/1_epoch_1/"
    members: dict[str, Any] = {
        prefix + "sample.json": whole | {"message_refs": [[0, 5]]},
        prefix + "messages/0.json": messages[:3],
        prefix + "messages/3.json": messages[3:],
        prefix + "attachments/0.json": ["Be careful."],
        prefix + "events/stats.json": {"version": 1},
    }
    chunked, _ = read(archive(tmp_path / "chunked.eval", [], **members))
    plain, _ = read(archive(tmp_path / "plain.eval", [sample()]))
    assert [e.id for e in chunked] == [e.id for e in plain]


def test_a_damaged_member_is_a_gap_and_the_rest_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "log.eval", [sample(1), sample(2)])
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as opened:
        place = opened.getinfo("samples/1_epoch_1.json").header_offset
    data[place + 80] ^= 0xFF
    path.write_bytes(data)
    events, counts = read(path)
    assert counts.malformed == 1
    assert [e.kind for e in events if e.session == "e1/1/1"] == ["gap"]
    assert sum(e.session == "e1/2/1" for e in events) == 9


@pytest.mark.parametrize("method", [8, 93])
def test_an_archive_cut_short_is_read_as_far_as_it_goes(tmp_path: Path, method: int) -> None:
    path = archive(
        tmp_path / "log.eval", [sample(1), sample(2)], method=method, **{"header.json": None}
    )
    whole = path.read_bytes()
    with zipped_at(whole, "samples/2_epoch_1.json") as place:
        path.write_bytes(whole[: place + 120])
    events, counts = read(path)
    assert sum(e.session == "e1/1/1" for e in events) == 9
    assert counts.truncated_tail == 2  # the directory, and the last sample
    assert any(e.kind == "gap" and e.session == "e1/2/1" for e in events)


class zipped_at:  # noqa: N801
    """The place of a member's local header."""

    def __init__(self, data: bytes, name: str) -> None:
        self.place = data.index(name.encode()) - 30

    def __enter__(self) -> int:
        return self.place

    def __exit__(self, *unused: object) -> None:
        return None


@pytest.mark.parametrize("method", [8, 93])
def test_a_zip_bomb_is_a_gap_and_the_rest_is_read(tmp_path: Path, method: int) -> None:
    members = {
        "_journal/start.json": json.dumps(header()).encode(),
        "samples/1_epoch_1.json": json.dumps(sample()).encode(),
    }
    # the declared size lies: 100 bytes
    data = zipped({"samples/9_epoch_1.json": b" " * (70 << 20), **members}, method)
    size = struct.pack("<L", 70 << 20)
    path = tmp_path / "bomb.eval"
    path.write_bytes(data.replace(size, struct.pack("<L", 100)))
    events, counts = read(path)
    assert counts.malformed == 1
    gap = next(e for e in events if e.kind == "gap")
    assert "decompress" in gap.text
    assert sum(e.session == "e1/1/1" for e in events) == 9


def test_nan_and_lone_surrogates_do_not_hide_a_sample(tmp_path: Path) -> None:
    text = json.dumps(sample(scores={"s": {"value": float("nan")}})).replace(
        "Done.", "Done \\ud83d."
    )
    path = tmp_path / "log.eval"
    files = {
        "_journal/start.json": json.dumps(header()).encode(),
        "samples/1_epoch_1.json": text.encode(),
    }
    path.write_bytes(zipped(files, 8))
    events, counts = read(path)
    assert counts.malformed == 0
    last = [e for e in events if e.kind == "agent_message"][-1]
    assert last.text == "Done \ufffd."
    assert b"\\ud83d" in last.raw


def test_a_call_without_result_and_a_result_without_call_are_orphans(tmp_path: Path) -> None:
    given = sample()
    given["messages"][3]["tool_call_id"] = "other"
    events, counts = read(archive(tmp_path / "log.eval", [given]))
    assert counts.orphan_call == 2
    assert [e.parsed_detail()["code"] for e in events if e.kind == "gap"] == ["orphan_call"] * 2


def test_an_archive_without_members_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(SourceError, match="without a readable member"):
        list(inspect.source.read(Document(path)))


def test_a_pointer_to_a_file_kept_elsewhere_is_not_taken_for_a_log() -> None:
    assert not inspect.source.recognise(
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    )


def _files() -> list[Path]:
    return sorted((SHARED / "inspect").glob("*.eval"))


@pytest.mark.parametrize("path", _files(), ids=lambda path: path.name[-40:])
def test_counts_equal_what_inspect_ai_reads(path: Path) -> None:
    log = pytest.importorskip("inspect_ai.log")
    if not path.read_bytes().startswith(b"PK"):
        pytest.skip("a pointer")
    theirs = [message for each in log.read_eval_log(str(path)).samples for message in each.messages]
    events, _ = read(path)
    assert sum(e.kind in _MESSAGES for e in events) == len(theirs)
    calls = sum(len(m.tool_calls or ()) for m in theirs if m.role == "assistant")
    assert sum(e.kind == "tool_call" for e in events) == calls
    assert len({e.id for e in events}) == len(events)


def test_a_field_of_a_sample_that_is_new_is_counted_and_told_once(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    samples = [sample(1, mood="good", store={}), sample(2, mood="bad")]
    path.write_text(json.dumps({**header(), "samples": samples}))
    events, counts = read(path)
    assert counts.unknown_field == 2
    (gap,) = [event for event in events if event.kind == "gap"]
    assert "mood" in gap.text and gap.parsed_detail()["code"] == "unknown_field"
