"""One session as a source tells it: ordinals, ids, and calls that wait for their result.

For formats whose records are known only within a conversation (a message has no id
of its own, or a copy of the file lays it out differently). The id of an event is
bound to the session, the record's own id, what the record says, and its occurrence
number among equal ones; so a copy, a longer snapshot or a rewritten layout yields the
same ids, and an altered record a new one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roguewatch.events import Event, Kind, Origin, Sighting, event_id
from roguewatch.sources.source import Counts


class Telling:
    """The events of one session, in the order told.

    Args:
        surface: what the agent ran on.
        session: the session's id.
        counts: the reading's counts; every event told is counted there.
        model: the model in use, for events that do not name one.
    """

    def __init__(
        self,
        surface: str,
        session: str,
        counts: Counts,
        *,
        sighting: Sighting = "transcript",
        model: str = "",
    ) -> None:
        self.surface = surface
        self.session = session
        self.counts = counts
        self.sighting = sighting
        self.model = model
        self._about = event_id(surface, session)
        self._seq = 0
        self._seen: dict[str, int] = {}
        self._calls = 0
        self._waiting: dict[str, Event] = {}

    def tell(
        self,
        kind: Kind,
        origin: Origin,
        *,
        key: str = "",
        text: str = "",
        tool: str = "",
        call_id: str = "",
        arguments: str = "",
        detail: str = "",
        agent: str = "main",
        model: str = "",
        **fields: Any,
    ) -> Event:
        """The next event.

        Args:
            kind: what it is.
            origin: where its record was read.
            key: the record's own id, where it has one that stays the same in copies.
            fields: the other fields of the event.
        """
        # the lengths bind the parts; one string is several times quicker than eight
        laid_out = compact(arguments) if arguments else ""
        said = (
            f"{kind} {len(key)} {len(agent)} {len(tool)} {len(call_id)} {len(laid_out)} "
            f"{len(detail)} {key}{agent}{tool}{call_id}{laid_out}{detail}{text}"
        )
        id = event_id(self._about, said)
        occurrence = self._seen.get(id, 0)
        self._seen[id] = occurrence + 1
        event = Event(
            id=event_id(id, occurrence) if occurrence else id,
            session=self.session,
            seq=self._seq,
            kind=kind,
            surface=self.surface,
            sighting=self.sighting,
            agent=agent,
            text=text,
            tool=tool,
            call_id=call_id,
            arguments=arguments,
            detail=detail,
            model=model or self.model,
            origin=origin,
            **fields,
        )
        self._seq += 1
        self.counts.events += 1
        return event

    def call(self, origin: Origin, *, tool: str, call_id: str = "", **fields: Any) -> Event:
        """A tool call; one without an id gets its ordinal as id, so that its result joins."""
        self._calls += 1
        event = self.tell(
            "tool_call", origin, tool=tool, call_id=call_id or f"#{self._calls}", **fields
        )
        self._waiting[event.call_id] = event
        return event

    def result(
        self, origin: Origin, *, tool: str = "", call_id: str = "", **fields: Any
    ) -> tuple[Event, bool]:
        """A tool result, joined to its call by id, or where it has none, by tool and order.

        Returns:
            the result, and whether its call was waiting for it.
        """
        call = self._waiting.pop(call_id, None) if call_id else self._oldest(tool)
        if call is None and call_id and tool:
            call = self._oldest(tool, unnamed=True)  # Gemini's API names the answer alone
        if call is not None:
            tool, call_id = tool or call.tool, call.call_id
            fields.setdefault("agent", call.agent)
        event = self.tell("tool_result", origin, tool=tool, call_id=call_id, **fields)
        return event, call is not None

    def _oldest(self, tool: str, *, unnamed: bool = False) -> Event | None:
        """The call of this tool (empty: of any) that has waited longest.

        Args:
            unnamed: only one that the source gave no id.
        """
        for call_id, call in self._waiting.items():
            if (call.tool == tool or not tool) and (not unnamed or call_id.startswith("#")):
                return self._waiting.pop(call_id)
        return None

    def waiting(self) -> list[Event]:
        """The calls that have had no result yet."""
        return list(self._waiting.values())

    def answered(self, call_id: str) -> None:
        """The call's result is known by other means."""
        self._waiting.pop(call_id, None)

    def gap(
        self, code: str, reason: str, origin: Origin, *, raw: bytes = b"", **fields: Any
    ) -> Event:
        """What was not understood; the caller counts it in the field that it belongs to."""
        return self.tell(
            "gap", origin, text=reason, raw=raw, detail=f'{{"code":"{code}"}}', **fields
        )

    def orphans(self) -> list[Event]:
        """A gap for each call that never had a result, counted."""
        gaps = []
        for call in self._waiting.values():
            self.counts.orphan_call += 1
            gaps.append(
                self.gap(
                    "orphan_call",
                    "no result was recorded for this call",
                    call.origin,
                    tool=call.tool,
                    call_id=call.call_id,
                    agent=call.agent,
                    time=call.time,
                )
            )
        self._waiting.clear()
        return gaps

    def orphan_result(self, result: Event) -> Event:
        """The gap for a result whose call was never told, counted."""
        self.counts.orphan_call += 1
        return self.gap(
            "orphan_call",
            "a result without the call that it answers",
            result.origin,
            tool=result.tool,
            call_id=result.call_id,
            agent=result.agent,
            time=result.time,
        )


def compact(text: str) -> str:
    """JSON text without the white space that a copy may lay out differently."""
    if not text:
        return text
    try:
        return msgspec.json.format(text, indent=-1)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def canonical(text: str) -> str:
    """JSON text with its keys in order: equal for arguments that two observers wrote apart."""
    try:
        return msgspec.json.encode(msgspec.json.decode(text), order="sorted").decode()
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return text


def as_arguments(value: Any) -> str:
    """Arguments of a call as JSON text of an object.

    Text that holds an object is kept to the letter; anything else is wrapped as
    {"input": …}.
    """
    if value is None or value == "":
        return "{}"
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("{") and text.endswith("}") and _is_object(text):
            return text
    elif isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    return msgspec.json.encode({"input": value}).decode()


_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _is_object(text: str) -> bool:
    try:
        _members(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False
    return True
