"""Coverage: which actions which sources saw, and which they should have seen.

The same code measures a ledger afterwards (`coverage`) and a running gate (`Observed`,
fed as events become durable). "Not observed" is a state of its own: where a source that
claims to cover has shown nothing, nothing is known, and that is never told as covered.
"""

from __future__ import annotations

import time as clock
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from roguewatch.control.ownership import owner_of
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.gateway.coverage_differences import Difference, differences, finding_of
from roguewatch.gateway.coverage_join import Joined, join
from roguewatch.gateway.coverage_sightings import (
    SOURCES,
    Planted,
    Seen,
    planted_of,
    seen_of,
)
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Deployment

State = Literal["covered", "partial", "unconfirmed", "not observed"]
"""`covered`: it saw every action that was to be seen, and another source confirms some of
them. `partial`: it missed actions. `unconfirmed`: it saw actions, and no other source
could tell what it missed. `not observed`: it saw nothing."""

Heartbeat = Literal["alive", "silent", "idle", "not observed"]
"""`silent`: others saw the deployment act after the source should have been heard of;
`idle`: nobody saw it act."""

INTERVAL_SECONDS = 3600.0
"""How long a source may be silent while others are not, where nothing else is agreed."""

MAX_NAMED = 50
MAX_LIVE = 65_536
"""Sightings that a running gate keeps; the oldest are forgotten, and counted."""


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """An action that a source should have seen and did not."""

    session: str
    tool: str
    call_id: str
    source: str
    seen_by: tuple[str, ...]
    event: str
    """A sighting of it, by another source."""
    time: int | None = None
    hook_failed: bool = False
    """The transcript says that a hook failed for it."""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What one source saw of one deployment on one surface."""

    deployment: str
    """Empty: activity that no deployment of the register accounts for."""
    surface: str
    source: str
    state: State
    claimed: bool
    """The register says that this source covers the deployment."""
    expected: int
    """Actions that it should have seen, being claimed or having seen others on this surface;
    canaries are not among them."""
    seen: int
    missing: int
    confirmed: int
    """Of those seen: also seen by another source."""
    pending: int
    """Actions too young to be called missing."""
    differing: int
    """Actions of which it and another source tell different things."""
    hook_failures: int = 0
    """Actions for which the transcript reports a failed hook (source `hook` only)."""
    canaries_sent: int = 0
    canaries_seen: int = 0
    last_seen: int | None = None
    """ns UTC."""
    interval_seconds: float = INTERVAL_SECONDS
    heartbeat: Heartbeat = "not observed"
    missed: tuple[Missing, ...] = ()
    """The first `MAX_NAMED` of them."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """All that can be told of the sightings at hand."""

    coverage: list[Coverage]
    differences: list[Difference]
    missed: list[Missing]
    forgotten: int = 0
    """Sightings that were dropped to bound memory: what is told is of the rest."""

    def findings(self) -> list[Finding]:
        """The differences as findings (E5)."""
        return [finding_of(one) for one in self.differences]


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
        if event.kind == "decision" or event.sighting not in SOURCES:
            return
        if event.time is not None:
            heard = (event.session, event.surface, event.sighting)
            self._heard[heard] = max(self._heard.get(heard, 0), event.time)
            if event.sighting == "transcript":
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
        table = _Table(self._planted.values(), canaries)
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


class _Row:
    """Counts of one source, deployment and surface."""

    def __init__(self) -> None:
        self.expected = self.seen = self.missing = self.confirmed = 0
        self.pending = self.differing = self.hook_failures = 0
        self.missed: list[Missing] = []


class _Table:
    """Counts by deployment, surface and source."""

    def __init__(self, planted: Iterable[Planted], canaries: Mapping[str, set[str]]) -> None:
        self._rows: dict[tuple[str, str, str], _Row] = {}
        self._claims: dict[str, Deployment] = {}
        self._heard: dict[tuple[str, str], int] = {}
        self._differences: list[Difference] = []
        self._missed: list[Missing] = []
        self._sent: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._came: defaultdict[tuple[str, str], int] = defaultdict(int)
        for one in planted:
            for source in one.sources:
                self._sent[one.deployment, source] += 1
                self._came[one.deployment, source] += source in canaries.get(one.call_id, ())

    def heard(self, deployment: str, source: str, time: int) -> None:
        key = (deployment, source)
        self._heard[key] = max(self._heard.get(key, 0), time)

    def claim(self, name: str, entry: Deployment) -> None:
        self._claims[name] = entry

    def count(
        self,
        place: tuple[str, str],
        action: Joined,
        expected: set[str],
        found: list[Difference],
        before: int | None,
    ) -> None:
        sources = action.sources
        if not sources:
            return
        first, time = action.first, action.time
        failed = any(each.failures for each in action.accounts.values())
        young = before is not None and time is not None and time >= before
        self._differences += found
        for source in SOURCES:
            if source not in expected or not (source in sources or could_see(source, action)):
                continue
            row = self._rows.setdefault((*place, source), _Row())
            if source == "hook":
                row.hook_failures += failed
            if source in sources:
                row.expected += 1
                row.seen += 1
                row.confirmed += len(sources) > 1
                row.differing += any(source in one.sources for one in found)
            elif young:
                row.pending += 1
            else:
                row.expected += 1
                row.missing += 1
                missing = Missing(
                    session=first.session, tool=action.tool, call_id=action.call_id,
                    source=source, seen_by=tuple(sorted(sources)), event=first.event, time=time,
                    hook_failed=failed and source == "hook",
                )  # fmt: skip
                self._missed.append(missing)
                row.missed.append(missing)

    def measured(self, now: int | None, interval: float, forgotten: int) -> Measured:
        for name, entry in self._claims.items():
            for source in entry.sources:
                if not any(key[0] == name and key[2] == source for key in self._rows):
                    self._rows[name, entry.surface, source] = _Row()
        last = now if now is not None else max(self._heard.values(), default=0)
        rows = [
            self._coverage(*key, row, last, interval) for key, row in sorted(self._rows.items())
        ]
        return Measured(
            coverage=rows,
            differences=sorted(self._differences, key=lambda one: (one.time or 0, one.events)),
            missed=sorted(self._missed, key=lambda one: (one.time or 0, one.event, one.source)),
            forgotten=forgotten,
        )

    def _coverage(
        self, name: str, surface: str, source: str, row: _Row, now: int, interval: float
    ) -> Coverage:
        entry = self._claims.get(name)
        heard = self._heard.get((name, source))
        others = max(
            (time for (whose, who), time in self._heard.items() if whose == name and who != source),
            default=None,
        )
        return Coverage(
            deployment=name, surface=surface, source=source,
            state=_state(row), claimed=entry is not None and source in entry.sources,
            expected=row.expected, seen=row.seen, missing=row.missing, confirmed=row.confirmed,
            pending=row.pending, differing=row.differing, hook_failures=row.hook_failures,
            canaries_sent=self._sent[name, source], canaries_seen=self._came[name, source],
            last_seen=heard, interval_seconds=interval,
            heartbeat=_heartbeat(heard, others, now, int(interval * 1e9)),
            missed=tuple(row.missed[:MAX_NAMED]),
        )  # fmt: skip


def surface_of(action: Joined, entry: Deployment | None) -> str:
    """What the agent ran on. Relays and telemetry know only their own protocol, so what
    they alone saw is put down to the registered surface."""
    named = any(source in action.accounts for source in ("hook", "transcript"))
    return action.first.surface if named or entry is None else entry.surface or action.first.surface


def could_see(source: str, action: Joined) -> bool:
    """Whether a source that covers an agent could have seen an action: the MCP relay sees
    only calls of MCP tools, the others all."""
    return could_see_tool(source, action.tool)


def could_see_tool(source: str, tool: str) -> bool:
    """The same, of a tool's name."""
    return source != "mcp-relay" or tool.startswith("mcp__")


def _state(row: _Row) -> State:
    if not row.seen:
        return "not observed"
    if row.missing:
        return "partial"
    return "covered" if row.confirmed else "unconfirmed"


def _heartbeat(heard: int | None, others: int | None, now: int, interval: int) -> Heartbeat:
    if heard is None:
        return "not observed"
    if now - heard <= interval:
        return "alive"
    return "silent" if others is not None and others - heard > interval else "idle"


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
