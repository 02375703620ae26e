"""The stream that `codex exec --json` prints: threads, turns and items, with exit codes.

Schema: `@openai/codex-sdk` 0.163.0. An item is told when it starts, changes and ends;
the start of a command is its call, its end the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from roguewatch.events import Event
from roguewatch.sources.codex_lines import Totals
from roguewatch.sources.codex_tokens import usage_of
from roguewatch.sources.drift import NOTHING, raw_text, understand
from roguewatch.sources.lines import Line, lines
from roguewatch.sources.source import Document
from roguewatch.sources.tally import Tally
from roguewatch.sources.values import json_detail, json_object_text, loose_text

_SURFACE = "codex"
_TOOLS = {
    "command_execution": "command_execution",
    "mcp_tool_call": "",
    "file_change": "file_change",
    "web_search": "web_search",
    "collab_tool_call": "",
}


_NOTES = frozenset(
    """agent_message assistant_message reasoning todo_list error plan image_view user_message
    context_compaction entered_review_mode exited_review_mode""".split()
)
"""Items that are no calls."""


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    id: str = ""
    type: str = ""
    item_type: str = ""
    text: str = ""
    command: Any = None
    aggregated_output: str | None = ""
    exit_code: int | None = None
    status: str | None = ""
    changes: msgspec.Raw = NOTHING
    server: str = ""
    tool: str = ""
    arguments: msgspec.Raw = NOTHING
    result: Any = None
    error: Any = None
    query: str | None = ""
    action: msgspec.Raw = NOTHING
    items: msgspec.Raw = NOTHING
    message: str | None = ""
    sender_thread_id: str | None = ""
    receiver_thread_ids: msgspec.Raw = NOTHING
    prompt: str | None = ""
    agents_states: msgspec.Raw = NOTHING
    path: msgspec.Raw = NOTHING


class _StreamLine(msgspec.Struct, forbid_unknown_fields=True):
    type: str = ""
    thread_id: str = ""
    usage: Totals | None = None
    error: Any = None
    item: _Item | None = None
    message: str | None = ""
    item_id: msgspec.Raw = NOTHING
    delta: msgspec.Raw = NOTHING
    id: msgspec.Raw = NOTHING
    call_id: msgspec.Raw = NOTHING
    questions: msgspec.Raw = NOTHING


def is_exec_stream(fields: Mapping[str, Any]) -> bool:
    """Whether the first line of a file begins an exec stream."""
    kind = fields.get("type")
    return (kind == "thread.started" and isinstance(fields.get("thread_id"), str)) or (
        isinstance(kind, str)
        and kind in ("item.started", "item.completed", "item.updated")
        and isinstance(fields.get("item"), dict)
    )


def read_exec_stream(document: Document) -> Iterator[Event]:
    """The events of a stream."""
    tally = Tally(document, _SURFACE)
    tally.sighting = "stream"
    decoder = msgspec.json.Decoder(_StreamLine)
    for line in lines(document):
        tally.counts.lines += 1
        said: _StreamLine | None
        try:
            said = decoder.decode(line.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            said, gaps = understand(line, _StreamLine, tally)
            yield from gaps
        if said is not None:
            yield from _events(line, said, tally)
    yield from tally.unanswered()


def _events(line: Line, said: _StreamLine, tally: Tally) -> Iterator[Event]:
    if said.thread_id or not tally.session:
        tally.session = said.thread_id or f"codex-{sha256(line.data).hexdigest()[:16]}"
    told = _told(said, tally)
    if not told:
        label = f"{said.type}.{said.item.type}" if said.item else said.type
        yield tally.unknown_type(label, line.offset, line.data)
        return
    yield from tally.tell(told, line, tally.line_id(tally.session, line.data))


def _told(said: _StreamLine, tally: Tally) -> list[dict[str, Any]]:
    match said.type:
        case "thread.started":
            return [{"kind": "session_start", "detail": json_detail({"source": "exec"})}]
        case "turn.completed":
            return [{"kind": "usage", "usage": usage_of(said.usage)}]
        case "turn.started" | "item.plan.delta" | "request_user_input":
            return [{"kind": "other", "detail": json_detail({"type": said.type})}]
        case "turn.failed" | "error":
            text = said.message or loose_text(said.error)
            detail = json_detail({"type": said.type})
            return [{"kind": "other", "failed": True, "text": text, "detail": detail}]
        case "item.started" | "item.updated" | "item.completed" if said.item is not None:
            return _item(said.item, said.type.removeprefix("item."), tally)
    return []


def _item(item: _Item, stage: str, tally: Tally) -> list[dict[str, Any]]:
    kind = item.type or item.item_type
    if kind in _TOOLS:
        return _tool_item(item, kind, stage, tally)
    detail = json_detail({"type": kind, "stage": stage, "status": item.status})
    if kind in ("agent_message", "assistant_message") and stage == "completed":
        return [{"kind": "agent_message", "author": "agent", "text": item.text}]
    if kind == "reasoning" and stage == "completed":
        return [{"kind": "reasoning", "author": "agent", "text": item.text}]
    if kind in _NOTES:
        whole = kind in ("agent_message", "assistant_message", "reasoning")
        text = item.message or ("" if whole else item.text)
        failed = True if kind == "error" else None
        return [{"kind": "other", "text": text, "failed": failed, "detail": detail}]
    return []


def _tool_item(item: _Item, kind: str, stage: str, tally: Tally) -> list[dict[str, Any]]:
    call_id = item.id.strip()
    tool = _TOOLS[kind] or item.tool or kind
    told: list[dict[str, Any]] = []
    if not tally.told_call(call_id):
        arguments: dict[str, Any] | str = {"command": item.command}
        if kind in ("mcp_tool_call", "collab_tool_call"):
            arguments = raw_text(item.arguments) or {"prompt": item.prompt}
        elif kind == "file_change":
            arguments = f'{{"changes":{raw_text(item.changes) or "[]"}}}'
        elif kind == "web_search":
            arguments = {"query": item.query}
        if isinstance(arguments, dict):
            arguments = json_detail(arguments) or "{}"
        told.append(
            {
                "kind": "tool_call",
                "tool": tool,
                "call_id": call_id,
                "arguments": json_object_text(arguments),
                "detail": json_detail({"server": item.server}),
            }
        )
    if stage != "completed":
        return told or [{"kind": "other", "call_id": call_id, "tool": tool}]
    text = item.aggregated_output or loose_text(item.error) or loose_text(item.result)
    failed: bool | None = item.status in ("failed", "declined") if item.status else None
    if item.exit_code is not None:
        failed = item.exit_code != 0
    told.append(
        {
            "kind": "tool_result",
            "author": "tool",
            "tool": tool,
            "call_id": call_id,
            "text": text,
            "exit_status": item.exit_code,
            "failed": failed,
        }
    )
    if item.status == "declined":
        detail = json_detail({"decision": "deny", "by": "human"})
        told.append({"kind": "approval", "call_id": call_id, "tool": tool, "detail": detail})
    return told
