"""What earlier runs left undone: analysed again from the ledger, in its order."""

from __future__ import annotations

from collections.abc import Callable

from roguewatch.assess.activity import TELLERS, Tally
from roguewatch.assess.detection import Detectors
from roguewatch.assess.repeats import PRINTED, Repeats
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.database import transaction
from roguewatch.state.findings import Findings
from roguewatch.state.sessions import Sessions

OWN_SURFACE = "roguewatch"
"""Of events about the gate itself, which are no session of an agent's."""

FOUND_AT_ONCE = 1_000


class Unfinished:
    """How far the state is behind the ledger when a run begins.

    Args:
        ledger: every event that was made durable.
        sessions: what was added up.
    """

    def __init__(self, ledger: Ledger, sessions: Sessions) -> None:
        counted = sessions.counted()
        held = {row.session: row for row in ledger.sessions()}
        self.known = counted.keys() | held.keys()
        """Sessions that cannot be added up while they are read: the ledger has part of them."""
        self.behind = frozenset(
            row.session
            for row in held.values()
            if row.surface != OWN_SURFACE and counted.get(row.session) != row.events
        )
        """Sessions of which the ledger holds other events than were added up: a run was
        killed between the two, or the gate has stored some since."""
        self.interrupted = None in counted.values()
        """Whether a run ended before its last file: what a session found in another is then
        looked for again, since the memory of it is gone."""
        self.earlier = bool(held)
        """Whether the ledger held sessions already, of which this run's detectors know nothing."""
        self._without_row = held.keys() - counted.keys()

    def meet(self, session: str) -> None:
        """A file tells an event that the ledger had: of a session that no run wrote down,
        only one that was killed before it did can have stored it."""
        self.interrupted = self.interrupted or session in self._without_row


def _tellers(ledger: Ledger, session: str) -> list[str]:
    """Who tells of a session, the fullest account, which counts, first; see `TELLERS`."""
    seen: set[str] = set()
    for event in ledger.events(session=session):
        if event.kind != "decision":
            seen.add(event.sighting)
    return [one for one in TELLERS if one in seen]


def look(event: Event, tally: Tally, detectors: Detectors) -> list[Finding]:
    """Count one event and look at it."""
    tally.add(event)
    found, kinds = detectors.feed(event)
    if kinds:
        tally.add_impacts(event, kinds)
    return found


def look_across(ledger: Ledger, findings: Findings, detectors: Detectors) -> None:
    """Look for what no session shows alone over the whole ledger, in the order of reading."""
    engine = detectors.across()
    found: list[Finding] = []
    for event in ledger.events():
        found += engine.feed(event)
        if len(found) >= FOUND_AT_ONCE:
            findings.record(found)
            found = []
    findings.record(found)


def analyse_again(
    ledger: Ledger,
    sessions: Sessions,
    findings: Findings,
    detectors: Detectors,
    run: str | None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Add up and look at, from the ledger, what is not finished or out of date.

    Args:
        run: sessions of its files that other detectors looked at are out of date; None: all
            that they looked at.
        progress: told of events.

    Returns:
        How many sessions that were. Each is written down by itself, so that a kill costs one.
    """
    again = sessions.stale(detectors.digest, run)
    for session in again:
        detectors.finish(session)  # forget what an unfinished reading left
        tellers = _tellers(ledger, session)
        tally = Tally(session, tellers[0] if tellers else "")
        told = None
        if PRINTED in tellers[1:]:
            told = Repeats(ledger.events(session=session), tellers[0])
        for path in sessions.paths(session):
            tally.read_from(path)
        found: list[Finding] = []
        for event in ledger.events(session=session):
            if told is not None and told.tells(event):
                tally.add(event)
            else:
                found += look(event, tally, detectors)
        if progress:
            progress(tally.summary.events)
        found += detectors.finish(session)
        with transaction(sessions.engine, write=True) as connection:
            stands = detectors.still_on if told is None else detectors.rests_elsewhere
            findings.replace(session, found, connection, stands)
            sessions.keep(connection, [tally.finish()], detectors.digest)
    return len(again)
