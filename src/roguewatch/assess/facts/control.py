"""Facts about the gate, the register and stops."""

from __future__ import annotations

import statistics
from collections.abc import Iterable

from roguewatch.assess.facts.fact import Measured, fact
from roguewatch.assess.facts.inputs import Gate, Registered
from roguewatch.state.register import Stop

_DECISIONS = "decision events in the ledger; the record is made before the answer is given"
_REGISTER = "entries of the register"
_STOPS = "reports of stops, as probes that do not trust the stopper found it"


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
      of="gate", method="the approval queue; bound to one exact action each")  # fmt: skip
def asked(given: Gate) -> Measured:
    """Questions by answer; the empty answer is none yet."""
    told = {answer or "unanswered": n for answer, n in sorted(given.approvals.items())}
    return Measured(value=told, evidence=given.sample("ask", "deny") or given.sample())


@fact("approvals.median_seconds", "Time that people took to answer, median", "seconds", of="gate",
      method="from the question to the answer, answered ones only")  # fmt: skip
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


@fact("stops.count", "Stops ordered", "stops", of="stops", method=_STOPS)
def stops(given: list[Stop]) -> Measured:
    """How many, open ones included."""
    return Measured(value=len(given), evidence=_stops(given))


@fact("stops.open", "Stops still open", "stops", of="stops", method=_STOPS)
def open_stops(given: list[Stop]) -> Measured:
    """Those that nobody closed."""
    open = [stop for stop in given if stop.closed is None]
    return Measured(value=len(open), evidence=_stops(open or given))


@fact("stops.unproven", "Stops whose report does not show that everything stopped", "stops",
      of="stops", method=_STOPS)  # fmt: skip
def unproven(given: list[Stop]) -> Measured:
    """Survivors, or no probe that could look, or no report."""
    bad = [stop for stop in given if '"stopped":true' not in stop.report.replace(" ", "")]
    return Measured(value=len(bad), evidence=_stops(bad or given))


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
