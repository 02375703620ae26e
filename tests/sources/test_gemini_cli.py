"""Gemini CLI sessions, as one JSON object and as lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.build import SHARED
from tests.sources.lines_of import events, of_kind, reading, write

START = {"sessionId": "g-1", "projectHash": "h", "startTime": "2026-01-01T00:00:00.000Z"}


def _message(id: str, kind: str, content: str, **fields: Any) -> dict[str, Any]:
    time = "2026-01-01T00:00:01.000Z"
    return {"id": id, "timestamp": time, "type": kind, "content": content, **fields}


def _call(status: str, output: str) -> dict[str, Any]:
    response = {"functionResponse": {"id": "c1", "name": "sh", "response": {"output": output}}}
    return {
        "id": "c1",
        "name": "run_shell_command",
        "args": {"command": "false"},
        "result": [response],
        "status": status,
        "timestamp": "2026-01-01T00:00:02.000Z",
    }


TOKENS = {"input": 100, "output": 10, "cached": 60, "thoughts": 5, "tool": 0, "total": 115}
ASKED = _message("m1", "user", "run it")
DONE = _message("m2", "gemini", "ran", toolCalls=[_call("error", "Exit Code: 1")], tokens=TOKENS)


def test_a_session_that_is_one_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(json.dumps({**START, "lastUpdated": "", "messages": [ASKED, DONE]}, indent=2))
    found, told = reading(path)
    assert found.source == "gemini-cli"
    kinds = ["session_start", "user_message", "agent_message", "tool_call", "tool_result", "usage"]
    assert [e.kind for e in told] == kinds
    result = told[4]
    assert (result.exit_status, result.failed, result.call_id) == (1, True, "c1")
    usage = told[5].usage
    assert usage and (usage.input, usage.output, usage.cache_read) == (40, 15, 60)
    data = path.read_bytes()
    assert all(data[e.origin.offset :].startswith(e.raw) for e in told if e.raw)


def test_a_session_of_lines_has_the_same_events(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    session = {**START, "messages": [ASKED, DONE]}
    whole.write_text(json.dumps(session, separators=(",", ":")))
    update = {"$set": {"lastUpdated": "x"}}
    found, told = reading(write(tmp_path / "l", [START, ASKED, DONE, update, {"$rewindTo": "m1"}]))
    known = {e.id for e in events(whole)}
    assert [e.kind for e in told if e.id not in known] == ["other", "other"]
    assert found.counts.unknown_type == 0


def test_a_message_that_is_written_again_adds_only_what_is_new(tmp_path: Path) -> None:
    before = {**DONE, "toolCalls": [], "tokens": None}
    told = events(write(tmp_path / "l", [START, ASKED, before, DONE]))
    assert len(of_kind("agent_message", told)) == 1 and len(of_kind("tool_call", told)) == 1


def test_a_cancelled_call_was_denied_by_a_person(tmp_path: Path) -> None:
    line = _message("m2", "gemini", "", toolCalls=[_call("cancelled", "[Operation Cancelled]")])
    (approval,) = of_kind("approval", events(write(tmp_path / "l", [START, line])))
    assert approval.call_id == "c1" and approval.parsed_detail()["decision"] == "deny"


def test_unknown_message_types_and_fields_are_gaps(tmp_path: Path) -> None:
    lines = [START, _message("m1", "oracle", "x"), {**ASKED, "mood": "good"}]
    found, told = reading(write(tmp_path / "l", lines))
    assert (found.counts.unknown_type, found.counts.unknown_field) == (1, 1)
    assert of_kind("user_message", told)[0].text == "run it"


def test_a_session_that_is_cut_short_keeps_its_whole_messages(tmp_path: Path) -> None:
    path = tmp_path / "x"
    whole = json.dumps({**START, "messages": [ASKED, DONE]})
    path.write_text(whole)
    before = {event.id for event in events(path)}
    path.write_text(whole[:-40])
    found, told = reading(path)
    assert found.counts.truncated_tail == 1
    assert [e.kind for e in told] == ["session_start", "user_message", "gap"]
    assert {e.id for e in told[:2]} < before
    assert whole.encode()[told[2].origin.offset :].startswith(told[2].raw)


def test_a_session_that_is_cut_before_its_messages_has_begun(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(json.dumps({**START, "messages": [ASKED]}).partition('"messages"')[0])
    found, told = reading(path)
    assert [e.kind for e in told] == ["session_start", "gap"]
    assert found.counts.truncated_tail == 1


def test_the_log_of_prompts_is_read_without_counting_messages_twice(tmp_path: Path) -> None:
    entry = {"sessionId": "g", "messageId": 0, "type": "user", "message": "hi", "timestamp": ""}
    path = tmp_path / "logs.json"
    path.write_text(json.dumps([entry], indent=2))
    found, told = reading(path)
    assert found.source == "gemini-cli" and [(e.kind, e.text) for e in told] == [("other", "hi")]


@pytest.mark.skipif(not SHARED.exists(), reason="no recorded sessions on this machine")
def test_recorded_sessions_hold_nothing_unknown() -> None:
    for path in sorted((SHARED / "gemini-cli").iterdir()):
        found, told = reading(path)
        document = json.loads(path.read_bytes())
        calls = sum(len(m.get("toolCalls") or ()) for m in document["messages"])
        assert len(of_kind("tool_call", told)) == calls
        assert (found.counts.unknown_type, found.counts.unknown_field) == (0, 0)


def test_what_gemini_prints_as_a_stream_is_told_with_its_pieces_joined(tmp_path: Path) -> None:
    def line(kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "timestamp": "2026-01-01T00:00:01.000Z", **fields}

    records = [
        line("init", session_id="g-9", model="gemini-x"),
        line("message", role="user", content="list"),
        line("message", role="assistant", content="I ", delta=True),
        line("message", role="assistant", content="look.", delta=True),
        line("tool_use", tool_name="run_shell_command", tool_id="c1", parameters={"command": "l"}),
        line("tool_result", tool_id="c1", status="error", error={"message": "no such"}),
        line("message", role="assistant", content="Done.", delta=True),
        line(
            "result", status="success", stats={"input_tokens": 9, "cached": 4, "output_tokens": 2}
        ),
    ]
    path = write(tmp_path / "s", records)
    found, told = reading(path)
    assert (found.source, found.counts.unknown_type, found.counts.orphan_call) == (
        "gemini-cli", 0, 0,
    )  # fmt: skip
    assert [event.text for event in of_kind("agent_message", told)] == ["I look.", "Done."]
    (result,) = of_kind("tool_result", told)
    assert (result.tool, result.failed, result.text) == ("run_shell_command", True, "no such")
    (spent,) = (event.usage for event in told if event.usage)
    assert (spent.input, spent.cache_read, spent.output) == (5, 4, 2)
    assert {(event.session, event.sighting) for event in told} == {("g-9", "stream")}
    data = path.read_bytes()
    assert all(data[event.origin.offset :].startswith(event.raw) for event in told)
    found, _ = reading(write(tmp_path / "t", [*records[:2], line("novel")]))
    assert found.counts.unknown_type == 1


def test_pieces_longer_than_a_record_may_be_are_told_as_several_messages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roguewatch.sources.gemini_stream.MAX_RECORD_BYTES", 1000)
    start = {"type": "init", "timestamp": "", "session_id": "g-9", "model": "gemini-x"}
    piece = {"type": "message", "role": "assistant", "content": "0123456789", "delta": True}
    told = of_kind("agent_message", events(write(tmp_path / "s", [start, *[piece] * 100])))
    assert "".join(event.text for event in told) == "0123456789" * 100
    assert max(len(event.raw) for event in told) <= 1100
