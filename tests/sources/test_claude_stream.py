"""What `claude --output-format stream-json` prints, saved to a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sources.lines_of import events, of_kind, reading, write

SESSION = "5b1e0000-1"


def line(kind: str, number: int, **fields: Any) -> dict[str, Any]:
    return {"type": kind, **fields, "session_id": SESSION, "uuid": f"u-{number}"}


def begun(**fields: Any) -> dict[str, Any]:
    said = {"subtype": "init", "cwd": "/home/a/p", "tools": ["Bash"], "mcp_servers": []}
    said |= {"model": "claude-x", "permissionMode": "default", "claude_code_version": "2.1.20"}
    return line("system", 0, **said, **fields)


def answered(number: int, *blocks: dict[str, Any], within: str | None = None) -> dict[str, Any]:
    message: dict[str, Any] = {
        "model": "claude-x",
        "id": f"msg_{number}",
        "type": "message",
        "role": "assistant",
    }
    message |= {"content": list(blocks), "usage": {"input_tokens": 3, "output_tokens": 5}}
    return line("assistant", number, message=message, parent_tool_use_id=within)


def used(id: str, command: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": command}}


def gave(number: int, id: str, text: str, within: str | None = None) -> dict[str, Any]:
    block = {"tool_use_id": id, "type": "tool_result", "content": text, "is_error": False}
    message = {"role": "user", "content": [block]}
    outcome = {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}
    return line("user", number, message=message, parent_tool_use_id=within, tool_use_result=outcome)


def ended(**fields: Any) -> dict[str, Any]:
    said = {"subtype": "success", "is_error": False, "duration_ms": 3, "num_turns": 2}
    return line("result", 99, **said, result="Done.", total_cost_usd=0.01, **fields)


def test_calls_and_results_are_told_and_paired(tmp_path: Path) -> None:
    lines = [
        begun(),
        answered(1, {"type": "text", "text": "I look."}),
        answered(2, used("t1", "ls")),
    ]
    found, told = reading(write(tmp_path / "a", [*lines, gave(3, "t1", "a b"), ended()]))
    kinds = [
        "session_start",
        "permission_mode",
        "agent_message",
        "tool_call",
        "tool_result",
        "other",
    ]
    assert found.source == "claude-code" and [event.kind for event in told] == kinds
    assert {event.session for event in told} == {SESSION}
    assert {event.cwd for event in told} == {"/home/a/p"}
    call, result = told[3:5]
    assert (call.call_id, call.arguments) == ("t1", '{"command":"ls"}')
    assert (result.call_id, result.text, result.tool) == ("t1", "a b", "Bash")
    assert told[5].text == "Done." and found.counts.unknown_type == found.counts.unknown_field == 0


def test_what_a_subagent_does_is_its_own(tmp_path: Path) -> None:
    lines = [begun(), answered(1, used("t1", "ls"), within="task"), gave(2, "t1", "a", "task")]
    told = events(write(tmp_path / "a", lines))
    (call,), (result,) = of_kind("tool_call", told), of_kind("tool_result", told)
    assert (call.agent, call.parent_agent, result.agent) == ("task", "main", "task")


def test_calls_that_were_not_allowed_are_decisions(tmp_path: Path) -> None:
    denial = {"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "rm -rf /"}}
    told = events(write(tmp_path / "a", [begun(), ended(permission_denials=[denial])]))
    (decision,) = of_kind("decision", told)
    assert (decision.tool, decision.call_id) == ("Bash", "t1")
    assert '"decision":"deny"' in decision.detail and "rm -rf" in decision.arguments


def test_what_is_repeated_piece_by_piece_is_said_once(tmp_path: Path) -> None:
    delta = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "I"},
    }
    part = line("stream_event", 1, event=delta, parent_tool_use_id=None)
    whole = answered(2, {"type": "text", "text": "I"})
    told = events(write(tmp_path / "a", [begun(), part, whole, ended()]))
    assert [event.text for event in of_kind("agent_message", told)] == ["I"]


@pytest.mark.parametrize("begins", ["init", "hook", "answer"])
def test_it_is_recognised_whatever_comes_first_and_without_uuids(
    tmp_path: Path, begins: str
) -> None:
    hook = line("system", 7, subtype="hook_started", hook_name="SessionStart:startup")
    first = {"init": [begun()], "hook": [hook, begun()], "answer": []}[begins]
    lines = [*first, answered(1, used("t1", "ls")), gave(2, "t1", "a"), ended()]
    for each in lines:
        del each["uuid"]
    found, told = reading(write(tmp_path / "a", lines))
    assert found.source == "claude-code" and not found.error
    assert [len(of_kind(kind, told)) for kind in ("tool_call", "tool_result", "gap")] == [1, 1, 0]
    assert of_kind("session_start", told)


def test_what_is_not_known_is_a_gap(tmp_path: Path) -> None:
    strange = {**answered(1, used("t1", "ls")), "never_seen": 1}
    found, told = reading(write(tmp_path / "a", [begun(), strange, line("unheard_of", 2)]))
    assert (found.counts.unknown_field, found.counts.unknown_type) == (1, 1)
    assert len(of_kind("tool_call", told)) == 1


@pytest.mark.parametrize("layout", ["one line", "many lines", "objects over many lines"])
def test_the_stream_as_one_array_tells_what_its_lines_tell(tmp_path: Path, layout: str) -> None:
    records = [begun(), answered(1, used("c1", "ls")), gave(2, "c1", "a"), answered(3)]
    told = events(write(tmp_path / "lines", records))
    indent = None if layout == "one line" else 2
    path = tmp_path / "array"
    if layout == "objects over many lines":
        path.write_text("\n".join(json.dumps(record, indent=2) for record in records))
    else:
        path.write_text(json.dumps(records, indent=indent))
    found, again = reading(path)
    assert (found.source, found.counts.lines) == ("claude-code", 4)
    assert [(e.kind, e.text, e.call_id, e.sighting) for e in again] == [
        (e.kind, e.text, e.call_id, "stream") for e in told
    ]
    data = path.read_bytes()
    assert all(data[e.origin.offset :].startswith(e.raw) for e in again)
    path.write_bytes(data[:-40])
    found, again = reading(path)
    assert found.counts.truncated_tail == 1 and of_kind("tool_result", again)
