"""Add sessions up into what the assessment says of all of them.

Takes one summary at a time; memory grows with distinct surfaces, days, modes and
unattended runs (two numbers each), not with events.
"""

from __future__ import annotations

import heapq
from array import array
from collections import Counter, defaultdict
from datetime import UTC, datetime
from statistics import median

from roguewatch.assess.document import (
    Activity,
    AgentLine,
    Bin,
    Day,
    GapLine,
    Impactful,
    Mode,
    Run,
    Unattended,
)
from roguewatch.assess.impact import KINDS
from roguewatch.assess.modes import mode_class
from roguewatch.events import Usage
from roguewatch.printable import printable
from roguewatch.state.summary import SessionSummary, Stretch

SECOND = 1_000_000_000
_LONGEST = 10

GAP_MEANINGS = {
    "unknown_type": "a record of a type that this reader does not know",
    "unknown_field": "a known record with a field that this reader does not know",
    "malformed": "a record that could not be decoded",
    "truncated_tail": "the last record was cut off, as in a file that is still being written",
    "orphan_call": "a tool call without a result, or a result without a call",
    "duplicate": "a record that the same file holds twice",
}

_TIME_BINS = (
    ("under 10 s", 0, 10), ("10 s to 1 min", 10, 60), ("1 to 5 min", 60, 300),
    ("5 to 15 min", 300, 900), ("15 to 60 min", 900, 3600), ("1 to 4 h", 3600, 14400),
    ("over 4 h", 14400, None),
)  # fmt: skip
_CALL_BINS = (
    ("0", 0, 1), ("1 to 4", 1, 5), ("5 to 19", 5, 20), ("20 to 49", 20, 50),
    ("50 to 99", 50, 100), ("100 to 499", 100, 500), ("500 and more", 500, None),
)  # fmt: skip


def iso(time: int | None) -> str | None:
    """ns since 1970 as ISO 8601 UTC to the second; None where unknown or out of range."""
    if time is None:
        return None
    try:
        moment = datetime.fromtimestamp(time // SECOND, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    # Not strftime: the C library writes years before 1000 without their zeros.
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


class Totals:
    """Running sums over sessions."""

    def __init__(self) -> None:
        self.sessions = 0
        self.sessions_without_time = 0
        self.sessions_with_reasoning = 0
        self.sessions_with_subagents = 0
        self.events = 0
        self.tool_calls = 0
        self.failed_calls = 0
        self.human_messages = 0
        self.user_messages = 0
        self.first: int | None = None
        self.last: int | None = None
        self.usage = Usage()
        self.models: Counter[str] = Counter()
        self.decisions: Counter[str] = Counter()
        self.sightings: Counter[str] = Counter()
        self._agents: dict[str, AgentLine] = {}
        self._days: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
        self._hours = [0] * 24
        self._gaps: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        self._modes: Counter[tuple[str, str]] = Counter()
        self._impacts: dict[str, Impactful] = {
            kind: Impactful(
                kind=kind, title=title, covers=covers, calls=0, approved=0, refused=0,
                not_recorded=0, sessions=0, evidence=[],
            )
            for kind, (title, covers) in KINDS.items()
        }  # fmt: skip
        self._active = array("d")
        self._calls = array("q")
        self._runs = 0
        self._by_time: list[tuple[int, int, int, Stretch, SessionSummary]] = []
        self._by_calls: list[tuple[int, int, int, Stretch, SessionSummary]] = []

    def add(self, summary: SessionSummary) -> None:
        """Count one session in."""
        self.sessions += 1
        self.events += summary.events
        self.tool_calls += summary.tool_calls
        self.failed_calls += summary.failed_calls
        self.human_messages += summary.human_messages
        self.user_messages += summary.user_messages
        self.sessions_with_reasoning += bool(summary.kinds.get("reasoning"))
        self.sessions_with_subagents += len(summary.agents) > 1
        self.models.update(summary.models)
        self.decisions.update(summary.decisions)
        self.sightings.update(summary.sightings)
        self._add_usage(summary.usage)
        self._add_times(summary)
        self._add_agent(summary)
        self._add_stretches(summary)
        for code, count in summary.gaps.items():
            self._gaps[code][0] += count
            self._gaps[code][1] += 1
        for mode, count in summary.modes.items():
            self._modes[mode, summary.surface] += count
        for kind, impact in summary.impacts.items():
            line = self._impacts.get(kind)
            if line is None:
                continue
            line.calls += impact.calls
            line.approved += impact.approved
            line.refused += impact.refused
            line.sessions += 1
            line.evidence.extend(impact.sample[: max(0, 20 - len(line.evidence))])

    def _add_usage(self, used: Usage) -> None:
        total = self.usage
        self.usage = Usage(
            input=total.input + used.input,
            output=total.output + used.output,
            cache_read=total.cache_read + used.cache_read,
            cache_write=total.cache_write + used.cache_write,
            reasoning=total.reasoning + used.reasoning,
        )

    def _add_times(self, summary: SessionSummary) -> None:
        if summary.started is None or summary.ended is None:
            self.sessions_without_time += 1
            return
        self.first = min(summary.started, self.first or summary.started)
        self.last = max(summary.ended, self.last or summary.ended)
        for day, (events, calls) in summary.days.items():
            row = self._days[day]
            row[0] += events
            row[1] += calls
            row[2] += 1
        for hour, calls in enumerate(summary.hours):
            self._hours[hour] += calls

    def _add_agent(self, summary: SessionSummary) -> None:
        surface = printable(summary.surface, 100)
        line = self._agents.get(surface)
        if line is None:
            line = self._agents[surface] = AgentLine(
                surface=surface, sessions=0, subagents=0, events=0, tool_calls=0,
                human_messages=0, models={}, versions=[],
            )  # fmt: skip
        line.sessions += 1
        line.subagents += max(0, len(summary.agents) - 1)
        line.events += summary.events
        line.tool_calls += summary.tool_calls
        line.human_messages += summary.human_messages
        for model, count in summary.models.items():
            line.models[model] = line.models.get(model, 0) + count
        for version in summary.versions:
            if version not in line.versions:
                line.versions.append(version)

    def _add_stretches(self, summary: SessionSummary) -> None:
        for stretch in summary.stretches:
            self._runs += 1
            self._calls.append(stretch.calls)
            if stretch.start is not None:
                self._active.append(stretch.active / SECOND)
            # The running number breaks ties, so that stretches are never compared.
            _keep_longest(
                self._by_time, (stretch.active, stretch.calls, -self._runs, stretch, summary)
            )
            _keep_longest(
                self._by_calls, (stretch.calls, stretch.active, -self._runs, stretch, summary)
            )

    def agents(self) -> list[AgentLine]:
        for line in self._agents.values():
            line.versions.sort(key=_version_key)
            line.models = dict(sorted(line.models.items(), key=lambda item: -item[1]))
        return sorted(self._agents.values(), key=lambda line: (-line.tool_calls, line.surface))

    def gaps(self) -> list[GapLine]:
        lines = [
            GapLine(
                code=code, count=count, sessions=sessions,
                meaning=GAP_MEANINGS.get(code, "see the gap events in the ledger"),
            )
            for code, (count, sessions) in self._gaps.items()
        ]  # fmt: skip
        return sorted(lines, key=lambda line: (-line.count, line.code))

    def activity(self, since: int | None = None) -> Activity:
        first_day = None if since is None else since // (86_400 * SECOND)
        days = [
            Day(_day(day), *row)
            for day, row in sorted(self._days.items())
            if first_day is None or day >= first_day
        ]
        return Activity(
            days=days, hours=self._hours, sessions_without_time=self.sessions_without_time
        )

    def modes(self) -> list[Mode]:
        whole = sum(self._modes.values()) or 1
        return [
            Mode(
                mode=printable(mode, 100) or "not stated", surface=printable(surface, 100),
                kind=mode_class(mode), tool_calls=count, share=count / whole,
            )
            for (mode, surface), count in sorted(
                self._modes.items(), key=lambda item: (-item[1], item[0])
            )
        ]  # fmt: skip

    def impactful(self) -> list[Impactful]:
        for line in self._impacts.values():
            line.not_recorded = max(0, line.calls - line.approved - line.refused)
        return list(self._impacts.values())

    def unattended(self) -> Unattended:
        active = sorted(self._active)
        longest = [_run(*entry[-2:]) for entry in sorted(self._by_time, key=_rank, reverse=True)]
        by_calls = max(self._by_calls, key=_rank, default=None)
        return Unattended(
            runs=self._runs,
            timed=len(active),
            longest=longest[0] if longest else None,
            longest_by_calls=_run(*by_calls[-2:]) if by_calls else None,
            median_active_seconds=median(active) if active else None,
            p95_active_seconds=active[min(len(active) - 1, int(0.95 * len(active)))]
            if active
            else None,
            median_tool_calls=float(median(self._calls)) if self._calls else None,
            by_time=_bins(_TIME_BINS, active),
            by_calls=_bins(_CALL_BINS, self._calls),
            longest_runs=longest,
        )


def _rank(entry: tuple[int, int, int, Stretch, SessionSummary]) -> tuple[int, int, int]:
    return entry[:3]


def _keep_longest(
    heap: list[tuple[int, int, int, Stretch, SessionSummary]],
    entry: tuple[int, int, int, Stretch, SessionSummary],
) -> None:
    if len(heap) < _LONGEST:
        heapq.heappush(heap, entry)
    elif entry[:3] > heap[0][:3]:
        heapq.heapreplace(heap, entry)


def _run(stretch: Stretch, summary: SessionSummary) -> Run:
    return Run(
        session=printable(summary.session, 200),
        surface=printable(summary.surface, 100),
        started=iso(stretch.start),
        ended=iso(stretch.end) if stretch.start is not None else None,
        active_seconds=stretch.active / SECOND,
        elapsed_seconds=stretch.elapsed / SECOND,
        tool_calls=stretch.calls,
    )


def _bins(
    edges: tuple[tuple[str, int, int | None], ...], values: array[float] | array[int] | list[float]
) -> list[Bin]:
    return [
        Bin(
            label=label, low=low, high=high,
            count=sum(low <= value and (high is None or value < high) for value in values),
        )
        for label, low, high in edges
    ]  # fmt: skip


def _day(day: int) -> str:
    text = iso(day * 86_400 * SECOND)
    return text[:10] if text else f"day {day}"


def _version_key(version: str) -> tuple[tuple[int, str], ...]:
    return tuple(
        (int(part), "") if part.isdigit() else (-1, part)
        for part in version.replace("-", ".").split(".")
    )
