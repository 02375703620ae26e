"""Codex rollouts and exec streams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.build import SHARED
from tests.sources.lines_of import codex, events, meta, of_kind, reading, write


def test_the_four_shapes_of_tool_call_are_read(tmp_path: Path) -> None:
    script = 'const r = await tools.exec_command({cmd:"pytest -q"})'
    lines = [
        meta(),
        codex("function_call", name="exec_command", arguments='{"cmd": "ls"}', call_id="c1"),
        codex("function_call_output", call_id="c1", output="x"),
        codex("local_shell_call", call_id="c2", action={"type": "exec", "command": ["ls"]}),
        codex("function_call_output", call_id="c2", output="x"),
        codex("custom_tool_call", call_id="c3", name="exec", input=script),
        codex(
            "custom_tool_call_output",
            call_id="c3",
            output=[{"type": "input_text", "text": "Script completed\nOutput:\n77 passed"}],
        ),
        codex("web_search_call", id="w1", action={"type": "search", "query": "q"}),
    ]
    found, told = reading(write(tmp_path / "r", lines))
    calls = [(e.tool, e.arguments) for e in of_kind("tool_call", told)]
    assert calls == [
        ("exec_command", '{"cmd": "ls"}'),
        ("local_shell", '{"type":"exec","command":["ls"]}'),
        ("exec", json.dumps({"input": script}, ensure_ascii=False)),
        ("web_search", '{"type":"search","query":"q"}'),
    ]
    assert found.counts.orphan_call == 0
    assert of_kind("tool_result", told)[2].failed is False


@pytest.mark.parametrize(
    ("output", "status", "failed", "truncated"),
    [
        ('{"output":"no\\n","metadata":{"exit_code":2,"duration_seconds":0.1}}', 2, True, False),
        (
            "Chunk ID: 1\nWall time: 0 seconds\nProcess exited with code 0\nOutput:\nok",
            0,
            False,
            False,
        ),
        ("Exit code: 1\nWall time: 0 seconds\nOutput:\nbad", 1, True, False),
        ("Wall time: 1 seconds\nOutput:\nProcess exited with code 9", None, None, False),
        ("all fine", None, None, False),
        (
            "Exit code: 0\nOutput:\nWarning: truncated output (original token count: 90)\nx",
            0,
            False,
            True,
        ),
        ("a…120 tokens truncated…b", None, None, True),
    ],
)
def test_exit_status_and_truncation_are_read_from_the_output_text(
    tmp_path: Path, output: str, status: int | None, failed: bool | None, truncated: bool
) -> None:
    lines = [
        meta(),
        codex("function_call", name="shell", arguments="{}", call_id="c1"),
        codex("function_call_output", call_id="c1", output=output),
    ]
    (result,) = of_kind("tool_result", events(write(tmp_path / "r", lines)))
    assert (result.exit_status, result.failed, result.truncated) == (status, failed, truncated)


def test_permission_mode_is_approval_and_sandbox(tmp_path: Path) -> None:
    new = {"approval_policy": "never", "sandbox_policy": {"type": "danger-full-access"}}
    old = {"approval_policy": "on-request", "sandbox_policy": {"mode": "workspace-write"}}
    call = codex("function_call", name="shell", arguments="{}", call_id="c1")
    lines = [
        meta(),
        codex("", "turn_context", cwd="/w", model="gpt-x", summary="auto", **old),
        codex("", "turn_context", cwd="/w", model="gpt-x", summary="auto", **new),
        call,
    ]
    told = events(write(tmp_path / "r", lines))
    modes = [e.permission_mode for e in of_kind("permission_mode", told)]
    assert modes == ["on-request/workspace-write", "never/danger-full-access"]
    (event,) = of_kind("tool_call", told)
    assert (event.permission_mode, event.model, event.cwd) == (modes[1], "gpt-x", "/w")


def _usage(**numbers: int) -> dict[str, Any]:
    return {"input_tokens": 0, "cached_input_tokens": 0, "output_tokens": 0, **numbers}


def test_tokens_told_as_totals_and_as_records_count_once(tmp_path: Path) -> None:
    one = _usage(input_tokens=100, cached_input_tokens=40, output_tokens=10)
    two = _usage(input_tokens=300, cached_input_tokens=140, output_tokens=25)
    last = _usage(input_tokens=200, cached_input_tokens=100, output_tokens=15)

    def total(total: dict[str, int], last: dict[str, int]) -> dict[str, Any]:
        info = {"total_token_usage": total, "last_token_usage": last}
        return codex("token_count", "event_msg", info=info, rate_limits=None)

    def record(response: str, usage: dict[str, int]) -> dict[str, Any]:
        return codex("", "token_usage_record", thread_id="t", response_id=response, usage=usage)

    lines = [
        meta(),
        total(one, one),
        record("r1", one),
        record("r1", one),
        total(one, one),
        record("r2", last),
        total(two, last),
    ]
    found, told = reading(write(tmp_path / "r", lines))
    used = [e.usage for e in told if e.usage]
    assert sum(u.input for u in used) == 160
    assert sum(u.cache_read for u in used) == 140
    assert sum(u.output for u in used) == 25
    assert found.counts.duplicate == 1


def test_messages_for_the_interface_do_not_count_twice(tmp_path: Path) -> None:
    said = [{"type": "input_text", "text": "hello"}]
    lines = [
        meta(),
        codex("message", role="user", content=said),
        codex("user_message", "event_msg", message="hello"),
        codex("agent_message", "event_msg", message="hi"),
        codex("message", role="assistant", content=[{"type": "output_text", "text": "hi"}]),
    ]
    told = events(write(tmp_path / "r", lines))
    assert [e.text for e in of_kind("user_message", told)] == ["hello"]
    assert [e.text for e in of_kind("agent_message", told)] == ["hi"]


@pytest.mark.parametrize(
    ("text", "author"),
    [
        ("# AGENTS.md instructions for /w\n", "harness"),
        ("<environment_context>\n<cwd>/w</cwd>", "harness"),
        ("<turn_aborted>\nx", "harness"),
        ("please fix", "human"),
    ],
)
def test_context_in_user_messages_is_the_harness(tmp_path: Path, text: str, author: str) -> None:
    content = [{"type": "input_text", "text": text}]
    lines = [meta(), codex("message", role="user", content=content)]
    (message,) = of_kind("user_message", events(write(tmp_path / "r", lines)))
    assert message.author == author


def test_a_subagent_names_its_parent(tmp_path: Path) -> None:
    spawn = {"subagent": {"thread_spawn": {"parent_thread_id": "root", "depth": 1}}}
    told = events(write(tmp_path / "r", [meta(source=spawn, agent_nickname="Ada")]))
    (start,) = of_kind("subagent_start", told)
    assert (start.agent, start.parent_agent) == ("Ada", "root")


def test_a_longer_snapshot_adds_only_what_is_new(tmp_path: Path) -> None:
    lines = [meta(), *(codex("message", role="assistant", content="same") for _ in range(3))]
    lines[2]["timestamp"] = lines[1]["timestamp"]
    short = [e.id for e in events(write(tmp_path / "a", lines[:3]))]
    long = [e.id for e in events(write(tmp_path / "b", lines))]
    assert long[: len(short)] == short and len(set(long)) == len(short) + 1


def test_patches_aborts_and_compaction_are_told(tmp_path: Path) -> None:
    changes = {"/w/a.py": {"type": "update", "unified_diff": "@@", "move_path": None}}
    lines = [
        meta(),
        codex(
            "patch_apply_end", "event_msg", call_id="c", success=True, changes=changes, stdout=""
        ),
        codex("turn_aborted", "event_msg", reason="interrupted"),
        codex("", "compacted", message="so far", replacement_history=[]),
    ]
    told = events(write(tmp_path / "r", lines))
    change = of_kind("file_change", told)[0]
    assert change.parsed_detail()["changes"] == [{"path": "/w/a.py", "how": "update"}]
    assert of_kind("compaction", told)[0].text == "so far"


def test_shapeless_line_types_are_kept_as_they_are(tmp_path: Path) -> None:
    scores = [{"scores": {"x": 0.1}}, {"review_id": "r", "score": 1, "category": "action_risk"}]
    lines = [meta(), *(codex("", "security_risk_score", **score) for score in scores)]
    told = events(write(tmp_path / "r", lines))
    assert len(of_kind("other", told)) == 2 and not of_kind("gap", told)
    assert b"action_risk" in told[-1].raw


def test_unknown_payloads_are_gaps(tmp_path: Path) -> None:
    lines = [meta(), codex("mind_meld"), codex("whisper", "event_msg"), codex("", "new_line_type")]
    found, told = reading(write(tmp_path / "r", lines))
    assert found.counts.unknown_type == 3
    types = [e.parsed_detail()["type"] for e in of_kind("gap", told)]
    assert types == ["response_item.mind_meld", "event_msg.whisper", "new_line_type"]


def test_early_rollouts_without_envelope_are_read(tmp_path: Path) -> None:
    lines = [
        {"id": "t-0", "timestamp": "2025-06-01T10:00:00Z", "instructions": "be good", "git": None},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "function_call", "name": "shell", "arguments": "{}", "call_id": "c1"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
    ]
    told = events(write(tmp_path / "r", lines))
    assert {e.session for e in told} == {"t-0"}
    assert [e.text for e in of_kind("user_message", told)] == ["hi"]
    assert of_kind("tool_call", told)[0].tool == "shell"


def test_an_exec_stream_has_exit_codes(tmp_path: Path) -> None:
    item = {"id": "item_0", "type": "command_execution", "command": "bash -lc ls"}
    done = {"aggregated_output": "a\n", "exit_code": 1, "status": "failed"}
    lines = [
        {"type": "thread.started", "thread_id": "t-9"},
        {"type": "turn.started"},
        {"type": "item.started", "item": {**item, "status": "in_progress"}},
        {"type": "item.completed", "item": {**item, **done}},
        {"type": "item.completed", "item": {"id": "i1", "type": "agent_message", "text": "done"}},
        {"type": "turn.completed", "usage": _usage(input_tokens=9, output_tokens=2)},
    ]
    found, told = reading(write(tmp_path / "x", lines))
    assert found.source == "codex" and found.counts.orphan_call == 0
    (call,) = of_kind("tool_call", told)
    (result,) = of_kind("tool_result", told)
    assert call.parsed_arguments() == {"command": "bash -lc ls"}
    assert (result.exit_status, result.failed, result.text) == (1, True, "a\n")
    assert of_kind("agent_message", told)[0].text == "done"


@pytest.mark.skipif(not SHARED.exists(), reason="no recorded sessions on this machine")
def test_recorded_rollouts_hold_nothing_unknown() -> None:
    for path in sorted((SHARED / "codex").iterdir()):
        found, told = reading(path)
        assert found.source == "codex" and not found.error
        assert (found.counts.unknown_type, found.counts.unknown_field) == (0, 0), path.name
        people = [e for e in of_kind("user_message", told) if e.author == "human"]
        prompts = sum(b'"type":"user_message"' in line for line in path.read_bytes().split(b"\n"))
        plain = sum(b'"kind":"environment_context"' in x for x in path.read_bytes().split(b"\n"))
        assert len(people) == prompts - plain, path.name


def _parent() -> list[dict[str, Any]]:
    return [
        meta(id="parent"),
        codex("message", role="user", content=[{"type": "input_text", "text": "go on"}]),
        codex("message", role="assistant", content=[{"type": "output_text", "text": "Yes."}]),
        codex("function_call", name="shell", arguments="{}", call_id="c1"),
        codex("function_call_output", call_id="c1", output="done"),
        codex("message", role="user", content=[{"type": "input_text", "text": "go on"}]),
    ]


def _fork(lines: list[dict[str, Any]], second: int, stamped: bool) -> list[dict[str, Any]]:
    """A fork of these lines: copied at that second, or with their own times."""
    begin = f"2026-03-02T09:00:{second:02}"
    copied = [
        {**line, "timestamp": f"{begin}.{100 + number}Z"} if stamped else line
        for number, line in enumerate(lines)
    ]
    first = meta(id=f"fork-{second}", forked_from_id="parent")
    return [{**first, "timestamp": f"{begin}.000Z"}, *copied]


def _later(line: dict[str, Any], time: str) -> dict[str, Any]:
    return {**line, "timestamp": time}


@pytest.mark.parametrize("stamped", [True, False])
def test_what_a_fork_copies_of_its_parent_counts_once(tmp_path: Path, stamped: bool) -> None:
    parent = _parent()
    words = codex("message", role="user", content=[{"type": "input_text", "text": "go on"}])
    own = _later(words, "2026-03-02T09:05:00.000Z")
    of_parent = events(write(tmp_path / "a", parent))
    of_fork = events(write(tmp_path / "b", [*_fork(parent, 10, stamped), own]))
    known = {event.id for event in of_parent}
    new = [event for event in of_fork if event.id not in known]
    assert [event.kind for event in new] == ["session_start", "other", "user_message"]
    assert {event.session for event in new} == {"fork-10"}


def test_two_forks_of_a_parent_that_is_gone_share_its_lines(tmp_path: Path) -> None:
    parent = _parent()
    one = events(write(tmp_path / "a", _fork(parent, 10, True)))
    two = events(write(tmp_path / "b", _fork(parent, 40, True)))
    assert [e.id for e in one[2:]] == [e.id for e in two[2:]] and len(one) == 7
    assert not {e.id for e in one[:2]} & {e.id for e in two[:2]}


def test_what_two_forks_say_alike_after_the_copy_is_two_events(tmp_path: Path) -> None:
    parent = _parent()
    words = codex("message", role="user", content=[{"type": "input_text", "text": "go on"}])
    own = _later(words, "2026-03-02T09:05:00.000Z")
    one = events(write(tmp_path / "a", [*_fork(parent, 10, True), own]))
    two = events(write(tmp_path / "b", [*_fork(parent, 40, True), own]))
    assert one[-1].text == two[-1].text == "go on" and one[-1].id != two[-1].id
