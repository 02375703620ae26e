"""Cursor's hooks (its documentation, and eqtylab/cupcake's reading of them).

Cursor is closed source: what is here has not been captured from a live client, and the
assessment says so. `ask` is understood by its `before…` hooks.
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

_CALLS = {
    "beforeShellExecution": ("Shell", ("command",)),
    "beforeReadFile": ("Read", ("file_path",)),
    "afterFileEdit": ("Edit", ("file_path", "edits")),
}
_KINDS: dict[str, Kind] = {
    "beforeShellExecution": "tool_call",
    "beforeMCPExecution": "tool_call",
    "beforeReadFile": "tool_call",
    "preToolUse": "tool_call",
    "postToolUse": "tool_result",
    "postToolUseFailure": "tool_result",
    "afterShellExecution": "tool_result",
    "afterMCPExecution": "tool_result",
    "afterFileEdit": "file_change",
    "beforeSubmitPrompt": "user_message",
    "afterAgentResponse": "agent_message",
    "afterAgentThought": "reasoning",
    "sessionStart": "session_start",
    "sessionEnd": "session_end",
    "stop": "other",
    "subagentStart": "subagent_start",
    "preCompact": "compaction",
}
_DETAILS = ("generation_id", "workspace_roots", "status", "loop_count", "url", "attachments",
            "edits", "file_path", "user_email", "cursor_version")  # fmt: skip


def understand(raw: bytes, named: str = "") -> Hook:
    """A hook call of Cursor."""
    payload = decoded(raw)
    name = name_of(text_of(payload, "hook_event_name"), named)
    tool = text_of(payload, "tool_name")
    arguments = arguments_of(payload.get("tool_input")) if tool else ""
    if name in _CALLS:
        tool, keys = _CALLS[name]
        arguments = arguments_of({key: payload[key] for key in keys if key in payload})
    if name in ("preToolUse", "beforeMCPExecution"):
        need_tool(name, tool)
    event = hook_event(
        raw,
        surface="cursor",
        name=name,
        kind=_KINDS.get(name, "other"),
        session=text_of(payload, "conversation_id", "session_id"),
        call_id=text_of(payload, "tool_use_id"),
        text=text_of(payload, "prompt", "text", "tool_output", "output", "error_message"),
        author={"beforeSubmitPrompt": "human", "afterAgentResponse": "agent"}.get(name, ""),  # type: ignore[arg-type]
        detail={key: payload[key] for key in _DETAILS if payload.get(key) is not None},
        tool=tool,
        arguments=arguments,
        failed=True if name == "postToolUseFailure" else None,
        model=text_of(payload, "model"),
        cwd=text_of(payload, "cwd"),
    )
    awaits = name.startswith("before") or name == "preToolUse"
    return Hook(event=event, name=name, awaits=awaits, can_ask=awaits)


def answer(hook: Hook, decision: Decision) -> Answer:
    """What Cursor obeys. Never an altered input: it would be taken for plain consent."""
    if decision.outcome == "allow":
        consent: dict[str, Any] = {"permission": "allow"}
        if hook.name == "beforeSubmitPrompt":
            consent["continue"] = True
        return Answer(body=body(consent) if hook.awaits else b"{}")
    permission = "ask" if decision.outcome == "ask" else "deny"
    reply: dict[str, Any] = {
        "permission": permission, "user_message": decision.told, "agent_message": decision.told,
    }  # fmt: skip
    if hook.name == "beforeSubmitPrompt":
        reply["continue"] = False
    return Answer(
        body=body(reply), exit_status=0 if permission == "ask" else 2, stderr=decision.told
    )


def refuse(name: str) -> Answer:
    """Exit status 2 denies, also where `failClosed` is not set."""
    return Answer(body=body({"permission": "deny"}), exit_status=2, stderr=NEUTRAL_REASON)


agent = Agent("cursor", understand, answer, refuse)
