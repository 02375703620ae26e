"""The stream that `claude --output-format stream-json` prints, and the Agent SDKs pass on.

Its lines are those of a session file under other names (`session_id`,
`parent_tool_use_id`, `tool_use_result`), without times; a `result` line ends each turn.
Types: `SDKMessage` of the Agent SDK for TypeScript. `--output-format json` prints the last
line alone, with `--verbose` all of them as one array.

The same session's file is another sighting of it: their events have ids of their own, and
the calls are joined on theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from itertools import chain
from typing import Any

import msgspec
from msgspec import Raw

from roguewatch.sources.claude_lines import Message, Outcome, SessionLine
from roguewatch.sources.drift import NOTHING, raw_text
from roguewatch.sources.json_items import items, values
from roguewatch.sources.jsonl import cut_object, first_objects
from roguewatch.sources.lines import Line, lines
from roguewatch.sources.source import MAX_RECORD_BYTES, Document
from roguewatch.sources.values import json_detail, json_object_text, loose_text

NAMING = b'"session_id"'
"""Stands in every line of a stream."""

TOLD_TYPES = frozenset(("assistant", "user"))
"""Line types whose fields are all known."""

_NOTES = frozenset(
    """auth_status control_cancel_request control_request control_response keep_alive
    prompt_suggestion rate_limit_event stream_event streamlined_text
    streamlined_tool_use_summary tool_progress tool_use_summary""".split()
)
"""Line types that tell how a turn gets on; what it says is in its whole messages."""


class Denial(msgspec.Struct):
    """A call that was not allowed, as a turn's `result` lists it."""

    tool_name: str = ""
    tool_use_id: str = ""
    tool_input: Raw = NOTHING


class StreamLine(msgspec.Struct, forbid_unknown_fields=True):
    """Any line of a stream; of those that only tell how it gets on, what is read."""

    type: str = ""
    subtype: str | None = ""
    session_id: str | None = ""
    uuid: str | None = ""
    timestamp: str | None = ""
    parent_tool_use_id: str | None = ""
    message: Message | str | None = None
    tool_use_result: Outcome | str | list[Any] | None = None
    request_id: str | None = ""
    isReplay: Raw = NOTHING  # noqa: N815
    isSynthetic: bool | None = False  # noqa: N815
    shouldQuery: Raw = NOTHING  # noqa: N815
    origin: Raw = NOTHING
    priority: Raw = NOTHING
    error: Any = None
    supersedes: Raw = NOTHING
    subagent_type: Raw = NOTHING
    task_description: Raw = NOTHING
    event: Raw = NOTHING
    ttft_ms: Raw = NOTHING
    cwd: str | None = ""
    model: str | None = ""
    permissionMode: str | None = ""  # noqa: N815
    claude_code_version: str | None = ""
    tool_use_id: str | None = ""
    content: Any = None
    output: Any = None
    summary: Any = None
    compact_metadata: Raw = NOTHING
    is_error: bool | None = None
    result: Any = None
    errors: Any = None
    num_turns: Any = None
    total_cost_usd: Any = None
    permission_denials: list[Denial] | None = None


def is_stream(head: bytes) -> bool:
    """Whether a file begins as such a stream does."""
    for fields in chain(first_objects(head), _laid_out(head)):
        if not isinstance(fields.get("session_id"), str) or "sessionId" in fields:
            continue
        match fields.get("type"):
            case "system":
                if fields.get("subtype") == "init" and "tools" in fields:
                    return True
            case "assistant" | "user":
                if "parent_tool_use_id" in fields and isinstance(fields.get("message"), dict):
                    return True
            case "result":
                if "num_turns" in fields and "is_error" in fields:
                    return True
    return False


def _laid_out(head: bytes) -> Iterator[dict[str, Any]]:
    """The first object of an array, or of a file that is laid out over lines."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = next((items if text[:1] == b"[" else values)(BytesIO(text), limit=len(text)), None)
    if found is not None and found.data is not None and found.data[:1] == b"{":
        yield cut_object(found.data)


def stream_lines(document: Document) -> Iterator[Line]:
    """What stands for the lines of a stream: its lines, or the objects of its array."""
    text = document.head().removeprefix(b"\xef\xbb\xbf").lstrip()
    first = text.partition(b"\n")[0]
    if text[:1] == b"{" and (first.rstrip()[-1:] == b"}" or b"\n" not in text):
        yield from lines(document)
        return
    with document.open() as stream:
        for item in items(stream) if text[:1] == b"[" else values(stream):
            whole = item.complete or item.beyond
            longer = 0 if item.data is not None else MAX_RECORD_BYTES
            yield Line(item.offset, item.data or b"", whole, longer)


class Stream:
    """The lines of one stream, as lines of a session file."""

    def __init__(self) -> None:
        self._version, self._cwd = "", ""

    def line(self, said: StreamLine) -> tuple[SessionLine, list[dict[str, Any]]]:
        """A line as the session file would have it, and what the file has no line for."""
        self._version = said.claude_code_version or self._version
        self._cwd = said.cwd or self._cwd
        within = said.parent_tool_use_id or ""
        text = said.content or said.output or said.summary
        record = SessionLine(
            type=said.type,
            subtype=said.subtype,
            sessionId=said.session_id,
            uuid=said.uuid or "",
            timestamp=said.timestamp,
            version=self._version,
            cwd=self._cwd,
            agentId=within,
            isSidechain=bool(within),
            isMeta=said.isSynthetic,
            message=said.message if isinstance(said.message, Message) else None,
            toolUseResult=said.tool_use_result,
            toolUseID=said.tool_use_id,
            requestId=said.request_id if said.type == "assistant" else "",
            content=loose_text(text),
            compactMetadata=said.compact_metadata,
            isApiErrorMessage=said.type == "assistant" and bool(said.error),
        )
        told: list[dict[str, Any]] = []
        if said.type == "result":
            told = _result(said)
        elif said.type in _NOTES:
            detail = {"type": said.type, "subtype": said.subtype or None}
            told = [{"kind": "other", "text": loose_text(text), "detail": json_detail(detail)}]
        elif said.type == "system" and said.permissionMode:
            detail = {"subtype": said.subtype, "model": said.model or None}
            told = [{"kind": "permission_mode", "permission_mode": said.permissionMode}]
            told[0]["detail"] = json_detail(detail)
        return record, told


def _result(said: StreamLine) -> list[dict[str, Any]]:
    """How a turn ended, and the calls that were not allowed in it."""
    detail = {
        "type": said.type,
        "subtype": said.subtype,
        "turns": said.num_turns,
        "cost_usd": said.total_cost_usd,
    }
    end = {
        "kind": "other",
        "text": loose_text(said.result or said.errors),
        "failed": said.is_error,
        "detail": json_detail(detail),
    }
    denied = json_detail({"by": "policy", "decision": "deny"})
    return [end] + [
        {
            "kind": "decision",
            "tool": each.tool_name,
            "call_id": each.tool_use_id.strip(),
            "arguments": json_object_text(raw_text(each.tool_input)),
            "detail": denied,
        }
        for each in said.permission_denials or ()
    ]
