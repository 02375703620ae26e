"""Tool calls that a model asked for, against those that the agent then made.

A call that was made and that no model asked for is an agent acting on another mind than
the one we see (another client, a raw API call round the relay: E9); a call whose account
differs between observers is a spoofed one (E5); a call that was asked for and never made
is either a denial or something done out of sight. All three are for the coverage measure
to weigh: none is proof by itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Literal

import msgspec

from roguewatch.events import Event

MAX_CALLS = 65536
MADE_BY = ("hook", "mcp-relay", "transcript", "host", "otel")

What = Literal["asked, not made", "made, not asked", "made otherwise than asked"]


class Unmatched(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call that observers do not agree on."""

    what: What
    session: str
    tool: str
    call_id: str
    events: tuple[str, ...]
    """Ids of the sightings, the model's first."""
    time: int | None = None
    """ns UTC of the first sighting."""


class _Call(msgspec.Struct):
    session: str
    tool: str
    arguments: str
    call_id: str
    event: str
    time: int | None
    answered: bool = False


class Matching:
    """Joins sightings of calls by call id, else by tool and arguments; never by time.

    Feed it events of one deployment in any order that keeps each source's own.
    """

    def __init__(self) -> None:
        self._asked: OrderedDict[str, _Call] = OrderedDict()
        self._by_content: dict[tuple[str, str], list[str]] = {}
        self._made: OrderedDict[str, _Call] = OrderedDict()
        self._made_by_content: dict[tuple[str, str], list[str]] = {}
        self._matched: set[str] = set()
        self._matched_by: set[tuple[str, str]] = set()
        """Which observer matched which call by content alone: each does so once."""
        self._otherwise: list[Unmatched] = []

    def see(self, event: Event) -> None:
        """Take in one event; what is no sighting of a call is ignored."""
        if event.kind == "tool_call" and event.sighting == "model-relay":
            detail = event.parsed_detail()
            if not detail.get("hosted") and not detail.get("from_history"):
                self._model_asked(event)
        elif event.kind == "tool_call" and event.sighting in MADE_BY:
            self._agent_made(event)
        elif event.kind == "tool_result" and event.sighting == "model-relay":
            asked = self._asked.get(event.call_id)
            if asked is not None:
                asked.answered = True

    def unmatched(self, before: int | None = None) -> list[Unmatched]:
        """The calls that do not match.

        Args:
            before: ns UTC; younger calls may still be under way and are left out.

        Returns:
            Oldest first. A call whose result the agent reported to the model, and that
            no other observer saw, counts as made where no such observer exists; whether
            one should have is the coverage measure's to know.
        """
        found = list(self._otherwise)
        for key, call in self._asked.items():
            if key not in self._matched and not call.answered and _old(call, before):
                found.append(_told("asked, not made", call))
        for key, call in self._made.items():
            if key not in self._matched and _old(call, before):
                found.append(_told("made, not asked", call))
        return sorted(found, key=lambda one: one.time or 0)

    def _model_asked(self, event: Event) -> None:
        call = _call(event)
        key = event.call_id or event.id
        self._asked[key] = call
        self._by_content.setdefault(_content(call), []).append(key)
        if len(self._asked) > MAX_CALLS:
            gone, old = self._asked.popitem(last=False)
            self._matched.discard(gone)
            self._matched_by -= {(sighting, gone) for sighting in MADE_BY}
            keys = self._by_content[_content(old)]
            keys.remove(gone)
            if not keys:
                del self._by_content[_content(old)]
        made = self._made.get(event.call_id) if event.call_id else None
        if made is not None:
            self._forget(event.call_id)
            self._join(key, call, made)
            return
        for waiting in self._made_by_content.get(_content(call), ()):
            self._forget(waiting)
            self._matched.add(key)
            return

    def _agent_made(self, event: Event) -> None:
        made = _call(event)
        if event.sighting == "mcp-relay":
            made.call_id = str(event.parsed_detail().get("claimed_call_id") or "")
        asked = self._asked.get(made.call_id) if made.call_id else None
        if asked is not None:
            self._join(made.call_id, asked, made)
            return
        for key in self._by_content.get(_content(made), ()):
            if (event.sighting, key) not in self._matched_by:
                self._matched_by.add((event.sighting, key))
                self._matched.add(key)
                return
        key = made.call_id or made.event
        if key in self._made:
            return  # another observer of the same call
        self._made[key] = made
        self._made_by_content.setdefault(_content(made), []).append(key)
        if len(self._made) > MAX_CALLS:
            self._forget(next(iter(self._made)))

    def _forget(self, key: str) -> None:
        content = _content(self._made.pop(key))
        keys = self._made_by_content[content]
        keys.remove(key)
        if not keys:
            del self._made_by_content[content]

    def _join(self, key: str, asked: _Call, made: _Call) -> None:
        self._matched.add(key)
        if _content(asked) != _content(made):
            self._otherwise.append(
                Unmatched(
                    what="made otherwise than asked",
                    session=made.session,
                    tool=made.tool,
                    call_id=key,
                    events=(asked.event, made.event),
                    time=asked.time,
                )
            )


def unmatched(events: Iterable[Event], before: int | None = None) -> list[Unmatched]:
    """The calls of these events on which observers do not agree; see `Matching`."""
    matching = Matching()
    for event in events:
        matching.see(event)
    return matching.unmatched(before)


def _call(event: Event) -> _Call:
    return _Call(event.session, event.tool, event.arguments, event.call_id, event.id, event.time)


def _content(call: _Call) -> tuple[str, str]:
    try:
        value = msgspec.json.decode(call.arguments)
        arguments = msgspec.json.encode(value, order="sorted").decode()
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        arguments = call.arguments
    return call.tool, arguments


def _old(call: _Call, before: int | None) -> bool:
    return before is None or call.time is None or call.time < before


def _told(what: What, call: _Call) -> Unmatched:
    return Unmatched(
        what=what,
        session=call.session,
        tool=call.tool,
        call_id=call.call_id,
        events=(call.event,),
        time=call.time,
    )
