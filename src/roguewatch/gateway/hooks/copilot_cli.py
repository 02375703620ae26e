"""Copilot CLI's command hooks (GitHub's hooks reference for Copilot CLI, 2026)."""

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
    need_tool,
    text_of,
)

_KINDS: dict[str, Kind] = {
    "preToolUse": "tool_call",
    "permissionRequest": "approval",
    "postToolUse": "tool_result",
    "postToolUseFailure": "tool_result",
    "userPromptSubmitted": "user_message",
    "sessionStart": "session_start",
    "sessionEnd": "session_end",
    "subagentStart": "subagent_start",
    "preCompact": "compaction",
    "agentStop": "agent_message",
    "errorOccurred": "gap",
}
_AWAITED = ("preToolUse", "permissionRequest")
_DETAILS = ("source", "reason", "error", "initialPrompt", "timestamp", "transcriptPath",
            "stopReason")  # fmt: skip


def understand(raw: bytes, named: str = "") -> Hook:
    """A hook call of Copilot CLI. Its payload does not name its event in every version; the
    installed command does."""
    payload = decoded(raw)
    name = named or text_of(payload, "hook_event_name", "hookEventName", "hookName")
    tool = text_of(payload, "toolName", "tool_name")
    if not name:
        name = "preToolUse" if tool and "toolResult" not in payload else "other"
    if name in _AWAITED:
        need_tool(name, tool)
    result = payload.get("toolResult")
    failed = None
    if isinstance(result, dict) and "resultType" in result:
        failed = result["resultType"] != "success"
    event = hook_event(
        raw,
        surface="copilot-cli",
        name=name,
        kind=_KINDS.get(name, "other"),
        session=text_of(payload, "sessionId", "session_id"),
        call_id=text_of(payload, "toolCallId", "tool_use_id"),
        text=text_of(payload, "toolResult", "prompt", "message"),
        author="human" if name == "userPromptSubmitted" else "",
        detail={key: payload[key] for key in _DETAILS if payload.get(key) is not None},
        tool=tool,
        arguments=arguments_of(payload.get("toolArgs", payload.get("tool_input"))) if tool else "",
        failed=failed,
        cwd=text_of(payload, "cwd"),
    )
    return Hook(event=event, name=name, awaits=name in _AWAITED, can_ask=name == "preToolUse")


def answer(hook: Hook, decision: Decision) -> Answer:
    """What Copilot CLI obeys."""
    if decision.outcome == "allow":
        return Answer()
    reply: dict[str, Any] = {
        "permissionDecision": "ask" if decision.outcome == "ask" else "deny",
        "permissionDecisionReason": decision.told,
    }
    if hook.name == "permissionRequest":
        reply = {"behavior": "deny", "message": decision.told}
    return Answer(body=body(reply))


def refuse(name: str) -> Answer:
    """A denial in the body, and a failure status besides."""
    reply = {"permissionDecision": "deny", "permissionDecisionReason": NEUTRAL_REASON}
    return Answer(body=body(reply), exit_status=2, stderr=NEUTRAL_REASON)


agent = Agent("copilot-cli", understand, answer, refuse)
