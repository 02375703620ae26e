"""SWE-agent trajectories as events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from roguewatch.errors import SourceError
from roguewatch.events import Event
from roguewatch.sources import swe_agent
from roguewatch.sources.source import Counts, Document
from tests.build import SHARED


def step(thought: str, action: str, observation: str, **state: str) -> dict[str, Any]:
    return {
        "action": action,
        "observation": observation,
        "response": f"{thought}\n```\n{action}\n```",
        "thought": thought,
        "state": json.dumps({"working_dir": "/repo"} | state),
    }


STEPS = [
    step("List.", "ls\n", "344"),
    step("", "cat a.py\n", "x = 1"),
    step("Submit.", "submit\n", "diff"),
]


def history(*, called: bool = False) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = [
        {"role": "system", "content": "SETTING", "agent": "main"},
        {"role": "user", "content": "A demonstration", "agent": "main", "is_demo": True},
        {"role": "user", "content": "Solve issue 344.", "agent": "main"},
    ]
    for number, each in enumerate(STEPS):
        turn = {
            "role": "assistant",
            "content": each["response"],
            "thought": each["thought"],
            "action": each["action"],
            "agent": "main",
        }
        answer = {
            "role": "user",
            "content": each["observation"] + "\n(Open file: n/a)\nbash-$",
            "agent": "main",
        }
        if called:
            function = {"name": "run", "arguments": json.dumps({"command": each["action"]})}
            turn["tool_calls"] = [{"id": f"c{number}", "type": "function", "function": function}]
            answer |= {
                "role": "tool",
                "tool_call_ids": [f"c{number}"],
                "message_type": "observation",
            }
        told += [turn, answer]
    told[5:5] = [{"role": "user", "content": "Your output was not formatted.", "agent": "main"}]
    return told


def write(path: Path, **parts: Any) -> Path:
    path.write_text(json.dumps(parts, indent=2))
    return path


def read(path: Path) -> tuple[list[Event], Counts]:
    document = Document(path)
    assert swe_agent.source.recognise(document.head())
    return list(swe_agent.source.read(document)), document.counts


INFO = {
    "exit_status": "submitted",
    "submission": "diff",
    "model_stats": {"tokens_sent": 9, "tokens_received": 2},
}


def test_steps_are_told_once_though_the_history_tells_them_again(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.traj", environment="main", trajectory=STEPS, history=history(), info=INFO
    )
    events, counts = read(path)
    assert [(event.kind, event.text) for event in events[1:]] == [
        ("system_message", "SETTING"),
        ("system_message", "A demonstration"),
        ("user_message", "Solve issue 344."),
        ("agent_message", "List."),
        ("tool_call", ""),
        ("tool_result", "344"),
        ("user_message", "Your output was not formatted."),
        ("tool_call", ""),
        ("tool_result", "x = 1"),
        ("agent_message", "Submit."),
        ("tool_call", ""),
        ("tool_result", "diff"),
        ("session_end", ""),
    ]
    first = next(event for event in events if event.kind == "tool_call")
    assert (first.tool, first.parsed_arguments(), first.cwd) == (
        "bash",
        {"command": "ls\n"},
        "/repo",
    )
    assert events[-1].parsed_detail()["exit_status"] == "submitted"
    assert events[-1].usage is not None and events[-1].usage.input == 9
    assert counts.orphan_call == counts.unknown_field == 0
    data = path.read_bytes()
    assert all(data[e.origin.offset :].startswith(e.raw) for e in events if e.raw)


def test_function_calls_keep_their_name_arguments_and_id(tmp_path: Path) -> None:
    path = write(tmp_path / "a.traj", trajectory=STEPS, history=history(called=True), info={})
    events, _ = read(path)
    calls = [(e.tool, e.call_id) for e in events if e.kind == "tool_call"]
    assert calls == [("run", "c0"), ("run", "c1"), ("run", "c2")]
    assert [e.text for e in events if e.kind == "tool_result"] == ["344", "x = 1", "diff"]


def test_a_file_with_history_alone_is_told_from_it(tmp_path: Path) -> None:
    events, counts = read(write(tmp_path / "a.traj", history=history(called=True)))
    assert [e.call_id for e in events if e.kind == "tool_result"] == ["c0", "c1", "c2"]
    assert counts.orphan_call == 0


def test_a_run_that_went_on_adds_only_what_is_new(tmp_path: Path) -> None:
    short = write(tmp_path / "a.traj", trajectory=STEPS[:2], history=history()[:6], info={})
    before, _ = read(short)
    after, _ = read(write(tmp_path / "b.traj", trajectory=STEPS, history=history(), info=INFO))
    assert {e.id for e in before} <= {e.id for e in after}
    assert len({e.id for e in after}) == len(after)


def test_a_cut_file_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.traj", trajectory=STEPS, history=history(), info=INFO)
    path.write_bytes(path.read_bytes()[:700])
    events, counts = read(path)
    assert counts.truncated_tail == 1 and any(event.kind == "tool_call" for event in events)


def test_an_object_without_steps_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.traj", trajectory=[], history=[])
    with pytest.raises(SourceError, match="without steps"):
        list(swe_agent.source.read(Document(path)))


def test_published_demonstrations_are_told_step_by_step() -> None:
    sessions = set()
    for path in sorted((SHARED / "swe-agent").glob("*.traj")):
        events, counts = read(path)
        given = json.loads(path.read_text())
        kinds = [event.kind for event in events]
        assert (
            kinds.count("tool_call")
            == kinds.count("tool_result")
            == len(given.get("trajectory", "12345"))
        )
        assert "user_message" in kinds and counts.malformed == counts.orphan_call == 0
        assert events[0].session not in sessions
        sessions.add(events[0].session)
