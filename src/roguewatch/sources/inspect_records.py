"""What the other records of an Inspect transcript say: approvals, processes, scores."""

from __future__ import annotations

from typing import Any

import msgspec

from roguewatch.events import Kind, Usage
from roguewatch.sources.inspect_sample import Attachments, ModelUsage, Record
from roguewatch.sources.repair import decode_any
from roguewatch.sources.telling import as_arguments

INTERNAL = frozenset(
    [
        "span_begin",
        "span_end",
        "step",
        "state",
        "store",
        "sample_init",
        "anchor",
        "branch",
        "checkpoint",
        "timeline",
    ]
)
"""Bookkeeping of the framework: nothing that an agent or a person did."""

KINDS: dict[str, Kind] = {
    "approval": "approval",
    "review": "decision",
    "sentinel": "decision",
    "compaction": "compaction",
    "score": "other",
    "score_edit": "other",
    "sample_limit": "other",
    "input": "other",
    "error": "other",
    "info": "other",
    "logger": "other",
    "interrupt": "other",
    "subtask": "other",
}

_LEFT_OUT = frozenset(
    [
        "event",
        "timestamp",
        "uuid",
        "span_id",
        "working_start",
        "events",
        "input_ansi",
        "traceback_ansi",
        "view",
    ]
)
_MOST_DETAIL = 64 << 10
_APPROVED = {"approve": "allow", "modify": "modify", "reject": "deny", "escalate": "ask"}


def described(raw: bytes, attachments: Attachments) -> dict[str, Any]:
    """Event fields for a record of one of `KINDS`."""
    record = attachments.value(decode_any(raw))
    event = record["event"]
    call = record.get("call")
    fields: dict[str, Any] = {"text": _text(event, record)}
    detail = {key: value for key, value in record.items() if key not in _LEFT_OUT}
    if isinstance(call, dict):
        fields["tool"] = str(call.get("function") or "")
        fields["call_id"] = str(call.get("id") or "").strip()
        fields["arguments"] = as_arguments(call.get("arguments"))
        del detail["call"]
    if event == "approval":
        decision = str(record.get("decision"))
        detail["by"] = record.get("approver")
        detail["decision"] = _APPROVED.get(decision, decision)
    fields["detail"] = _json({"event": event} | detail)
    return fields


def _text(event: str, record: dict[str, Any]) -> str:
    match record:
        case {"event": "error", "error": {"message": str(text)}}:
            return text
        case {"event": "logger", "message": {"message": str(text)}}:
            return text
        case {"event": "input", "input": str(text)}:
            return text
        case {"event": "score", "score": {"explanation": str(text)}}:
            return text
        case {"explanation": str(text)} | {"message": str(text)}:
            return text
    return ""


def _json(detail: dict[str, Any]) -> str:
    data = msgspec.json.encode(detail)
    if len(data) > _MOST_DETAIL:
        data = msgspec.json.encode({"event": detail.get("event"), "omitted_bytes": len(data)})
    return data.decode()


def sandboxed(raw: bytes, attachments: Attachments) -> tuple[Kind, dict[str, Any]]:
    """Kind and event fields for what was done in the sandbox."""
    record = attachments.value(decode_any(raw))
    action = str(record.get("action") or "")
    fields: dict[str, Any] = {"detail": _json({"event": "sandbox", "action": action})}
    if action == "exec":
        fields["arguments"] = msgspec.json.encode(
            {"command": record.get("cmd")}
            | {key: record[key] for key in ("input", "options") if record.get(key)}
        ).decode()
        fields["text"] = str(record.get("output") or "")
        result = record.get("result")
        if isinstance(result, int):
            fields["exit_status"], fields["failed"] = result, result != 0
        return "process", fields
    fields["arguments"] = msgspec.json.encode({"path": record.get("file")}).decode()
    fields["text"] = str((record.get("input") if action == "write_file" else None) or "")
    return ("file_change" if action == "write_file" else "other"), fields


def usage_of(usage: ModelUsage | None) -> Usage | None:
    """Tokens; inspect_ai's `input_tokens` leaves out what was read from a cache."""
    if usage is None:
        return None
    return Usage(
        input=usage.input_tokens or 0,
        output=usage.output_tokens or 0,
        cache_read=usage.input_tokens_cache_read or 0,
        cache_write=usage.input_tokens_cache_write or 0,
        reasoning=usage.reasoning_tokens or 0,
    )


def request_id_of(record: Record) -> str:
    """The provider's id of the last HTTP response, where the log has it (since 0.3.27x)."""
    match record.request_ids:
        case [*_, {"id": str(found)}]:
            return found
    return ""
