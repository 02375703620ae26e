"""Hook bodies of five agents, understood; and bytes of every kind, refused or understood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roguewatch.control.decision import Decision
from roguewatch.errors import InputError
from roguewatch.events import Event
from roguewatch.gateway.app import AGENTS
from tests.gateway.hooking import AGENTS as CALLS
from tests.gateway.hooking import body, denies

CLAUDE_EVENTS = (
    "PreToolUse PostToolUse PostToolUseFailure PostToolBatch PermissionRequest PermissionDenied "
    "UserPromptSubmit SessionStart SessionEnd Setup Stop StopFailure SubagentStart SubagentStop "
    "PreCompact PostCompact PreModelSwitch PostModelSwitch ConfigChange Notification TaskCreated "
    "TaskCompleted UserPromptExpansion TeammateIdle Elicitation ElicitationResult "
    "InstructionsLoaded WorktreeCreate WorktreeRemove CwdChanged FileChanged DirectoryAdded "
    "MessageDisplay"
).split()

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(
    [
        "hook_event_name", "session_id", "sessionId", "conversation_id", "tool_name", "toolName",
        "tool_input", "toolArgs", "tool_use_id", "cwd", "permission_mode", "background_tasks",
        "session_crons", "prompt", "toolResult", "tool_response", "command", "agent_id",
    ]
) | st.text(max_size=6)  # fmt: skip
EVENTS = st.sampled_from([*CLAUDE_EVENTS, *CALLS.values(), "BeforeAgent", "stop"])


@pytest.mark.parametrize("name", CLAUDE_EVENTS)
def test_every_event_of_claude_code_becomes_one_of_ours(name: str) -> None:
    hook = AGENTS["claude-code"].understand(
        json.dumps({**body(), "hook_event_name": name}).encode(), ""
    )
    assert hook.name == name
    assert hook.event.parsed_detail()["hook"] == name
    assert hook.event.raw


@settings(max_examples=300, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(
    agent=st.sampled_from(sorted(AGENTS)), raw=st.binary(max_size=200), named=st.text(max_size=9)
)
def test_any_bytes_are_understood_or_refused(agent: str, raw: bytes, named: str) -> None:
    try:
        hook = AGENTS[agent].understand(raw, named)
    except InputError:
        return
    assert isinstance(hook.event, Event)


@settings(max_examples=500, deadline=None, derandomize=True,
          suppress_health_check=[HealthCheck.too_slow])  # fmt: skip
@given(
    agent=st.sampled_from(sorted(AGENTS)),
    fields=st.dictionaries(NAMES, values, max_size=8),
    event=EVENTS,
)
def test_any_object_is_understood_or_refused(
    agent: str, fields: dict[str, Any], event: str
) -> None:
    raw = json.dumps({**fields, "hook_event_name": event}).encode()
    try:
        hook = AGENTS[agent].understand(raw, "")
    except InputError:
        return
    for one in (hook.event, *hook.more):
        one.text.encode()  # no lone surrogate is left
        one.arguments.encode()
        assert one.session
        assert len(one.id) == 32
    if hook.awaits and hook.event.kind == "tool_call":
        assert hook.event.tool


@pytest.mark.parametrize("agent", sorted(CALLS))
@pytest.mark.parametrize("outcome", ["allow", "ask", "deny", "stop"])
def test_answers_say_what_was_decided_in_the_agent_s_own_form(agent: str, outcome: Any) -> None:
    spoken = AGENTS[agent]
    hook = spoken.understand(json.dumps(body(agent)).encode(), CALLS[agent])
    assert hook.awaits
    answer = spoken.answer(hook, Decision(outcome=outcome))
    blocks = answer.exit_status == 2 or denies(answer.body)
    asks = b'"ask"' in answer.body
    assert blocks or asks or outcome == "allow"
    assert not (outcome == "allow" and (blocks or asks))
    assert asks <= (outcome == "ask" and hook.can_ask)


@pytest.mark.parametrize(("outcome", "goes_on"), [("allow", True), ("ask", False), ("deny", False)])
def test_a_prompt_to_cursor_goes_on_where_it_is_allowed(outcome: Any, goes_on: bool) -> None:
    prompt = {"conversation_id": "c", "hook_event_name": "beforeSubmitPrompt", "prompt": "hello"}
    hook = AGENTS["cursor"].understand(json.dumps(prompt).encode(), "beforeSubmitPrompt")
    said = json.loads(AGENTS["cursor"].answer(hook, Decision(outcome=outcome)).body)
    assert said["continue"] is goes_on


def test_a_lone_surrogate_does_not_hide_a_command() -> None:
    raw = json.dumps(body()).replace('"ls"', '"rm -rf / # \\ud800"').encode()
    hook = AGENTS["claude-code"].understand(raw, "")
    assert hook.event.parsed_arguments()["command"] == "rm -rf / # \ufffd"


def test_a_copilot_body_is_of_the_hook_that_it_was_installed_for() -> None:
    raw = json.dumps({"sessionId": "s", "prompt": "go"}).encode()
    assert AGENTS["copilot-cli"].understand(raw, "userPromptSubmitted").event.author == "human"
    with pytest.raises(InputError):
        AGENTS["copilot-cli"].understand(raw, "preToolUse")
