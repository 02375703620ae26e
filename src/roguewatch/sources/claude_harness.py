"""What the harness itself writes into a Claude Code session file, besides messages."""

from __future__ import annotations

from typing import Any

import msgspec

from roguewatch.sources.claude_lines import (
    ATTACHMENT_TYPES,
    SYSTEM_SUBTYPES,
    Progress,
    SessionLine,
)
from roguewatch.sources.drift import raw_text
from roguewatch.sources.prompts import author_of_prompt
from roguewatch.sources.repair import decode_any
from roguewatch.sources.values import json_detail, loose_text


def tell_progress(told: list[dict[str, Any]], record: SessionLine, data: Progress) -> None:
    """Append a hook that runs, a tool's output so far, a search."""
    call_id = record.parentToolUseID or record.toolUseID or ""
    detail = {
        "type": data.type,
        "hook": data.hookName,
        "hook_event": data.hookEvent,
        "command": data.command,
        "server": data.serverName,
        "status": data.status,
        "query": data.query,
        "task": data.taskDescription,
    }
    tool = data.toolName if isinstance(data.toolName, str) else ""
    told.append({"kind": "other", "call_id": call_id, "tool": tool, "detail": json_detail(detail)})


def tell_system(told: list[dict[str, Any]], record: SessionLine) -> None:
    """Append what the harness notes: compaction, stop hooks, errors. Nothing: unknown."""
    subtype = record.subtype or ""
    if subtype not in SYSTEM_SUBTYPES:
        return
    text = loose_text(record.content)
    detail: dict[str, Any] = {"subtype": subtype}
    fields: dict[str, Any] = {"kind": "other", "text": text}
    if subtype.endswith("compact_boundary"):
        fields["kind"] = "compaction"
        metadata = record.compactMetadata or record.microcompactMetadata
        detail["metadata"] = _loose_json(metadata)
    elif subtype == "local_command":
        fields = {"kind": "system_message", "author": "harness", "text": text}
    elif subtype == "stop_hook_summary":
        stopped = record.preventedContinuation
        fields["kind"] = "decision"
        detail |= {
            "by": "hook",
            "hook_event": "Stop",
            "decision": "block" if stopped else "allow",
            "reason": record.stopReason or None,
            "errors": raw_text(record.hookErrors),
        }
        fields["failed"] = raw_text(record.hookErrors) not in ("", "[]", "null")
    elif subtype == "api_error":
        fields["failed"] = True
        detail["error"] = raw_text(record.error)[:2000]
    told.append({**fields, "detail": json_detail(detail)})


def tell_attachment(told: list[dict[str, Any]], record: SessionLine) -> None:
    """Append what the harness attached: hook outcomes, queued prompts, reminders."""
    said = record.attachment
    if said is None or said.type not in ATTACHMENT_TYPES:
        return
    detail: dict[str, Any] = {"type": said.type}
    fields: dict[str, Any] = {"kind": "other", "author": "harness"}
    if said.type.startswith("hook_"):
        decided = said.type in (
            "hook_permission_decision",
            "hook_blocking_error",
            "hook_stopped_continuation",
            "hook_deferred_tool",
        )
        decision = said.decision if said.type == "hook_permission_decision" else "block"
        fields = {
            "kind": "decision" if decided else "other",
            "call_id": loose_text(said.toolUseID),
            "text": loose_text(
                said.blockingError or said.message or said.content or said.stderr or said.stdout
            ),
            "failed": said.type.endswith(("error", "cancelled", "execution")),
        }
        detail |= {
            "by": "hook",
            "decision": decision if decided else None,
            "hook": said.hookName,
            "hook_event": said.hookEvent,
            "exit_code": said.exitCode,
            "command": said.command,
        }
    elif said.type == "queued_command":
        text = loose_text(said.prompt)
        person = said.commandMode in (None, "prompt") and not said.isMeta and not said.origin
        author = author_of_prompt(text) if person else "harness"
        fields = {"kind": "user_message", "author": author, "text": text}
    else:
        fields["text"] = loose_text(said.content or said.snippet or said.description)
        detail |= {"path": said.filename, "task": said.taskId, "status": said.status}
    told.append({**fields, "detail": json_detail(detail)})


def _loose_json(raw: msgspec.Raw) -> Any:
    """The value of a slice; its text where that is no value."""
    try:
        return decode_any(bytes(raw)) if raw else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return raw_text(raw)
