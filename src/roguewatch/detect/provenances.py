"""The provenance of every session that is followed, within one bound of memory."""

from __future__ import annotations

from collections import OrderedDict

from roguewatch.detect.cause import Provenance
from roguewatch.events import Event

MAX_SESSIONS = 1024

MAX_KEPT = 32 << 20
"""Bytes kept of all sessions together."""


class Provenances:
    """The provenance of every session that is followed, shared by those who ask.

    Following an event twice counts once, so every detector may pass on what it sees. The
    session that was longest silent is forgotten when there are too many, or when all of
    them together hold more than `MAX_KEPT`; the one at hand never is.
    """

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Provenance] = OrderedDict()
        self._kept = 0
        self._event: Event | None = None
        self._latest: Provenance | None = None
        """What was asked last, by the engine and then by detectors."""

    def of(self, session: str) -> Provenance:
        found = self._sessions.get(session)
        if found is None:
            found = self._sessions[session] = Provenance()
            if len(self._sessions) > MAX_SESSIONS:
                self._forget_oldest()
        else:
            self._sessions.move_to_end(session)
        return found

    def follow(self, event: Event) -> Provenance:
        """Take in one event of any session and return that session's provenance."""
        if event is self._event and self._latest is not None:
            return self._latest
        provenance = self.of(event.session)
        self._event, self._latest = event, provenance
        before = provenance.kept
        provenance.follow(event)
        self._kept += provenance.kept - before
        while self._kept > MAX_KEPT and len(self._sessions) > 1:
            self._forget_oldest()
        return provenance

    def forget(self, session: str) -> None:
        if (forgotten := self._sessions.pop(session, None)) is not None:
            self._kept -= forgotten.kept
            self._event = self._latest = None

    def _forget_oldest(self) -> None:
        self._kept -= self._sessions.popitem(last=False)[1].kept
        self._event = self._latest = None
