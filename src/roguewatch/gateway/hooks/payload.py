"""The hook payload that Claude Code set and Codex adopted.

Source: the hook input types of the Claude Agent SDK 0.3.329; codex-rs/hooks/src/schema.rs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from roguewatch.events import Event, Kind, event_id
from roguewatch.gateway.hooks.hook import (
    Hook,
    arguments_of,
    decoded,
    hook_event,
    name_of,
    need_tool,
    text_of,
)

_KINDS: dict[str, Kind] = {
    "PreToolUse": "tool_call",
    "PostToolUse": "tool_result",
    "PostToolUseFailure": "tool_result",
    "PermissionRequest": "approval",
    "PermissionDenied": "approval",
    "UserPromptSubmit": "user_message",
    "SessionStart": "session_start",
    "SessionEnd": "session_end",
    "Stop": "agent_message",
    "StopFailure": "gap",
    "SubagentStart": "subagent_start",
    "SubagentStop": "agent_message",
    "PreCompact": "compaction",
    "PostCompact": "compaction",
    "ConfigChange": "config_change",
    "PreModelSwitch": "config_change",
    "PostModelSwitch": "config_change",
    "InstructionsLoaded": "config_change",
    "FileChanged": "file_change",
    "WorktreeCreate": "file_change",
    "WorktreeRemove": "file_change",
    "DirectoryAdded": "config_change",
    "CwdChanged": "config_change",
    "Setup": "config_change",
    "PostToolBatch": "other",
    "TaskCreated": "other",
    "TaskCompleted": "other",
}

MAX_DECLARED = 256
_AWAITED = ("PreToolUse", "PermissionRequest", "UserPromptSubmit", "ConfigChange")

_DETAILS = (
    "reason", "source", "file_path", "trigger", "error", "is_interrupt", "duration_ms",
    "background_tasks", "session_crons", "agent_type", "agent_transcript_path", "transcript_path",
    "mcp_server", "permission_suggestions", "custom_instructions", "notification_type", "title",
    "stop_hook_active", "task_id", "task_subject", "teammate_name", "tool_calls", "turn_id",
)  # fmt: skip
_ANY_DETAIL = frozenset(_DETAILS)


def understand_as(surface: str) -> Callable[[bytes, str], Hook]:
    """A reader of these payloads for one agent."""

    def understand(raw: bytes, named: str = "") -> Hook:
        payload = decoded(raw)
        name = name_of(text_of(payload, "hook_event_name"), named)
        tool = text_of(payload, "tool_name")
        if name in ("PreToolUse", "PermissionRequest"):
            need_tool(name, tool)
        event = hook_event(
            raw,
            surface=surface,
            name=name,
            kind=_KINDS.get(name, "other"),
            session=text_of(payload, "session_id"),
            agent=text_of(payload, "agent_id"),
            call_id=text_of(payload, "tool_use_id"),
            text=_text(name, payload),
            author=_author(name, payload),
            detail=_detail(payload),
            tool=tool,
            arguments=arguments_of(payload.get("tool_input")) if tool else "",
            failed=True if name == "PostToolUseFailure" else None,
            permission_mode=text_of(payload, "permission_mode"),
            prompt_id=text_of(payload, "prompt_id"),
            model=text_of(payload, "model"),
            cwd=text_of(payload, "cwd"),
        )
        return Hook(
            event=event,
            name=name,
            awaits=name in _AWAITED,
            can_ask=name in ("PreToolUse", "PermissionRequest"),
            more=_going_on(event, payload),
        )

    return understand


def _detail(payload: dict[str, Any]) -> dict[str, Any]:
    if _ANY_DETAIL.isdisjoint(payload):
        return {}
    return {key: payload[key] for key in _DETAILS if payload.get(key) is not None}


def _going_on(event: Event, payload: dict[str, Any]) -> tuple[Event, ...]:
    """One event for each task and schedule that the agent declares to outlive the turn."""
    events: list[Event] = []
    for key in ("background_tasks", "session_crons"):
        declared = payload.get(key)
        for task in declared if isinstance(declared, list) else ():
            fields = task if isinstance(task, dict) else {"id": task}
            command = text_of(fields, "command", "prompt", "description", "cron", "schedule", "id")
            detail = {
                "declared": key,
                "id": text_of(fields, "id", "task_id"),
                "type": text_of(fields, "type"),
                "command": text_of(fields, "command"),
                "task": fields,
            }
            events.append(
                msgspec.structs.replace(
                    event,
                    id=event_id(event.id, key, len(events)),
                    kind="process",
                    author="",
                    text=command,
                    detail=msgspec.json.encode(detail).decode(),
                    part=len(events) + 1,
                    raw=b"",
                )
            )
    return tuple(events[:MAX_DECLARED])


def _text(name: str, payload: dict[str, Any]) -> str:
    if name == "PostToolUse":
        return text_of(payload, "tool_response")
    return text_of(
        payload, "prompt", "last_assistant_message", "compact_summary", "error", "message"
    )


def _author(name: str, payload: dict[str, Any]) -> Any:
    if name == "UserPromptSubmit":
        return "human" if payload.get("source", "user") == "user" else "harness"
    return "agent" if name in ("Stop", "SubagentStop") else ""
