"""Claude Code session files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.build import SHARED
from tests.sources.lines_of import answer, claude, events, of_kind, reading, use, write


def test_messages_calls_and_results_become_events(tmp_path: Path) -> None:
    lines = [
        claude("user", "please list"),
        claude("assistant", [{"type": "thinking", "thinking": "hm", "signature": "x"}]),
        claude("assistant", [{"type": "text", "text": "I will"}, *use("Bash", "c1", command="ls")]),
        claude("user", answer("c1", "a\nb")),
    ]
    found, told = reading(write(tmp_path / "s", lines))
    assert found.source == "claude-code"
    assert [e.kind for e in told] == [
        "session_start",
        "user_message",
        "reasoning",
        "agent_message",
        "tool_call",
        "tool_result",
    ]
    call, result = told[4], told[5]
    assert call.arguments == '{"command":"ls"}'
    assert (result.tool, result.text, result.failed) == ("Bash", "a\nb", False)
    assert call.part == 1 and call.raw == b"" and told[3].raw.endswith(b"}")
    assert found.counts.lines == 4 and found.counts.events == len(told)
    assert [e.seq for e in told] == list(range(6))


def test_arguments_are_the_source_bytes(tmp_path: Path) -> None:
    text = '{"command" : "echo \\u00e9",  "n": 1.50, "n": 2}'
    line = json.dumps(claude("assistant", use("Bash", "c1", X="Y")), separators=(",", ":"))
    line = line.replace('{"X":"Y"}', text)
    (call,) = of_kind("tool_call", events(write(tmp_path / "s", [claude("user", "x"), line])))
    assert call.arguments == text


def test_tokens_of_a_message_over_several_lines_count_once(tmp_path: Path) -> None:
    first = claude("assistant", [{"type": "text", "text": "a"}])
    second = claude("assistant", [{"type": "text", "text": "b"}], requestId=first["requestId"])
    second["message"]["id"] = first["message"]["id"]
    second["message"]["usage"] = {**first["message"]["usage"], "output_tokens": 30}
    told = events(write(tmp_path / "s", [first, second]))
    assert sum(e.usage.output for e in told if e.usage) == 30
    assert sum(e.usage.input for e in told if e.usage) == 5
    assert sum(e.usage.cache_read for e in told if e.usage) == 11


@pytest.mark.parametrize(
    ("text", "fields", "author"),
    [
        ("fix the bug", {}, "human"),
        ("<b>what is this tag?</b>", {}, "human"),
        ("Caveat: The messages below", {"isMeta": True}, "harness"),
        ("<command-name>/clear</command-name>", {}, "harness"),
        ("<local-command-stdout></local-command-stdout>", {}, "harness"),
        ("<system-reminder>todo</system-reminder>", {}, "harness"),
        ("Stop hook feedback:\n- no", {}, "harness"),
        ("Summary of before", {"isCompactSummary": True}, "harness"),
        ("done", {"origin": {"kind": "task-notification"}}, "harness"),
        ("wake", {"promptSource": "schedule_wakeup"}, "harness"),
        ("from a program", {"promptSource": "sdk"}, ""),
        ("do it", {"isSidechain": True, "agentId": "a1"}, "agent"),
    ],
)
def test_author_tells_a_person_from_the_harness(
    tmp_path: Path, text: str, fields: dict[str, object], author: str
) -> None:
    (message,) = of_kind(
        "user_message", events(write(tmp_path / "s", [claude("user", text, **fields)]))
    )
    assert message.author == author


def test_permission_modes_hold_until_changed(tmp_path: Path) -> None:
    lines = [
        claude("user", "go", permissionMode="plan"),
        claude("assistant", use("Bash", "c1", command="ls")),
        {"type": "permission-mode", "permissionMode": "bypassPermissions", "sessionId": "s-1"},
        claude("assistant", use("Bash", "c2", command="ls")),
    ]
    told = events(write(tmp_path / "s", lines))
    assert [e.permission_mode for e in of_kind("tool_call", told)] == ["plan", "bypassPermissions"]
    assert len(of_kind("permission_mode", told)) == 2


def test_a_subagent_file_names_its_agent(tmp_path: Path) -> None:
    folder = tmp_path / "s-1" / "subagents"
    folder.mkdir(parents=True)
    lines = [claude("user", "look", isSidechain=True, agentId="a7")]
    told = events(write(folder / "agent-a7.jsonl", lines))
    assert [(e.kind, e.agent, e.parent_agent) for e in told] == [
        ("subagent_start", "a7", "main"),
        ("user_message", "a7", "main"),
    ]
    assert {e.session for e in told} == {"s-1"}


def test_a_subagent_seen_only_through_progress_lines_is_seen(tmp_path: Path) -> None:
    nested = claude("assistant", use("Bash", "c9", command="curl x"))
    data = {
        "type": "agent_progress",
        "agentId": "a1",
        "prompt": "p",
        "normalizedMessages": [],
        "message": {k: nested[k] for k in ("type", "message", "uuid", "timestamp", "requestId")},
    }
    told = events(write(tmp_path / "s", [claude("progress", data=data, toolUseID="x")]))
    (call,) = of_kind("tool_call", told)
    assert (call.agent, call.tool, call.arguments) == ("a1", "Bash", '{"command":"curl x"}')


def test_compaction_and_stop_hooks_are_told(tmp_path: Path) -> None:
    lines = [
        claude(
            "system",
            subtype="compact_boundary",
            content="Conversation compacted",
            compactMetadata={"trigger": "auto", "preTokens": 5},
        ),
        claude(
            "system",
            subtype="stop_hook_summary",
            hookCount=1,
            hookInfos=[],
            hookErrors=["exit 1"],
            preventedContinuation=True,
            stopReason="tests",
        ),
    ]
    told = events(write(tmp_path / "s", lines))
    assert of_kind("compaction", told)[0].parsed_detail()["metadata"]["preTokens"] == 5
    (decision,) = of_kind("decision", told)
    assert decision.parsed_detail()["decision"] == "block" and decision.failed is True


def test_hook_outcomes_in_attachments_are_told(tmp_path: Path) -> None:
    denied = {"type": "hook_permission_decision", "decision": "deny", "toolUseID": "c1"}
    failed = {"type": "hook_non_blocking_error", "hookName": "h", "exitCode": 1, "stderr": "boom"}
    lines = [claude("attachment", attachment=denied), claude("attachment", attachment=failed)]
    told = events(write(tmp_path / "s", lines))
    (decision,) = of_kind("decision", told)
    assert decision.call_id == "c1" and decision.parsed_detail()["decision"] == "deny"
    assert of_kind("other", told)[0].failed is True


def test_a_refused_call_is_an_approval_denied_by_a_person(tmp_path: Path) -> None:
    refusal = "The user doesn't want to proceed with this tool use. The tool use was rejected"
    lines = [
        claude("assistant", use("Bash", "c1", command="rm x")),
        claude("user", answer("c1", refusal, is_error=True)),
    ]
    (approval,) = of_kind("approval", events(write(tmp_path / "s", lines)))
    assert approval.parsed_detail() == {"decision": "deny", "by": "human"}
    assert approval.call_id == "c1"


def test_exit_status_interruption_and_side_files_are_read(tmp_path: Path) -> None:
    lines = [
        claude("assistant", use("Bash", "c1", command="x")),
        claude("user", answer("c1", "Exit code 3\nno", is_error=True)),
        claude("assistant", use("Bash", "c2", command="x")),
        claude(
            "user",
            answer("c2", "<persisted-output>part</persisted-output>"),
            toolUseResult={"stdout": "p", "interrupted": True, "persistedOutputPath": "/t/r.txt"},
        ),
        claude("assistant", use("Bash", "c3", command="x")),
        claude(
            "user",
            answer("c3", "its beginning"),
            toolUseResult={"persistedOutputPath": "/t/q.txt", "persistedOutputSize": 90_000},
        ),
    ]
    one, two, three = of_kind("tool_result", events(write(tmp_path / "s", lines)))
    assert (one.exit_status, one.failed) == (3, True)
    assert (two.failed, two.truncated) == (True, True)
    assert two.parsed_detail() == {"interrupted": True, "full_output": "/t/r.txt"}
    assert three.truncated, "its text does not say so"
    assert three.parsed_detail() == {"full_output": "/t/q.txt", "full_bytes": 90_000}


def test_a_resumed_session_that_copies_old_lines_adds_only_its_new_ones(tmp_path: Path) -> None:
    old = [claude("user", "one"), claude("assistant", use("Bash", "c1", command="ls"))]
    copied = [{**line, "sessionId": "s-2"} for line in old]
    first = {e.id for e in events(write(tmp_path / "a", old))}
    second = events(write(tmp_path / "b", [*copied, claude("user", "two", sessionId="s-2")]))
    new = [e.kind for e in second if e.id not in first and e.kind != "gap"]
    assert new == ["session_start", "user_message"]


def test_an_altered_copy_of_a_line_is_a_new_event(tmp_path: Path) -> None:
    line = claude("assistant", use("Bash", "c1", command="rm -rf /"))
    forged = json.loads(json.dumps(line).replace("rm -rf /", "ls -l"))
    a = of_kind("tool_call", events(write(tmp_path / "a", [line])))
    b = of_kind("tool_call", events(write(tmp_path / "b", [forged])))
    assert a[0].id != b[0].id


def test_a_line_that_stands_twice_is_told_once_and_counted(tmp_path: Path) -> None:
    line = claude("user", "hi")
    found, told = reading(write(tmp_path / "s", [line, line]))
    assert len(of_kind("user_message", told)) == 1
    assert found.counts.duplicate == 1


def test_calls_without_results_and_results_without_calls_are_gaps(tmp_path: Path) -> None:
    lines = [claude("assistant", use("Bash", "c1", command="x")), claude("user", answer("c2", "y"))]
    found, told = reading(write(tmp_path / "s", lines))
    gaps = [e.parsed_detail() for e in of_kind("gap", told)]
    assert found.counts.orphan_call == 2
    assert {(g["code"], g["missing"], g["call_id"]) for g in gaps} == {
        ("orphan_call", "call", "c2"),
        ("orphan_call", "result", "c1"),
    }


def test_unknown_types_and_fields_are_counted_and_told(tmp_path: Path) -> None:
    lines = [
        claude("user", "hi"),
        claude("teleport", where="elsewhere"),
        claude("user", "a", novel=1),
        claude("user", "b", novel=2),
        claude("assistant", [{"type": "text", "text": "t", "sparkle": 1}]),
        claude("system", subtype="new_thing"),
    ]
    found, told = reading(write(tmp_path / "s", lines))
    assert found.counts.unknown_type == 2 and found.counts.unknown_field == 3
    gaps = [e.parsed_detail() for e in of_kind("gap", told)]
    fields = [(g["record"], g["field"]) for g in gaps if g["code"] == "unknown_field"]
    assert fields == [("user", "novel"), ("assistant.message.content[]", "sparkle")]
    assert [e.text for e in of_kind("user_message", told)] == ["hi", "a", "b"]
    assert of_kind("agent_message", told)[0].text == "t"


def test_a_field_of_an_unexpected_kind_costs_only_that_field(tmp_path: Path) -> None:
    found, told = reading(write(tmp_path / "s", [claude("user", "hi", cwd=7)]))
    assert of_kind("user_message", told)[0].text == "hi"
    assert found.counts.unknown_field == 1


def test_prompt_history_is_read_without_counting_messages_twice(tmp_path: Path) -> None:
    line = {"display": "fix it", "pastedContents": {}, "timestamp": 1772359200000, "project": "/p"}
    found, told = reading(write(tmp_path / "h", [line]))
    assert found.source == "claude-code"
    assert [(e.kind, e.text) for e in told] == [("other", "fix it")]


@pytest.mark.skipif(not SHARED.exists(), reason="no recorded sessions on this machine")
def test_recorded_sessions_hold_nothing_unknown() -> None:
    for path in sorted((SHARED / "claude-code").iterdir()):
        found, told = reading(path)
        assert found.source == "claude-code" and not found.error
        assert (found.counts.unknown_type, found.counts.unknown_field) == (0, 0), path.name
        assert found.counts.events == len(told)


def test_lines_before_the_session_is_named_belong_to_it(tmp_path: Path) -> None:
    snapshot = {"type": "file-history-snapshot", "messageId": "m", "snapshot": {}}
    told = events(write(tmp_path / "s.jsonl", [snapshot, claude("user", "hello")]))
    assert {event.session for event in told} == {told[-1].session}
    assert told[0].session != ""
