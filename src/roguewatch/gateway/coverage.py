"""Coverage: which actions which sources saw, and which they should have seen.

The same code measures a ledger afterwards (`coverage`) and a running gate (`Observed`,
fed as events become durable). "Not observed" is a state of its own: where a source that
claims to cover has shown nothing, nothing is known, and that is never told as covered.
"""

from __future__ import annotations

import time as clock
from collections import OrderedDict, defaultdict
from collections.abc import Mapping

from roguewatch.control.ownership import owner_of
from roguewatch.events import Event
from roguewatch.gateway.coverage_differences import differences
from roguewatch.gateway.coverage_join import Joined, join
from roguewatch.gateway.coverage_sightings import (
    SOURCES,
    Planted,
    Seen,
    planted_of,
    seen_of,
    source_of,
)
from roguewatch.gateway.coverage_table import INTERVAL_SECONDS, Table
from roguewatch.gateway.coverage_table import Coverage as Coverage
from roguewatch.gateway.coverage_table import Heartbeat as Heartbeat
from roguewatch.gateway.coverage_table import Measured as Measured
from roguewatch.gateway.coverage_table import Missing as Missing
from roguewatch.gateway.coverage_table import State as State
from roguewatch.gateway.coverage_table import could_see as could_see
from roguewatch.gateway.coverage_table import could_see_tool as could_see_tool
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Deployment

MAX_LIVE = 65_536
"""Sightings that a running gate keeps; the oldest are forgotten, and counted."""


class Observed:
    """Sightings as they come in; measured when asked.

    Args:
        most: sightings kept; None: all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._owners: OrderedDict[str, str] = OrderedDict()
        """The deployment that named each session first: another's telemetry that names it
        too is no sign of life of this one."""
        self._owner_of_event: OrderedDict[str, str] = OrderedDict()
        self._denied: OrderedDict[str, None] = OrderedDict()
        self._planted: OrderedDict[str, Planted] = OrderedDict()
        self._told_until: OrderedDict[str, int] = OrderedDict()
        self._heard: dict[tuple[str, str, str], int] = {}
        """Latest time by session, surface and source, of any event."""
        self.forgotten = 0

    def see(self, event: Event) -> None:
        """Take in one event; the same one again changes nothing."""
        if planted := planted_of(event):
            self._planted[planted.call_id] = planted
            return
        if owner := owner_of(event):
            for session in owner.sessions:
                self._owners.setdefault(session, owner.deployment)
            if owner.event:
                self._owner_of_event[owner.event] = owner.deployment
                if event.text in ("deny", "stop"):
                    self._denied[owner.event] = None
        if event.kind == "decision" or source_of(event) not in SOURCES:
            return
        if event.time is not None:
            heard = (event.session, event.surface, source_of(event))
            self._heard[heard] = max(self._heard.get(heard, 0), event.time)
            if source_of(event) == "transcript":
                until = self._told_until.get(event.session, 0)
                self._told_until[event.session] = max(until, event.time)
        if seen := seen_of(event):
            known = self._seen.get(seen.event)
            # One that is told again with a later time must not look new for ever.
            if known is None or (seen.time or 0) < (known.time or 0):
                self._seen[seen.event] = seen
        if self._most is not None and len(self._seen) > self._most:
            self._forget(self._most)

    def own(self, session: str, deployment: str) -> None:
        """Say whose a session is, where its events do not."""
        self._owners.setdefault(session, deployment)

    def canary(self, call_id: str) -> set[str]:
        """The sources that a canary came out of."""
        return {one.source for one in self._seen.values() if one.call_id == call_id}

    def measure(
        self,
        deployments: Mapping[str, Deployment] = {},
        *,
        before: int | None = None,
        now: int | None = None,
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> Measured:
        """Coverage of everything seen.

        Args:
            deployments: the register, by name.
            before: ns UTC; actions seen later are pending, for their other sightings may
                still be on their way. None: nothing is.
            now: ns UTC, for heartbeats; None: the latest time that was seen.
            interval_seconds: how long a source may be silent while others are not.
        """
        groups: defaultdict[str, list[Seen]] = defaultdict(list)
        canaries: defaultdict[str, set[str]] = defaultdict(set)
        for one in self._seen.values():
            if one.call_id in self._planted:
                canaries[one.call_id].add(one.source)
            else:
                groups[self._deployment(one, deployments)].append(one)
        table = Table(self._planted.values(), canaries)
        for (session, surface, source), time in self._heard.items():
            table.heard(self._of_session(session, surface, deployments), source, time)
        for name, entry in deployments.items():
            table.claim(name, entry)
        for name, seen in groups.items():
            known = deployments.get(name)
            actions = [(action, surface_of(action, known)) for action in join(seen)]
            showing: dict[str, set[str]] = {}
            for action, surface in actions:
                claimed = known.sources if known is not None else ()
                showing.setdefault(surface, set(claimed)).update(action.sources)
            for action, surface in actions:
                denied = any(
                    one.event in self._denied for each in action.accounts.values()
                    for one in each.calls
                )  # fmt: skip
                found = differences(action, self._told_until, denied)
                table.count((name, surface), action, showing[surface], found, before)
        return table.measured(now, interval_seconds, self.forgotten)

    def _deployment(self, one: Seen, deployments: Mapping[str, Deployment]) -> str:
        if named := one.deployment or self._owner_of_event.get(one.event):
            return named
        return self._of_session(one.session, one.surface, deployments)

    def _of_session(self, session: str, surface: str, deployments: Mapping[str, Deployment]) -> str:
        if owner := self._owners.get(session):
            return owner
        # a session that only transcripts tell of: by its surface, where that is unambiguous
        alike = [name for name, entry in deployments.items() if entry.surface == surface]
        return alike[0] if len(alike) == 1 and surface else ""

    def _forget(self, most: int) -> None:
        for _ in range(max(1, most // 8)):
            self._seen.popitem(last=False)
            self.forgotten += 1
        for kept in (self._owners, self._owner_of_event, self._denied, self._told_until):
            while len(kept) > most:
                kept.popitem(last=False)
        while len(self._heard) > most:
            del self._heard[next(iter(self._heard))]


def surface_of(action: Joined, entry: Deployment | None) -> str:
    """What the agent ran on. Relays and telemetry know only their own protocol, so what
    they alone saw is put down to the registered surface."""
    named = any(source in action.accounts for source in ("hook", "transcript"))
    return action.first.surface if named or entry is None else entry.surface or action.first.surface


def measured(
    ledger: Ledger,
    deployments: Mapping[str, Deployment] = {},
    *,
    since: int | None = None,
    until: int | None = None,
    settle_seconds: float = 0.0,
) -> Measured:
    """Coverage, differences and missing sightings of a whole ledger.

    Args:
        ledger: open.
        deployments: the register, by name; empty: nothing claims to cover anything.
        since: ns UTC; only events from then on.
        until: ns UTC; only events before.
        settle_seconds: actions younger than this are pending.
    """
    observed = Observed()
    for event in ledger.events(since=since, until=until):
        observed.see(event)
    now = clock.time_ns()
    before = now - int(settle_seconds * 1e9) if settle_seconds else None
    return observed.measure(deployments, before=before)


def coverage(ledger: Ledger, deployments: Mapping[str, Deployment] = {}) -> list[Coverage]:
    """Coverage of a whole ledger, by deployment, surface and source."""
    return measured(ledger, deployments).coverage
