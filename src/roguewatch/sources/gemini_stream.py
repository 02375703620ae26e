"""The stream that `gemini --output-format stream-json` prints.

One JSON object a line: `init`, `message` (the model's in pieces marked `delta`), `tool_use`,
`tool_result`, `error`, `result`. Types: `JsonStreamEvent` in
`packages/core/src/output/types.ts`. Pieces that follow one another are one message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from roguewatch.events import Event, Usage
from roguewatch.sources.drift import NOTHING, raw_text, understand
from roguewatch.sources.jsonl import first_objects
from roguewatch.sources.lines import Line, lines
from roguewatch.sources.prompts import author_of_prompt
from roguewatch.sources.source import MAX_RECORD_BYTES, Document
from roguewatch.sources.tally import Tally
from roguewatch.sources.times import time_of
from roguewatch.sources.values import json_detail, json_object_text, loose_text, tokens

_SURFACE = "gemini-cli"
NAMING = b'"session_id"'
"""Stands in the first line of a stream."""


class _StreamLine(msgspec.Struct, forbid_unknown_fields=True):
    type: str = ""
    timestamp: str | None = ""
    session_id: str = ""
    model: str | None = ""
    role: str = ""
    content: Any = None
    delta: bool | None = False
    tool_name: str = ""
    tool_id: str = ""
    parameters: msgspec.Raw = NOTHING
    status: str | None = ""
    output: Any = None
    error: Any = None
    severity: str | None = ""
    message: Any = None
    stats: Any = None


def is_stream(head: bytes) -> bool:
    """Whether a file begins as such a stream does."""
    first = next(first_objects(head, 1), {})
    return first.get("type") == "init" and {"session_id", "timestamp", "model"} <= set(first)


def read_stream(document: Document) -> Iterator[Event]:
    """The events of a stream."""
    tally = Tally(document, _SURFACE)
    tally.sighting = "stream"
    model = ""
    pieces: list[Line] = []
    texts: list[str] = []
    length = 0
    spoken: _StreamLine | None = None
    decoder = msgspec.json.Decoder(_StreamLine)
    for line in lines(document):
        tally.counts.lines += 1
        said: _StreamLine | None
        try:
            said = decoder.decode(line.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            said, gaps = understand(line, _StreamLine, tally)
            yield from gaps
        if said is None:
            continue
        piece = said.type == "message" and said.delta
        if spoken is not None and (not piece or length + len(line.data) > MAX_RECORD_BYTES):
            spoken.content = "".join(texts)
            yield from _events(_joined(pieces), spoken, tally, model)
            pieces, texts, length, spoken = [], [], 0, None
        tally.session = said.session_id or tally.session
        model = said.model or model
        if piece:
            spoken = spoken or said
            pieces.append(line)
            texts.append(loose_text(said.content))
            length += len(line.data)
        else:
            yield from _events(line, said, tally, model)
    if spoken is not None:
        spoken.content = "".join(texts)
        yield from _events(_joined(pieces), spoken, tally, model)
    yield from tally.unanswered()


def _joined(pieces: list[Line]) -> Line:
    return Line(pieces[0].offset, b"\n".join(piece.data for piece in pieces))


def _events(line: Line, said: _StreamLine, tally: Tally, model: str) -> Iterator[Event]:
    told = _told(said, tally)
    if not told:
        yield tally.unknown_type(said.type, line.offset, line.data)
        return
    id, time = tally.line_id(tally.session, line.data), time_of(said.timestamp)
    yield from tally.tell(told, line, id, time=time, model=model)


def _told(said: _StreamLine, tally: Tally) -> list[dict[str, Any]]:
    """The fields of the events of a line; none where its type is unknown."""
    call_id = said.tool_id.strip()
    match said.type:
        case "init":
            return [{"kind": "session_start", "detail": json_detail({"source": "stream-json"})}]
        case "message" if said.role == "user":
            text = loose_text(said.content)
            return [{"kind": "user_message", "author": author_of_prompt(text), "text": text}]
        case "message":
            text = loose_text(said.content)
            return [{"kind": "agent_message", "author": "agent", "text": text}]
        case "tool_use":
            arguments = json_object_text(raw_text(said.parameters))
            call = {"kind": "tool_call", "tool": said.tool_name, "call_id": call_id}
            return [{**call, "arguments": arguments}]
        case "tool_result":
            result = {"kind": "tool_result", "author": "tool", "call_id": call_id}
            text = loose_text(said.output) or loose_text(said.error)
            failed = said.status != "success" if said.status else None
            return [{**result, "tool": tally.tool_of(call_id), "text": text, "failed": failed}]
        case "error":
            detail = json_detail({"type": "error", "severity": said.severity})
            text = loose_text(said.message)
            return [{"kind": "other", "text": text, "failed": True, "detail": detail}]
        case "result":
            failed = said.status != "success" if said.status else None
            end = {"kind": "usage", "usage": _usage(said.stats), "failed": failed}
            return [{**end, "text": loose_text(said.error)}]
    return []


def _usage(stats: Any) -> Usage | None:
    """The tokens of a run; what was read from a cache is part of the input that it names."""
    if not isinstance(stats, dict):
        return None
    cached = tokens(stats.get("cached"))
    said = max(0, tokens(stats.get("input_tokens")) - cached)
    return Usage(input=said, output=tokens(stats.get("output_tokens")), cache_read=cached)
