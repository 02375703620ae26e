"""Facts about the gate, the register, stops and drills."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from roguewatch.assess.facts.fact import Measured, fact
from roguewatch.assess.facts.inputs import DrillResult, Gate, Registered
from roguewatch.state.register import Stop

_DECISIONS = "decision events in the ledger; the record is made before the answer is given"
_REGISTER = "entries of the register"
_STOPS = "reports of stops, as probes that do not trust the stopper found it"
_DRILLS = "latest drill of each route, containment and rung; skipped ones do not count"
_OTHER = ("outage", "investigation")
"""Kinds of drill that do not plant a deployment."""
_FALSE_DRILL = "a stop or intrusion by the same route that goes otherwise"


@fact("gate.decisions", "Actions that the gate decided", "decisions", of="gate",
      method=_DECISIONS)  # fmt: skip
def decisions(given: Gate) -> Measured:
    """How many."""
    return Measured(value=given.decisions, evidence=given.sample())


@fact("gate.outcomes", "What the gate answered", "decisions", of="gate", method=_DECISIONS)
def outcomes(given: Gate) -> Measured:
    """Decisions by outcome."""
    return Measured(value=dict(given.outcomes), evidence=given.sample())


@fact("gate.denied_share", "Share of decisions that denied or stopped", "share", of="gate",
      method=_DECISIONS)  # fmt: skip
def denied(given: Gate) -> Measured | None:
    """Denied and stopped over all."""
    count = given.outcomes.get("deny", 0) + given.outcomes.get("stop", 0)
    return _rate(given, count, given.sample("deny", "stop"))


@fact("gate.fail_mode_share", "Share of decisions in which no sound decision could be made",
      "share", of="gate", method=_DECISIONS)  # fmt: skip
def fail_mode(given: Gate) -> Measured | None:
    """Decisions on the ground `fail-mode`."""
    return _rate(given, given.failed, given.sample("failed"))


@fact("gate.failed_open", "Actions let through because no sound decision could be made",
      "decisions", of="gate", method=_DECISIONS)  # fmt: skip
def failed_open(given: Gate) -> Measured:
    """Allowed on the ground `fail-mode`."""
    return Measured(value=given.failed_open, evidence=given.sample("failed open") or given.sample())


@fact("gate.latency_p50_ms", "Time that a decision took, median", "ms", of="gate",
      method=_DECISIONS)  # fmt: skip
def latency_p50(given: Gate) -> Measured | None:
    """Milliseconds, as the record states."""
    return _quantile(given, 0.5)


@fact("gate.latency_p95_ms", "Time that a decision took, 95th percentile", "ms", of="gate",
      method=_DECISIONS)  # fmt: skip
def latency_p95(given: Gate) -> Measured | None:
    """Milliseconds, as the record states."""
    return _quantile(given, 0.95)


@fact("gate.sessions_share", "Share of sessions read in which the gate decided at least one action",
      "share", of="gate",
    scope="entity",
      method="sessions with a decision over sessions assessed; a session that left no transcript "
      "and never met the gate is in neither",
      falsifier="an independent record of a session that is in neither")  # fmt: skip
def gated(given: Gate) -> Measured | None:
    """Sessions that passed the gate over all."""
    return Measured.rate(min(len(given.met), given.sessions), given.sessions, given.sample())


@fact("approvals.asked", "Questions that the gate put to people, by their answer", "questions",
      of="gate", scope="entity",
      method="the approval queue; bound to one exact action each")  # fmt: skip
def asked(given: Gate) -> Measured:
    """Questions by answer; the empty answer is none yet."""
    told = {answer or "unanswered": n for answer, n in sorted(given.approvals.items())}
    return Measured(value=told, evidence=given.sample("ask", "deny") or given.sample())


@fact("approvals.median_seconds", "Time that people took to answer, median", "seconds", of="gate",
      scope="entity", method="from the question to the answer, answered ones only")  # fmt: skip
def answer_time(given: Gate) -> Measured | None:
    """Median over answered questions."""
    if not given.approval_seconds:
        return None
    return Measured(value=statistics.median(given.approval_seconds), evidence=given.sample())


@fact("register.deployments", "Deployments in the register", "deployments", of="register",
      method=_REGISTER, falsifier="something that acts and has no entry")  # fmt: skip
def registered(given: Registered) -> Measured:
    """Entries."""
    return _named(given, [one.name for one in given.deployments])


@fact("register.without_owner", "Deployments that nobody owns", "deployments", of="register",
      method=_REGISTER)  # fmt: skip
def without_owner(given: Registered) -> Measured:
    """Entries without an owner."""
    return _named(given, [one.name for one in given.deployments if not one.owner])


@fact("register.without_end", "Deployments with no end agreed, or past it", "deployments",
      of="register", method=_REGISTER)  # fmt: skip
def without_end(given: Registered) -> Measured:
    """Entries without an expiry, or expired and still there."""
    return _named(
        given,
        [o.name for o in given.deployments if o.expires is None or o.expires <= given.now],
    )


@fact("register.without_scope", "Deployments whose scope nobody wrote down", "deployments",
      of="register", method=_REGISTER)  # fmt: skip
def without_scope(given: Registered) -> Measured:
    """Entries whose scope names no path, host, tool or identity."""
    empty = [
        one.name
        for one in given.deployments
        if not (one.scope.paths or one.scope.hosts or one.scope.tools or one.scope.identities)
    ]
    return _named(given, empty)


@fact("register.fails_open", "Deployments that go on when the gate cannot decide", "deployments",
      of="register", method=_REGISTER)  # fmt: skip
def fails_open(given: Registered) -> Measured:
    """By policy, or because the agent's own hooks let actions pass when they fail."""
    return _named(
        given,
        [o.name for o in given.deployments if o.fail_mode == "open" or o.can_fail_open],
    )


@fact("permissions.granted", "Permissions and tools granted, by deployment", "permissions",
      of="register", method=_REGISTER, kind="stated",
      falsifier="the system that grants them lists others")  # fmt: skip
def granted(given: Registered) -> Measured:
    """How many each."""
    return Measured(
        value={o.name: len(o.permissions) + len(o.scope.tools) for o in given.deployments},
        evidence=tuple(f"deployment:{one.name}" for one in given.deployments),
    )


@fact(
    "permissions.unused_tools",
    "Tools granted and never seen used, by deployment",
    "tools",
    of="register",
    method="tools of the register's scope against tools that passed the gate",
)
def unused(given: Registered) -> Measured | None:
    """Only for deployments that the gate saw act and whose scope names tools."""
    found = {
        one.name: sorted(set(one.scope.tools) - given.used[one.name])
        for one in given.deployments
        if one.scope.tools and one.name in given.used
    }
    if not found:
        return None
    return Measured(value=found, evidence=tuple(f"deployment:{name}" for name in found))


@fact("stops.count", "Stops ordered", "stops", of="stops", method=_STOPS, scope="entity")
def stops(given: list[Stop]) -> Measured:
    """How many, open ones included."""
    return Measured(value=len(given), evidence=_stops(given))


@fact("stops.open", "Stops still open", "stops", of="stops", method=_STOPS, scope="entity")
def open_stops(given: list[Stop]) -> Measured:
    """Those that nobody closed."""
    open = [stop for stop in given if stop.closed is None]
    return Measured(value=len(open), evidence=_stops(open or given))


@fact("stops.unproven", "Stops whose report does not show that everything stopped", "stops",
      of="stops", method=_STOPS, scope="entity")  # fmt: skip
def unproven(given: list[Stop]) -> Measured:
    """Survivors, or no probe that could look, or no report."""
    bad = [stop for stop in given if '"stopped":true' not in stop.report.replace(" ", "")]
    return Measured(value=len(bad), evidence=_stops(bad or given))


@fact("drills.count", "Drills that count now, by rung", "drills", of="drills", method=_DRILLS,
      scope="entity")  # fmt: skip
def drills(given: list[DrillResult]) -> Measured | None:
    """How many of each rung."""
    ran = _current(given)
    if not ran:
        return None
    return Measured(value={f"rung {n}": sum(d.rung == n for d in ran) for n in (1, 2, 3)},
                    evidence=_drills(ran), as_of=_oldest(ran))  # fmt: skip


@fact("drills.skipped", "Routes that this machine could not drill", "routes", of="drills",
      method="latest drill of the route was skipped, with a reason", scope="entity")  # fmt: skip
def skipped(given: list[DrillResult]) -> Measured:
    """Routes of which nothing is known."""
    ran = {drill.route for drill in _current(given)}
    names = sorted({drill.route for drill in given if drill.skipped} - ran)
    return Measured(value=names, evidence=_drills(given), as_of=_oldest(given))


NOBODY = "nobody"
"""What a drill says where noticing was measured and nobody did; saying nothing means that
it was not measured, as on a stop that was ordered."""


def _noticed(rung: int, who: str) -> None:
    def share(given: list[DrillResult]) -> Measured | None:
        ran = [drill for drill in _current(given) if drill.rung == rung and drill.noticed_by]
        if not ran:
            return None
        seen = [drill for drill in ran if drill.noticed_by != NOBODY]
        return Measured.rate(len(seen), len(ran), _drills(ran), _oldest(ran))

    fact(f"drills.rung{rung}.noticed", f"Share of planted deployments that {who} noticed", "share",
         of="drills", method=_DRILLS, falsifier=_FALSE_DRILL, scope="entity")(share)  # fmt: skip


_noticed(1, "incidental contact")
_noticed(2, "routine monitoring")
_noticed(3, "an active search")


@fact("drills.notice_p50_seconds", "Time until a planted deployment was noticed, median of those",
      "seconds", of="drills", method=_DRILLS, falsifier=_FALSE_DRILL, scope="entity")  # fmt: skip
def notice_time(given: list[DrillResult]) -> Measured | None:
    """Of those that were noticed at all, on rungs 2 and 3."""
    timed = [d for d in _current(given) if d.rung > 1 and d.seconds_to_notice is not None]
    if not timed:
        return None
    seconds = [d.seconds_to_notice for d in timed if d.seconds_to_notice is not None]
    return Measured(value=statistics.median(seconds), evidence=_drills(timed),
                    as_of=_oldest(timed))  # fmt: skip


@fact("drills.rung3.survived", "Share of stops in drills that left a survivor", "share",
      of="drills", method=_DRILLS, falsifier=_FALSE_DRILL, scope="entity")  # fmt: skip
def survived(given: list[DrillResult]) -> Measured | None:
    """Survivors, or nothing that proves the last process dead, at rung 3."""
    ran = [drill for drill in _current(given) if drill.rung == 3]
    if not ran:
        return None
    lived = [drill for drill in ran if drill.survivors or drill.seconds_to_dead is None]
    return Measured.rate(len(lived), len(ran), _drills(lived or ran), _oldest(ran))


@fact("drills.rung3.routes", "Routes on which stopping was drilled", "routes", of="drills",
      method=_DRILLS, scope="entity")  # fmt: skip
def routes(given: list[DrillResult]) -> Measured | None:
    """How many different routes."""
    ran = [drill for drill in _current(given) if drill.rung == 3]
    if not ran:
        return None
    return Measured(value=len({drill.route for drill in ran}), evidence=_drills(ran),
                    as_of=_oldest(ran))  # fmt: skip


@fact("drills.dead_p95_seconds", "Time from order to death, 95th percentile", "seconds",
      of="drills", method=_DRILLS, falsifier=_FALSE_DRILL, scope="entity")  # fmt: skip
def dead_time(given: list[DrillResult]) -> Measured | None:
    """Over drills of rung 3 in which everything died."""
    timed = [d for d in _current(given) if d.rung == 3 and d.seconds_to_dead is not None]
    seconds = sorted(d.seconds_to_dead for d in timed if d.seconds_to_dead is not None)
    if not seconds:
        return None
    return Measured(value=seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))],
                    evidence=_drills(timed), as_of=_oldest(timed))  # fmt: skip


@fact("drills.by_route", "What drills showed, by route", "drills", of="drills", method=_DRILLS,
      scope="entity")  # fmt: skip
def by_route(given: list[DrillResult]) -> Measured | None:
    """For each route, drills and how many left a survivor or went unnoticed."""
    ran = _current(given)
    if not ran:
        return None
    found: dict[str, str] = {}
    for route in sorted({drill.route for drill in ran}):
        own = [drill for drill in ran if drill.route == route]
        lived = sum(drill.survivors > 0 for drill in own)
        found[route] = f"{len(own)} drilled, {lived} survived"
        if any(drill.noticed_by for drill in own):
            unseen = sum(drill.noticed_by == NOBODY for drill in own)
            found[route] += f", {unseen} unnoticed"
    return Measured(value=found, evidence=_drills(ran), as_of=_oldest(ran))


def _current(given: Iterable[DrillResult]) -> list[DrillResult]:
    """The latest of each route, containment and rung, unless it was skipped."""
    latest: dict[tuple[str, bool, int], DrillResult] = {}
    for drill in sorted(given, key=lambda drill: (drill.began, drill.id)):
        latest[drill.route, drill.contained, drill.rung] = drill
    return [one for one in latest.values() if not one.skipped and one.kind not in _OTHER]


def _oldest(given: Iterable[DrillResult]) -> int | None:
    """A proof made of several drills is as old as the oldest."""
    return min((drill.began for drill in given), default=None)


def _drills(given: Iterable[DrillResult]) -> tuple[str, ...]:
    return tuple(f"drill:{drill.id}" for drill in given)


def _stops(given: Iterable[Stop]) -> tuple[str, ...]:
    return tuple(f"stop:{stop.id}" for stop in given)


def _rate(given: Gate, count: int, evidence: tuple[str, ...]) -> Measured | None:
    return Measured.rate(count, given.decisions, evidence or given.sample())


def _quantile(given: Gate, share: float) -> Measured | None:
    times = sorted(given.milliseconds)
    if not times:
        return None
    value = times[min(len(times) - 1, int(share * len(times)))]
    return Measured(value=value, evidence=given.sample())


def _named(given: Registered, names: list[str]) -> Measured:
    shown = names or [one.name for one in given.deployments]
    return Measured(value=len(names), evidence=tuple(f"deployment:{name}" for name in shown))
