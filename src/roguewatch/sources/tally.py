"""What every reader keeps while it tells a file's events: ordinals, gaps, what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Any

from roguewatch.events import Event, Origin, Sighting, event_id
from roguewatch.printable import printable
from roguewatch.sources.lines import Line
from roguewatch.sources.source import Counts, Document

GAP_CODES = (
    "unknown_type",
    "unknown_field",
    "malformed",
    "truncated_tail",
    "orphan_call",
)
"""The counts that a gap may belong to; its `code` begins the gap's detail."""


class Tally:
    """The state of one reading of one document.

    Args:
        document: what is read; its counts are filled.
        surface: what the agent ran on.
    """

    def __init__(self, document: Document, surface: str) -> None:
        self.name = document.name
        self.counts: Counts = document.counts
        self.surface = surface
        self.sighting: Sighting = "transcript"
        self.session = ""
        """The session of records that do not name theirs."""
        self._named, self._naming = "", f"{surface}\0\0".encode()
        """A session, and how the ids of its lines begin."""
        self._ordinals: dict[str, int] = {}
        self._seen: set[str] = set()
        self._occurrences: dict[bytes, int] = {}
        self._reported: set[tuple[str, str]] = set()
        self._calls: dict[str, str] = {}
        self._waiting: dict[str, Event] = {}

    def next_seq(self, session: str) -> int:
        """The next ordinal of a session, from 0."""
        seq = self._ordinals.get(session, 0)
        self._ordinals[session] = seq + 1
        return seq

    def first_time(self, id: str) -> bool:
        """Whether this file has not yet given this record; counts a duplicate if it has."""
        if id in self._seen:
            self.counts.duplicate += 1
            return False
        self._seen.add(id)
        return True

    def occurrence(self, data: bytes) -> int:
        """How often this file has given these bytes before: 0 the first time.

        Part of the id of a record that has none of its own, so that two equal lines
        are two records, and the same two in a copy.
        """
        digest = sha256(data).digest()
        count = self._occurrences.get(digest, 0)
        self._occurrences[digest] = count + 1
        return count

    def line_id(self, session: str, data: bytes) -> str:
        """The id of a line that has none of its own: session, bytes, occurrence."""
        digest = sha256(data).digest()
        count = self._occurrences.get(digest, 0)
        self._occurrences[digest] = count + 1
        if session != self._named:
            self._named = session
            self._naming = f"{self.surface}\0{session}\0".encode("utf-8", "surrogatepass")
        return sha256(b"%b%d\0%b" % (self._naming, count, digest)).hexdigest()[:32]

    def gap(
        self,
        code: str,
        reason: str,
        offset: int,
        *,
        raw: bytes = b"",
        session: str | None = None,
        key: str | bytes = b"",
        **detail: object,
    ) -> Event:
        """A gap event, counted.

        Args:
            code: one of `GAP_CODES`.
            reason: what was met and what was expected; agent text in it is made printable.
            offset: where the record begins.
            raw: the record's bytes, where no other event carries them.
            session: the session that it belongs to; by default the file's.
            key: what the gap's id stands for, where it is not `raw`.
            detail: more about it, for the event's `detail`.
        """
        setattr(self.counts, code, getattr(self.counts, code) + 1)
        self.counts.events += 1
        session = self.session if session is None else session
        stands_for = key or raw
        if isinstance(stands_for, str):
            stands_for = stands_for.encode("utf-8", "surrogatepass")
        occurrence = self.occurrence(b"gap:" + code.encode() + stands_for)
        return Event(
            id=event_id(self.surface, "gap", session, code, stands_for, occurrence),
            session=session,
            seq=self.next_seq(session),
            kind="gap",
            surface=self.surface,
            sighting=self.sighting,
            text=printable(reason, 2000),
            detail=json.dumps({"code": code, **detail}),
            raw=raw,
            origin=Origin(self.name, offset),
        )

    def unknown_field(self, record: str, field: str, offset: int, why: str = "") -> Event | None:
        """Count a field that the format does not have; a gap the first time in this file.

        Args:
            record: what kind of record it is in, `assistant` or `payload.message`.
            field: its name, or its name with what is wrong about its value.
        """
        record, field = printable(record, 200), printable(field, 200)
        if (record, field) in self._reported or len(self._reported) >= 1000:
            self.counts.unknown_field += 1
            return None
        self._reported.add((record, field))
        return self.gap(
            "unknown_field",
            f"{record} has the field {field}, {why or 'which this reader does not know'}",
            offset,
            key=f"{record}\0{field}",
            record=record,
            field=field,
        )

    def unknown_type(self, record: str, offset: int, raw: bytes, *, id: str = "") -> Event:
        """A record of a type that the format does not have: always a gap, with its bytes."""
        record = printable(record, 200)
        return self.gap(
            "unknown_type",
            f"a record of type {record or '(none)'}, which this reader does not know",
            offset,
            raw=raw,
            type=record,
            id=id,
        )

    def tell(
        self, told: Iterable[dict[str, Any]], line: Line, id: str, **shared: Any
    ) -> Iterator[Event]:
        """The events of one record, its calls and results joined; the first has its bytes.

        Args:
            told: what each says, as fields of an event.
            line: the record.
            id: its id.
            shared: fields of all, where they do not say better.
        """
        for part, fields in enumerate(told):
            self.counts.events += 1
            event = Event(
                id=event_id(id, part) if part else id,
                session=self.session,
                seq=self.next_seq(self.session),
                surface=self.surface,
                sighting=self.sighting,
                part=part,
                raw=b"" if part else line.data,
                origin=Origin(self.name, line.offset),
                **{**shared, **fields},
            )
            yield event
            if event.kind == "tool_call":
                self.called(event)
            elif event.kind == "tool_result" and not self.answered(event.call_id):
                yield self.orphan(event)

    def called(self, event: Event) -> None:
        """A tool call was told; its result is waited for."""
        if event.call_id:
            self._calls[event.call_id] = event.tool
            self._waiting[event.call_id] = event

    def answered(self, call_id: str) -> bool:
        """A tool result was told: whether its call was, too."""
        self._waiting.pop(call_id, None)
        return call_id in self._calls

    def tool_of(self, call_id: str) -> str:
        """The tool of a call that was told; empty where it was not."""
        return self._calls.get(call_id.strip(), "")

    def told_call(self, call_id: str) -> bool:
        """Whether this call was told."""
        return call_id in self._calls

    def orphan(self, event: Event) -> Event:
        """A gap for a tool result without its call."""
        return self.gap(
            "orphan_call",
            f"a tool result for call {event.call_id or '(no id)'}, which this file does not hold",
            event.origin.offset,
            session=event.session,
            key=f"result\0{event.call_id}",
            call_id=event.call_id,
            missing="call",
        )

    def unanswered(self) -> Iterator[Event]:
        """A gap for each tool call without result, at the end of the file."""
        for call_id, event in self._waiting.items():
            yield self.gap(
                "orphan_call",
                f"call {call_id} of {event.tool or 'a tool'} has no result in this file",
                event.origin.offset,
                session=event.session,
                key=f"call\0{call_id}",
                call_id=call_id,
                missing="result",
            )
        self._waiting.clear()
