"""Shapes of conversations that public tools write, each as a whole file of ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roguewatch.events import Event
from tests.sources.lines_of import of_kind, reading, write


def told(path: Path, value: Any, source: str = "chat", indent: int | None = 1) -> list[Event]:
    """The events of a file that holds one JSON value; nothing of it may be a gap."""
    path = path / "file"
    path.write_text(json.dumps(value, indent=indent))
    found, events = reading(path)
    gaps = [event.text for event in events if event.kind == "gap"]
    assert (found.source, found.error, gaps) == (source, "", [])
    assert not found.counts.unknown_field and not found.counts.unknown_type
    return events


def joined(events: list[Event]) -> list[tuple[str, str, str]]:
    """Tool, arguments and result of each call."""
    answers = {event.call_id: event.text for event in of_kind("tool_result", events)}
    return [(e.tool, e.arguments, answers.get(e.call_id, "")) for e in of_kind("tool_call", events)]


def simulated(**fields: Any) -> dict[str, Any]:
    """A message as tau2-bench writes it."""
    return {"turn_idx": 1, "timestamp": "2026-03-01T10:00:00.1", "cost": 0.1, "usage": None,
            "raw_data": None, "is_audio": False, "generation_time_seconds": 0.5,
            "context_truncation": None, "audio_format": None, "chunk_id": None,
            "is_final_chunk": True, "contains_speech": True, "utterance_ids": None,
            "turn_taking_action": None, "source": None, "tool_calls": None, **fields}  # fmt: skip


def simulation(number: int = 0) -> dict[str, Any]:
    def call(id: str, name: str, requestor: str) -> dict[str, Any]:
        return {"id": id, "name": name, "arguments": {"n": number}, "requestor": requestor}

    def answer(id: str, text: str, requestor: str) -> dict[str, Any]:
        return {"id": id, "role": "tool", "content": text, "requestor": requestor, "error": False,
                "turn_idx": 4, "timestamp": "2026-03-01T10:00:00"}  # fmt: skip

    both = [call("c1", "get_order", "assistant"), call("c2", "get_user", "assistant")]
    return {
        "id": f"sim-{number}", "task_id": "7", "trial": number, "seed": 5,
        "termination_reason": "user_stop", "reward_info": {"reward": 1.0},
        "messages": [
            simulated(role="assistant", content="Hi."),
            simulated(role="user", content="Where is my order?"),
            simulated(role="assistant", content=None, tool_calls=both),
            answer("c2", "user", "assistant"),
            answer("c1", "order", "assistant"),
            simulated(role="user", content=None, tool_calls=[call("u1", "reboot", "user")]),
            answer("u1", "rebooted", "user"),
            simulated(role="assistant", content="Done."),
        ],
    }  # fmt: skip


@pytest.mark.parametrize("indent", [None, 1], ids=["one line", "many lines"])
def test_tau2_results_are_one_session_a_simulation(tmp_path: Path, indent: int | None) -> None:
    results = {
        "timestamp": "2026-03-01", "info": {"agent_info": {"llm": "m"}}, "tasks": [{"id": "7"}],
        "simulations": [simulation(0), simulation(1)],
    }  # fmt: skip
    events = told(tmp_path, results, indent=indent)
    assert len({event.session for event in events}) == 2
    first = [event for event in events if event.session == events[0].session]
    assert joined(first) == [
        ("get_order", '{"n":0}', "order"),
        ("get_user", '{"n":0}', "user"),
        ("reboot", '{"n":0}', "rebooted"),
    ]
    assert [event.agent for event in of_kind("tool_call", first)] == ["main", "main", "user"]


def test_one_tau2_simulation_is_read_too(tmp_path: Path) -> None:
    assert len(joined(told(tmp_path, simulation()))) == 3


def test_contents_of_the_gemini_api_are_read(tmp_path: Path) -> None:
    contents = [
        {"role": "user", "parts": [{"text": "List."}]},
        {"role": "model", "parts": [
            {"text": "thinking about it", "thought": True},
            {"text": "Sure."},
            {"functionCall": {"id": "f1", "name": "ls", "args": {"path": "."}},
             "thoughtSignature": "s"},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "f1", "name": "ls", "response": {"output": "a.py"}}},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        ]},
        {"role": "function", "parts": [
            {"functionResponse": {"name": "x", "response": {"error": "no"}}}
        ]},
        {"role": "model", "parts": [{"executableCode": {"language": "PYTHON", "code": "1"}},
                                    {"codeExecutionResult": {"outcome": "OK", "output": "1"}}]},
    ]  # fmt: skip
    contents[3:3] = [{"role": "model", "parts": [{"functionCall": {"name": "x", "args": {}}}]}]
    events = told(tmp_path, contents)
    assert joined(events)[:2] == [("ls", '{"path":"."}', "a.py"), ("x", "{}", "no")]
    assert [event.text for event in of_kind("reasoning", events)] == ["thinking about it"]
    assert [e.text for e in of_kind("agent_message", events)] == ["Sure."]
    assert joined(events)[2] == ("code_execution", '{"language":"PYTHON","code":"1"}', "1")


def test_items_of_the_responses_api_are_read(tmp_path: Path) -> None:
    items = [
        {"role": "user", "content": "List."},
        {"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "id": "f", "call_id": "c1", "name": "ls", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "a.py"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "exec", "input": "1 + 1"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": "2"},
        {"type": "web_search_call", "id": "w", "status": "completed", "action": {"query": "q"}},
        {"type": "message", "id": "m", "role": "assistant", "status": "completed",
         "content": [{"type": "output_text", "text": "One file.", "annotations": []}]},
    ]  # fmt: skip
    events = told(tmp_path, items)
    assert joined(events)[:2] == [("ls", "{}", "a.py"), ("exec", '{"input":"1 + 1"}', "2")]
    assert joined(events)[2][0] == "web_search"
    assert [event.text for event in of_kind("reasoning", events)] == ["hm"]


def test_a_spoken_answer_is_told_by_its_transcript(tmp_path: Path) -> None:
    talk = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": None, "refusal": None,
         "audio": {"id": "a", "data": "AA==", "expires_at": 1, "transcript": "Hello."}},
    ]  # fmt: skip
    assert of_kind("agent_message", told(tmp_path, talk))[0].text == "Hello."


def mini(*messages: dict[str, Any], version: str = "1") -> dict[str, Any]:
    return {
        "info": {
            "exit_status": "Submitted", "submission": "diff", "mini_version": "2.0.0",
            "model_stats": {"instance_cost": 0.1, "api_calls": 2},
            "config": {"agent": {}, "agent_type": "minisweagent.agents.default.DefaultAgent"},
        },
        "messages": [
            {"role": "system", "content": "You can use bash."},
            {"role": "user", "content": "Solve it."},
            *messages,
        ],
        "trajectory_format": f"mini-swe-agent-{version}",
        "instance_id": "repo-1",
    }  # fmt: skip


def test_a_run_of_mini_swe_agent_that_writes_its_commands_in_text(tmp_path: Path) -> None:
    run = mini(
        {"role": "assistant", "content": "THOUGHT: look\n```bash\nls -la\n```",
         "timestamp": 1772359200.5, "extra": {"response": {"model": "m", "usage": {}}}},
        {"role": "user", "content": "<returncode>2</returncode>\n<output>\nno\n</output>"},
        {"role": "assistant", "content": "no command here"},
        {"role": "user", "content": "Please always provide EXACTLY ONE action."},
        {"role": "assistant", "content": "```mswea_bash_command\necho DONE\n```",
         "extra": {"actions": [{"command": "echo DONE"}], "cost": 0.1}},
        {"role": "exit", "content": "diff", "extra": {"exit_status": "Submitted"}},
    )  # fmt: skip
    path = tmp_path / "run.traj.json"
    path.write_text(json.dumps(run, indent=1))
    found, events = reading(path)
    assert found.source == "swe-agent" and not found.counts.unknown_field
    calls, results = of_kind("tool_call", events), of_kind("tool_result", events)
    assert [call.arguments for call in calls] == ['{"command":"ls -la"}', '{"command":"echo DONE"}']
    assert [(r.call_id, r.exit_status, r.failed) for r in results] == [(calls[0].call_id, 2, True)]
    assert [(e.author, e.text) for e in of_kind("user_message", events)] == [
        ("task", "Solve it."),
        ("harness", "Please always provide EXACTLY ONE action."),
    ]
    (end,) = of_kind("session_end", events)
    assert end.parsed_detail()["exit_status"] == "Submitted" and calls[0].time
    # the last command ends the run: nothing answers it
    assert found.counts.orphan_call == 0 and not of_kind("gap", events)


def test_a_run_of_mini_swe_agent_that_calls_tools(tmp_path: Path) -> None:
    function = {"name": "bash", "arguments": '{"command": "ls"}'}
    call = {"id": "c1", "type": "function", "function": function}
    run = mini(
        {"role": "assistant", "content": None, "tool_calls": [call],
         "extra": {"actions": [{"command": "ls", "tool_call_id": "c1"}], "timestamp": 1772359200}},
        {"role": "tool", "tool_call_id": "c1", "content": "<returncode>0</returncode>a.py",
         "extra": {"raw_output": "a.py", "returncode": 0, "timestamp": 1772359201}},
        {"object": "response", "model": "m", "output": [
            {"type": "message", "content": [{"type": "output_text", "text": "Next."}]},
            {"type": "function_call", "call_id": "c2", "name": "bash",
             "arguments": '{"command": "pwd"}'}],
         "extra": {"actions": [{"command": "pwd", "tool_call_id": "c2"}]}},
        {"type": "function_call_output", "call_id": "c2", "output": "/repo",
         "extra": {"returncode": -1, "exception_info": "timed out"}},
        version="1.1",
    )  # fmt: skip
    events = told(tmp_path, run, "swe-agent")
    assert [(tool, text) for tool, _, text in joined(events)] == [
        ("bash", "<returncode>0</returncode>a.py"),
        ("bash", "/repo"),
    ]
    assert [e.exit_status for e in of_kind("tool_result", events)] == [0, -1]
    assert "Next." in [e.text for e in of_kind("agent_message", events)]


def copilot(kind: str, number: int = 1, **data: Any) -> dict[str, Any]:
    return {"type": kind, "data": data, "id": f"e{number}", "parentId": None,
            "timestamp": "2026-08-01T10:00:00.000Z"}  # fmt: skip


COPILOT = """session.schedule_rearmed session.autopilot_objective_changed
    session.mode_notice_delivered session.session_limits_changed session.todos_changed
    session.usage_checkpoint session.context_cleared session.fusion_route_started
    session.fusion_route_failed session.fusion_resolved session.fusion_completed
    session.fusion_handoff session.fusion_commit_started session.completion_receipt
    session.import_legacy session.binary_asset session.custom_notification
    session.managed_settings_resolved session.managed_settings_enforced
    session.mcp_server_status_changed session.extensions_loaded session.canvas.recorded
    session.canvas.removed session_limits_exhausted.requested session_limits_exhausted.completed
    assistant.fusion_phase_started assistant.fusion_phase_completed
    assistant.fusion_phase_failed assistant.server_tool_progress assistant.tool_call_delta
    assistant.idle assistant.turn_retry model.call_failure model.call_finished
    tool_search.activated subagent.configured hook.progress sampling.requested
    sampling.completed mcp.oauth_required mcp.oauth_completed mcp.tools.list_changed
    commands.changed capabilities.changed factory.run_started factory.run_settled
    mcp_app.tool_call_complete""".split()


@pytest.mark.parametrize("kind", COPILOT)
def test_events_of_newer_copilots_are_no_gap(tmp_path: Path, kind: str) -> None:
    lines = [copilot("session.start", sessionId="s"), copilot(kind, 2, anything=[1])]
    found, events = reading(write(tmp_path / "events.jsonl", lines))
    assert found.source == "copilot-cli" and not found.counts.unknown_type
    assert events[-1].parsed_detail()["type"] == kind


@pytest.mark.parametrize(
    ("data", "mode"),
    [
        ({"mode": "allow-all", "previousMode": "manual"}, "allow-all"),
        ({"mode": "assisted"}, "assisted"),
        ({"mode": "manual"}, "manual"),
        ({"allowAllPermissions": True, "previousAllowAllPermissions": False}, "allow-all"),
        ({"allowAllPermissions": False}, "ask"),
    ],
)
def test_the_permission_mode_of_a_copilot(tmp_path: Path, data: dict[str, Any], mode: str) -> None:
    lines = [
        copilot("session.start", sessionId="s"),
        copilot("session.permissions_changed", 2, **data),
    ]
    _, events = reading(write(tmp_path / "events.jsonl", lines))
    assert events[-1].permission_mode == mode


def test_what_another_session_tells_a_copilot_is_no_persons(tmp_path: Path) -> None:
    origin = {"inputOrigin": "authenticated-cross-session", "inputIntegrity": "untrusted"}
    lines = [
        copilot("session.start", sessionId="s"),
        copilot("user.message", 2, content="x", **origin),
    ]
    _, events = reading(write(tmp_path / "events.jsonl", lines))
    assert events[-1].author == "agent"


GEN_AI = """memory.query.text memory.record.count memory.record.id memory.records memory.store.id
    token.cache token.modality token.phase usage.audio.input_tokens usage.audio.output_tokens
    usage.image.input_tokens usage.text.input_tokens usage.text.output_tokens
    usage.video.input_tokens""".split()


@pytest.mark.parametrize("name", GEN_AI)
def test_newer_attributes_of_the_conventions_are_known(tmp_path: Path, name: str) -> None:
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
        "name": "chat m", "startTimeUnixNano": "1763712000000000000",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
            {"key": f"gen_ai.{name}", "value": {"stringValue": "x"}},
        ],
    }  # fmt: skip
    told(tmp_path, {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, "otel")
