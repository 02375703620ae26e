"""Copilot CLI sessions."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.build import SHARED
from tests.sources.lines_of import of_kind, reading, write

_ordinal = count(1)


def _line(kind: str, **data: Any) -> dict[str, Any]:
    number = next(_ordinal)
    time = f"2026-06-25T01:50:{number % 60:02}.000Z"
    return {"type": kind, "data": data, "id": f"e{number}", "timestamp": time, "parentId": None}


def _start() -> dict[str, Any]:
    context = {"cwd": "/home/a/project"}
    return _line("session.start", sessionId="p-1", copilotVersion="1.0.64", context=context)


def test_calls_permissions_and_results_are_joined(tmp_path: Path) -> None:
    request = {"kind": "shell", "toolCallId": "c1", "fullCommandText": "ls"}
    lines = [
        _start(),
        _line("user.message", content="list", interactionId="i1"),
        _line("assistant.message", messageId="m", content="ok", outputTokens=9, apiCallId="r1"),
        _line(
            "tool.execution_start", toolCallId="c1", toolName="bash", arguments={"command": "ls"}
        ),
        _line("permission.requested", requestId="q", permissionRequest=request),
        _line("permission.completed", requestId="q", toolCallId="c1", result={"kind": "approved"}),
        _line(
            "tool.execution_complete",
            toolCallId="c1",
            success=True,
            result={"content": "a\n<exited with exit code 0>"},
        ),
    ]
    found, told = reading(write(tmp_path / "e", lines))
    assert found.source == "copilot-cli" and found.counts.orphan_call == 0
    (call,), (result,) = of_kind("tool_call", told), of_kind("tool_result", told)
    (approval,) = of_kind("approval", told)
    assert call.arguments == '{"command":"ls"}' and call.cwd == "/home/a/project"
    assert (result.tool, result.exit_status, result.failed) == ("bash", 0, False)
    assert approval.call_id == "c1" and approval.parsed_detail()["decision"] == "allow"
    assert of_kind("user_message", told)[0].author == "human"
    assert of_kind("agent_message", told)[0].usage is not None


def test_a_denied_permission_is_a_denial(tmp_path: Path) -> None:
    outcome = {"kind": "denied-interactively-by-user"}
    lines = [_start(), _line("permission.completed", toolCallId="c1", result=outcome)]
    (approval,) = of_kind("approval", reading(write(tmp_path / "e", lines))[1])
    assert approval.parsed_detail()["decision"] == "deny"


def test_allowing_everything_is_a_permission_mode_that_holds(tmp_path: Path) -> None:
    lines = [
        _start(),
        _line("session.permissions_changed", allowAllPermissions=True),
        _line("tool.execution_start", toolCallId="c1", toolName="bash", arguments={}),
    ]
    told = reading(write(tmp_path / "e", lines))[1]
    assert of_kind("tool_call", told)[0].permission_mode == "allow-all"


def test_unknown_types_are_gaps(tmp_path: Path) -> None:
    found, _ = reading(write(tmp_path / "e", [_start(), _line("warp.engaged")]))
    assert found.counts.unknown_type == 1


@pytest.mark.skipif(not SHARED.exists(), reason="no recorded sessions on this machine")
def test_recorded_sessions_hold_nothing_unknown() -> None:
    for path in sorted((SHARED / "copilot-cli").iterdir()):
        found, told = reading(path)
        assert (found.counts.unknown_type, found.counts.unknown_field) == (0, 0)
        starts = path.read_bytes().count(b'"type":"tool.execution_start"')
        assert len(of_kind("tool_call", told)) == starts


def test_a_session_of_before_1_0_is_told_with_the_times_of_its_timeline(tmp_path: Path) -> None:
    call = {"function": {"name": "bash", "arguments": '{"command":"ls"}'}, "type": "function"}
    said: list[dict[str, Any]] = [
        {"role": "user", "content": "list"},
        {"role": "assistant", "tool_calls": [{**call, "id": "c1"}, {**call, "id": "c2"}]},
        {"role": "tool", "tool_call_id": "c1", "content": "a\n<exited with exit code 3>"},
        {"role": "tool", "tool_call_id": "c2", "content": "The user rejected this."},
        {"role": "assistant", "content": "done"},
    ]
    shown = [
        {"type": "user", "timestamp": "2025-10-08T21:10:20.000Z", "text": "list"},
        {"type": "tool_call_completed", "timestamp": "2025-10-08T21:10:25.000Z", "callId": "c1",
         "result": {"type": "success", "log": "a"}},
        {"type": "tool_call_completed", "timestamp": "2025-10-08T21:10:29.000Z", "callId": "c2",
         "result": {"type": "rejected"}},
    ]  # fmt: skip
    whole = {"sessionId": "h-1", "startTime": "2025-10-08T21:10:16.398Z",
             "selectedModel": "model-x", "chatMessages": said, "timeline": shown}  # fmt: skip
    path = tmp_path / "any name"
    path.write_text(json.dumps(whole, indent=2))
    found, told = reading(path)
    assert (found.source, found.error, found.counts.orphan_call) == ("copilot-cli", "", 0)
    kinds = ["session_start", "user_message", "tool_call", "tool_call", "tool_result",
             "tool_result", "approval", "agent_message"]  # fmt: skip
    assert [event.kind for event in told] == kinds
    assert {(event.session, event.model) for event in told} == {("h-1", "model-x")}
    seconds = [event.time and event.time // 10**9 % 60 for event in told]
    assert seconds == [16, 20, 20, 20, 25, 29, 29, 29]
    results = of_kind("tool_result", told)
    assert [event.exit_status for event in results] == [3, None]
    (refused,) = of_kind("approval", told)
    assert (refused.call_id, refused.parsed_detail()["by"]) == ("c2", "human")
    path.write_text(json.dumps({**whole, "chatMessages": said[:3], "timeline": shown[:2]}))
    shorter = {event.id for event in reading(path)[1] if event.kind != "gap"}
    assert shorter < {event.id for event in told}
