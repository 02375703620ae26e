"""Gemini CLI sessions, `~/.gemini/tmp/<project>/chats/session-*.json` and `.jsonl`.

Until 2026 a session was one JSON object with `messages`; since, a file of lines: the
session's metadata, then messages (again in full when they change), `{"$set": …}` and
`{"$rewindTo": …}`. A message of the model carries its thoughts, its tool calls with
their results, and its tokens. Both forms grow in place, so ids come from the message's
id and from what each piece says. Approvals and the approval mode are not in the file.
Fields: `packages/core/src/services/chatRecordingTypes.ts`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.errors import SourceError
from roguewatch.events import Event, Origin, Usage, event_id
from roguewatch.printable import printable
from roguewatch.sources.drift import raw_text, understand
from roguewatch.sources.gemini_records import Call, Record, Update
from roguewatch.sources.gemini_stream import NAMING, is_stream, read_stream
from roguewatch.sources.json_items import items
from roguewatch.sources.jsonl import first_objects
from roguewatch.sources.lines import Line, lines
from roguewatch.sources.prompts import author_of_prompt
from roguewatch.sources.repair import repaired
from roguewatch.sources.source import MAX_RECORD_BYTES, Document, Source, environment_path
from roguewatch.sources.tally import Tally
from roguewatch.sources.times import time_of
from roguewatch.sources.values import json_detail, json_object_text, loose_text, tokens

SURFACE = "gemini-cli"
_EXIT_CODE = re.compile(r"^Exit Code: (-?\d{1,10})$", re.MULTILINE)
_CUT = ("[CONTENT TRUNCATED", "... [truncated]", "Output too large.", " characters omitted] ...")
_PERSONAL = ("user",)
_NOTICES = ("info", "error", "warning")
Raw = msgspec.Raw
_DECODER = msgspec.json.Decoder(Record)


class _Reader:
    """One reading of one session."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.tally = Tally(document, SURFACE)
        self.agent, self.parent_agent = "main", ""
        self.started = False

    def lines(self) -> Iterator[Event]:
        """The events of a file of lines."""
        for line in lines(self.document):
            self.tally.counts.lines += 1
            yield from self.line(line)
        yield from self.tally.unanswered()

    def whole(self) -> Iterator[Event]:
        """The events of a file that is one JSON value: a session, or `logs.json`."""
        with self.document.open() as stream:
            data = stream.read(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            raise SourceError(
                f"{self.document.name}: more than {MAX_RECORD_BYTES} bytes in one value"
            )
        start = len(data) - len(data.removeprefix(b"\xef\xbb\xbf").lstrip())
        text = data[start:]
        fault = _fault(text)
        if text[:1] == b"[" or fault:
            yield from self.torn(text, start, fault)
        else:
            self.tally.counts.lines += 1
            yield from self.line(Line(start, text.rstrip(), whole=False))
        yield from self.tally.unanswered()

    def torn(self, text: bytes, start: int, fault: str) -> Iterator[Event]:
        """What a file holds message by message, and a gap where it is no whole JSON value."""
        fields: dict[str, Raw] = {}
        rest, at = text, start
        for item in items(io.BytesIO(text), ("messages",)):
            if not item.complete or item.data is None:
                rest, at = item.data or b"", start + item.offset
                continue
            rest = b"" if at == start else rest
            if item.index < 0:
                fields[item.key] = Raw(item.data)
            else:
                yield from self.head(fields, start)
                self.tally.counts.lines += 1
                yield from self.line(Line(start + item.offset, item.data))
        yield from self.head(fields, start)
        if fault:
            reason = "a file that is no complete JSON value"
            yield self.tally.gap(fault, reason, at, raw=rest, key=rest or b"end")

    def head(self, fields: dict[str, Raw], start: int) -> Iterator[Event]:
        """The session begins, as far as the fields before its messages say."""
        if fields and not self.started:
            yield from self.line(Line(start, repaired(msgspec.json.encode(fields))))

    def line(self, line: Line) -> Iterator[Event]:
        record: Record | None
        try:
            record = _DECODER.decode(line.data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            record, gaps = understand(line, Record, self.tally)
            yield from gaps
            if record is None:
                return
        if record.type:
            yield from self.message(line, record)
        elif record.set or record.rewind:
            yield self.other(line, json_detail({"rewind_to": record.rewind, "type": "update"}))
            if record.set:
                try:
                    update = msgspec.json.decode(record.set, type=Update)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    return
                yield from self.items(update.messages or [], line.data, line.offset)
        elif record.sessionId:
            yield from self.metadata(line, record)
        else:
            yield self.tally.unknown_type("", line.offset, line.data)

    def metadata(self, line: Line, record: Record) -> Iterator[Event]:
        """The session begins; with its messages, where the file is one object."""
        self.tally.session = record.sessionId
        if record.kind == "subagent":
            self.agent, self.parent_agent = record.sessionId, "main"
        if not self.started:
            self.started = True
            begun = self.event(line, "start", time=time_of(record.startTime))
            kind = "subagent_start" if self.parent_agent else "session_start"
            summary = raw_text(record.summary)
            raw = line.data if record.messages is None else b""
            detail = json_detail(
                {"summary": summary[:2000], "folders": raw_text(record.directories)}
            )
            id = event_id(SURFACE, kind, record.sessionId)
            yield Event(id=id, kind=kind, detail=detail, raw=raw, **begun)  # type: ignore[arg-type]
        if record.messages is not None:
            yield from self.items(record.messages, line.data, line.offset)

    def items(self, messages: list[Raw], data: bytes, base: int = 0) -> Iterator[Event]:
        """Messages that lie in an array."""
        at = 0
        for item in messages:
            piece = bytes(item)
            found = data.find(piece, at)
            at = found + len(piece) if found >= 0 else at
            self.tally.counts.lines += 1
            yield from self.line(Line(base + max(found, 0), piece))

    def event(self, line: Line, *key: str | int, time: int | None) -> dict[str, Any]:
        """What every event of a record shares. Counts it."""
        self.tally.counts.events += 1
        return {
            "session": self.tally.session,
            "seq": self.tally.next_seq(self.tally.session),
            "surface": SURFACE,
            "time": time,
            "agent": self.agent,
            "parent_agent": self.parent_agent,
            "origin": Origin(self.tally.name, line.offset),
        }

    def other(self, line: Line, detail: str, time: int | None = None, text: str = "") -> Event:
        fields = self.event(line, time=time)
        id = self.tally.line_id(self.tally.session, line.data)
        return Event(id=id, kind="other", raw=line.data, text=text, detail=detail, **fields)

    def message(self, line: Line, record: Record) -> Iterator[Event]:
        """The pieces of a message that this file has not told yet."""
        time = time_of(record.timestamp)
        if record.sessionId and record.message is not None:
            self.tally.session = record.sessionId
            text = loose_text(record.message)
            yield self.other(line, json_detail({"type": "history"}), time, text)
            return
        if record.type not in (*_PERSONAL, *_NOTICES, "gemini"):
            yield self.tally.unknown_type(record.type, line.offset, line.data, id=record.id)
            return
        pieces = list(_pieces(record, self.tally))
        part = 0
        for name, fields in pieces:
            said = msgspec.json.encode(fields)
            id = event_id(SURFACE, self.tally.session, record.id, name, said)
            if not self.tally.first_time(id):
                continue
            shared = self.event(line, time=time)
            shared |= {"parent": record.id, "model": record.model or "", "id": id, "part": part}
            shared["raw"] = b"" if part else line.data
            event = Event(**{**shared, **fields})
            part += 1
            yield event
            if event.kind == "tool_call":
                self.tally.called(event)
            elif event.kind == "tool_result":
                self.tally.answered(event.call_id)


def _fault(text: bytes) -> str:
    """Which gap a text is that is no JSON value, not even repaired; empty where it is one."""
    for readable in (bytes, repaired):
        try:
            msgspec.json.decode(readable(text))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            why = str(error)
        except RecursionError:
            return "malformed"
        else:
            return ""
    return "truncated_tail" if "truncated" in why else "malformed"


def _pieces(record: Record, tally: Tally) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and fields of each event of a message."""
    text = loose_text(record.content)
    if record.type in _PERSONAL:
        author = author_of_prompt(text)
        yield "text", {"kind": "user_message", "author": author, "text": text}
        return
    if record.type in _NOTICES:
        fields = {"kind": "system_message", "author": "harness", "text": text}
        yield "text", {**fields, "detail": json_detail({"level": record.type})}
        return
    for number, thought in enumerate(record.thoughts or ()):
        said = "\n".join(filter(None, (thought.subject, thought.description)))
        fields = {"kind": "reasoning", "author": "agent", "text": said}
        yield f"thought{number}", fields
    if text or not (record.toolCalls or record.thoughts):
        yield "text", {"kind": "agent_message", "author": "agent", "text": text}
    for call in record.toolCalls or ():
        yield from _call_pieces(call)
    if (said_tokens := record.tokens) is not None:
        cached, thoughts = tokens(said_tokens.cached), tokens(said_tokens.thoughts)
        usage = Usage(
            input=max(0, tokens(said_tokens.input) - cached) + tokens(said_tokens.tool),
            output=tokens(said_tokens.output) + thoughts,
            cache_read=cached,
            reasoning=thoughts,
        )
        yield "usage", {"kind": "usage", "usage": usage, "request_id": ""}


def _call_pieces(call: Call) -> Iterator[tuple[str, dict[str, Any]]]:
    """A call; its result where there is one; a refusal where it was cancelled."""
    call_id = call.id.strip()
    shared: dict[str, Any] = {"tool": call.name, "call_id": call_id}
    if when := time_of(call.timestamp):
        shared["time"] = when
    arguments = json_object_text(raw_text(call.args))
    detail = json_detail({"subagent": call.agentId})
    yield (
        f"call {call_id}",
        {"kind": "tool_call", "arguments": arguments, "detail": detail, **shared},
    )
    if call.status not in ("success", "error", "cancelled") and call.result is None:
        return
    text = _result_text(call.result) or loose_text(call.resultDisplay)
    fields: dict[str, Any] = {"kind": "tool_result", "author": "tool", "text": text, **shared}
    if call.status in ("success", "error", "cancelled"):
        fields["failed"] = call.status != "success"
    if found := _EXIT_CODE.search(text):
        fields["exit_status"] = int(found[1])
        fields["failed"] = fields.get("failed") or int(found[1]) != 0
    if any(mark in text for mark in _CUT):
        fields["truncated"] = True
    yield f"result {call_id}", fields
    if call.status == "cancelled":
        detail = json_detail({"decision": "deny", "by": "human", "as": printable(text, 200)})
        yield f"approval {call_id}", {"kind": "approval", "detail": detail, **shared}


def _result_text(result: Any) -> str:
    """Text of a list of parts: function responses (`output` or `error`) and plain texts."""
    pieces = []
    for part in result if isinstance(result, list) else [result]:
        response = part.get("functionResponse") if isinstance(part, dict) else None
        if isinstance(response, dict) and isinstance(said := response.get("response"), dict):
            pieces.append(loose_text(said.get("output")) or loose_text(said.get("error")))
            if not pieces[-1]:
                pieces[-1] = msgspec.json.encode(said).decode()
        else:
            pieces.append(loose_text(part))
    return "\n".join(filter(None, pieces))


def _recognise(head: bytes) -> bool:
    """A session's beginning, a record of one, or `logs.json`."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] == b"[":
        text = text[1:].lstrip()
        from_array = _whole_object(text)
        return {"sessionId", "messageId", "type", "message"} <= set(from_array)
    for fields in (_whole_object(text), *first_objects(head, 3)):
        if isinstance(fields.get("sessionId"), str) and "projectHash" in fields:
            return True
    return NAMING in head and is_stream(head)


def _whole_object(text: bytes) -> dict[str, Any]:
    return next(first_objects(text.replace(b"\n", b" ").replace(b"\r", b" "), 1), {})


def _read(document: Document) -> Iterator[Event]:
    reader = _Reader(document)
    head = document.head().removeprefix(b"\xef\xbb\xbf").lstrip()
    if NAMING in head and is_stream(head):
        return read_stream(document)
    first = head.split(b"\n", 1)[0]
    try:
        msgspec.json.decode(repaired(first))
        by_line = b"\n" in head.strip() and head[:1] == b"{"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        by_line = False
    return reader.lines() if by_line else reader.whole()


def _places(environment: Mapping[str, str], home: Path) -> list[Path]:
    root = environment_path(environment, "GEMINI_CLI_HOME", home)
    return [root / ".gemini" / "tmp"]


def _beside(path: Path) -> bool:
    """What lies in a project's folder beside its `chats`: shell history, checkpoints."""
    return any((folder / "chats").is_dir() for folder in list(path.parents)[:2])


source = Source(
    name=SURFACE,
    title="Gemini CLI sessions (JSON and JSON lines), logs.json and stream-json output",
    recognise=_recognise,
    read=_read,
    places=_places,
    beside=_beside,
)
