"""The facts of an assessment: small named statements, each with what it rests on.

A fact that nothing measured has the value None; nothing defaults to good.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from roguewatch.assess.document import Coverage, Fact, FindingLine, Impactful, Mode, Unattended
from roguewatch.assess.totals import Totals

VALID_FOR = timedelta(days=30)
"""How long a fact about activity holds before it must be measured again."""

DENOMINATOR = "share of what was read; what was never recorded cannot be counted here"


class Facts:
    """Collects facts that share a date.

    Args:
        now: when the assessment is made.
    """

    def __init__(self, now: datetime) -> None:
        self.as_of = _stamp(now)
        self.expires = _stamp(now + VALID_FOR)
        self._facts: dict[str, Fact] = {}

    def add(self, id: str, statement: str, value: Any, unit: str, method: str, **more: Any) -> None:
        self._facts[id] = Fact(
            id=id, statement=statement, value=value, unit=unit, method=method,
            as_of=self.as_of, expires=self.expires, **more,
        )  # fmt: skip

    def __getitem__(self, id: str) -> Any:
        """The value of a fact; None where it was not measured."""
        return self._facts[id].value if id in self._facts else None

    def all(self) -> list[Fact]:
        return list(self._facts.values())


def collect(
    *,
    now: datetime,
    totals: Totals,
    coverage: Coverage,
    unattended: Unattended,
    modes: list[Mode],
    impactful: list[Impactful],
    findings: list[FindingLine],
) -> Facts:
    """Every fact that the activity itself can tell."""
    facts = Facts(now)
    _coverage(facts, coverage, totals)
    _surfaces(facts, totals)
    _unattended(facts, unattended)
    _modes(facts, modes)
    _impacts(facts, impactful, totals)
    _findings(facts, findings, totals)
    return facts


def _coverage(facts: Facts, coverage: Coverage, totals: Totals) -> None:
    read = coverage.files_read + coverage.files_unchanged
    method = "counted while reading"
    facts.add("files.found", "Files found under the paths given", coverage.files, "files", method)
    facts.add("files.read", "Files read", read, "files", method)
    facts.add(
        "files.unread", "Files that could not be read", coverage.files_unread, "files", method
    )
    facts.add("sessions", "Sessions read", totals.sessions, "sessions", method)
    facts.add("events", "Events read", totals.events, "events", method)
    facts.add("tool_calls", "Tool calls read", totals.tool_calls, "calls", method)
    gaps = sum(line.count for line in totals.gaps())
    facts.add(
        "gaps.share",
        "Share of events that stand for something not understood",
        _share(gaps, totals.events),
        "share",
        "gap events over all events",
    )
    facts.add(
        "coverage.unknown_share",
        "Share of all agent activity that left no record here",
        None,
        "share",
        "needs a count that does not come from the transcripts: provider usage or billing",
    )


def _surfaces(facts: Facts, totals: Totals) -> None:
    agents = totals.agents()
    facts.add(
        "surfaces.share",
        "Share of tool calls by surface",
        {line.surface: _share(line.tool_calls, totals.tool_calls) for line in agents},
        "share",
        DENOMINATOR,
    )
    facts.add(
        "models",
        "Models named by the records",
        [name for name, _ in totals.models.most_common(50)],
        "names",
        "as the agent's own records state them",
        kind="stated",
        falsifier="the provider's usage records name another model",
    )
    facts.add(
        "versions",
        "Versions of the agents",
        {line.surface: line.versions for line in agents if line.versions},
        "names",
        "as the agent's own records state them",
        kind="stated",
    )
    facts.add(
        "subagents.sessions",
        "Sessions in which subagents acted",
        totals.sessions_with_subagents,
        "sessions",
        "more than one agent name within a session",
    )
    facts.add(
        "reasoning.share",
        "Share of sessions whose records hold reasoning",
        _share(totals.sessions_with_reasoning, totals.sessions),
        "share",
        "sessions with at least one reasoning event; says nothing of its faithfulness",
    )
    facts.add(
        "sightings",
        "Events by who saw them",
        dict(totals.sightings),
        "events",
        "a transcript is written by the agent's own program and can be altered by it",
    )


def _unattended(facts: Facts, unattended: Unattended) -> None:
    method = (
        "from a human message to the last activity before the next; silences over 10 min left out"
    )
    longest = unattended.longest
    facts.add(
        "unattended.longest_seconds",
        "Longest run without a human message",
        longest.active_seconds if longest and unattended.timed else None,
        "seconds",
        method,
        evidence=(longest.session,) if longest else (),
    )
    most = unattended.longest_by_calls
    facts.add(
        "unattended.most_calls",
        "Most tool calls without a human message",
        most.tool_calls if most else None,
        "calls",
        "tool calls between two human messages",
        evidence=(most.session,) if most else (),
    )
    facts.add(
        "unattended.p95_seconds",
        "95th percentile of runs without a human message",
        unattended.p95_active_seconds,
        "seconds",
        method,
    )


def _modes(facts: Facts, modes: list[Mode]) -> None:
    whole = sum(mode.tool_calls for mode in modes)
    for kind, statement in (
        ("unrestricted", "Share of tool calls in a mode that runs anything and asks nobody"),
        ("automatic", "Share of tool calls in a mode that acts on its own in part"),
        ("asks", "Share of tool calls in a mode that asks a person"),
        ("unstated", "Share of tool calls whose permission mode is not recorded"),
    ):
        calls = sum(mode.tool_calls for mode in modes if mode.kind == kind)
        facts.add(f"modes.{kind}", statement, _share(calls, whole), "share", DENOMINATOR)


def _impacts(facts: Facts, impactful: list[Impactful], totals: Totals) -> None:
    for line in impactful:
        facts.add(
            f"impact.{line.kind}",
            f"Tool calls: {line.covers}",
            line.calls,
            "calls",
            "commands parsed and unwrapped, paths and tools classified; counts, not judgements",
            evidence=tuple(line.evidence[:5]),
        )
    calls = sum(line.calls for line in impactful)
    approved = sum(line.approved for line in impactful)
    recorded = bool(totals.decisions)
    facts.add(
        "impact.approved_share",
        "Share of impactful actions with a recorded human approval",
        _share(approved, calls) if recorded else None,
        "share",
        "approvals joined to calls on the call's id; most agents do not record that they asked",
    )
    asked = sum(totals.decisions.values())
    allowed = sum(
        n for name, n in totals.decisions.items() if name.startswith(("allow", "approve"))
    )
    facts.add(
        "approvals.rate",
        "Share of recorded permission decisions that allowed",
        _share(allowed, asked),
        "share",
        "decisions that the records hold",
    )


def _findings(facts: Facts, findings: list[FindingLine], totals: Totals) -> None:
    method = "rules and claim checks over every event read; recall not yet measured"
    high = [line for line in findings if line.level in ("high", "critical")]
    facts.add("findings", "Findings not suppressed", len(findings), "findings", method)
    facts.add(
        "findings.high",
        "Findings of level high or critical",
        len(high),
        "findings",
        method,
        evidence=tuple(line.id for line in high[:5]),
    )
    for cause, statement in (
        ("own", "High findings that neither the user nor tool output asked for"),
        ("injected", "High findings whose instruction came from tool output"),
    ):
        chosen = [line for line in high if line.cause == cause]
        facts.add(
            f"findings.{cause}",
            statement,
            len(chosen),
            "findings",
            method,
            evidence=tuple(line.id for line in chosen[:5]),
        )
    facts.add(
        "findings.high_per_1000_calls",
        "Findings of level high or above per 1,000 tool calls",
        1000 * len(high) / totals.tool_calls if totals.tool_calls else None,
        "per 1,000 calls",
        method,
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
