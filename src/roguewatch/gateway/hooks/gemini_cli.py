"""Gemini CLI's hooks (docs/hooks/reference.md of google-gemini/gemini-cli, 2026).

Its tool hooks carry no call id: calls and results are joined by session and order.
"""

from __future__ import annotations

from typing import Any

from roguewatch.control.decision import NEUTRAL_REASON, Decision
from roguewatch.events import Kind
from roguewatch.gateway.hooks.hook import (
    Agent,
    Answer,
    Hook,
    arguments_of,
    body,
    decoded,
    hook_event,
    name_of,
    need_tool,
    text_of,
)

_KINDS: dict[str, Kind] = {
    "BeforeTool": "tool_call",
    "AfterTool": "tool_result",
    "BeforeAgent": "user_message",
    "AfterAgent": "agent_message",
    "SessionStart": "session_start",
    "SessionEnd": "session_end",
    "PreCompress": "compaction",
}
_AWAITED = ("BeforeTool", "BeforeAgent")
_DETAILS = ("source", "reason", "trigger", "notification_type", "message", "mcp_context",
            "original_request_name", "transcript_path", "stop_hook_active")  # fmt: skip


def understand(raw: bytes, named: str = "") -> Hook:
    """A hook call of Gemini CLI."""
    payload = decoded(raw)
    name = name_of(text_of(payload, "hook_event_name"), named)
    tool = text_of(payload, "tool_name")
    if name == "BeforeTool":
        need_tool(name, tool)
    text = text_of(payload, "prompt_response" if name == "AfterAgent" else "prompt")
    failed = None
    if name == "AfterTool":
        response = payload.get("tool_response")
        text = text_of(payload, "tool_response")
        failed = bool(response.get("error")) if isinstance(response, dict) else None
    event = hook_event(
        raw,
        surface="gemini-cli",
        name=name,
        kind=_KINDS.get(name, "other"),
        session=text_of(payload, "session_id"),
        text=text,
        author={"BeforeAgent": "human", "AfterAgent": "agent"}.get(name, ""),  # type: ignore[arg-type]
        detail={key: payload[key] for key in _DETAILS if payload.get(key) is not None},
        tool=tool,
        arguments=arguments_of(payload.get("tool_input")) if tool else "",
        failed=failed,
        cwd=text_of(payload, "cwd"),
    )
    return Hook(event=event, name=name, awaits=name in _AWAITED)


def answer(hook: Hook, decision: Decision) -> Answer:
    """What Gemini CLI obeys; it has no `ask`."""
    if decision.outcome == "allow":
        return Answer()
    reply: dict[str, Any] = {"decision": "deny", "reason": decision.told}
    if decision.outcome == "stop":
        reply |= {"continue": False, "stopReason": decision.told}
    return Answer(body=body(reply), exit_status=2, stderr=decision.told)


def refuse(name: str) -> Answer:
    """Exit status 2 blocks, every other failure lets the action pass."""
    return Answer(
        body=body({"decision": "deny", "reason": NEUTRAL_REASON}),
        exit_status=2,
        stderr=NEUTRAL_REASON,
    )


agent = Agent("gemini-cli", understand, answer, refuse)
