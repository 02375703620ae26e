"""The table that coverage is told in: counts by deployment, surface and source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from roguewatch.findings import Finding
from roguewatch.gateway.coverage_differences import Difference, finding_of
from roguewatch.gateway.coverage_join import Joined
from roguewatch.gateway.coverage_sightings import SOURCES, Planted
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


class _Row:
    """Counts of one source, deployment and surface."""

    def __init__(self) -> None:
        self.expected = self.seen = self.missing = self.confirmed = 0
        self.pending = self.differing = self.hook_failures = 0
        self.missed: list[Missing] = []


class Table:
    """Counts by deployment, surface and source.

    Args:
        planted: canaries that were announced.
        canaries: the sources that each came out of, by its call id.
    """

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
        """Note that a source was heard of a deployment, ns UTC."""
        key = (deployment, source)
        self._heard[key] = max(self._heard.get(key, 0), time)

    def claim(self, name: str, entry: Deployment) -> None:
        """Note what the register says of a deployment."""
        self._claims[name] = entry

    def count(
        self,
        place: tuple[str, str],
        action: Joined,
        expected: set[str],
        found: list[Difference],
        before: int | None,
    ) -> None:
        """Count one action.

        Args:
            place: deployment and surface.
            action: as joined.
            expected: the sources that should have seen it, if they could.
            found: what they do not agree on.
            before: ns UTC; if it is not older, what is missing is pending. None: nothing is.
        """
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
        """All that was counted, with heartbeats as of `now` (ns UTC; None: the latest time
        heard) and the silence that is agreed (seconds)."""
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
