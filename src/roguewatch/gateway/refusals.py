"""Refused requests in the record, without letting an agent fill the disk with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from roguewatch.events import Event, Origin, event_id

EACH = 30
WINDOW_SECONDS = 60.0
"""So many refusals are recorded one by one in such a time; the rest only as a count."""


class Refusals:
    """Turns refusals into events: the first ones whole, the others counted.

    Args:
        clock: seconds, rising.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self._clock = clock
        self._began = clock()
        self._recorded = 0
        self._counted: dict[str, int] = {}

    def note(self, path: str, reason: str, client: str) -> Sequence[Event]:
        """The events to record for one refusal: none, itself, or a count besides."""
        self.total += 1
        events = self.due()
        if self._recorded < EACH:
            self._recorded += 1
            return [*events, refusal_event(path, reason, client)]
        kind = reason[:60]  # reasons are ours, so there are few
        self._counted[kind] = self._counted.get(kind, 0) + 1
        return events

    def due(self) -> list[Event]:
        """The count of a window that is over, if anything was only counted in it."""
        now = self._clock()
        if now - self._began < WINDOW_SECONDS:
            return []
        counted, self._counted = self._counted, {}
        self._began, self._recorded = now, 0
        return [_event("refused more", {"counted": counted})] if counted else []


def refusal_event(path: str, reason: str, client: str) -> Event:
    """A refused request as an event."""
    return _event("refused", {"path": path[:500], "reason": reason[:500], "client": client[:200]})


def _event(text: str, detail: dict[str, object]) -> Event:
    now = time.time_ns()
    body = msgspec.json.encode(detail).decode()
    return Event(
        id=event_id("gate", text, now, body),
        session="roguewatch-gate",
        seq=now // 1000,
        kind="decision",
        surface="roguewatch",
        sighting="hook",
        time=now,
        text=text,
        detail=body,
        origin=Origin(file="gate", offset=0),
    )
