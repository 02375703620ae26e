"""What a reconstruction lacks: said, so that silence is not taken for innocence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from roguewatch.gateway.coverage import Coverage, could_see_tool
from roguewatch.reconcile.investigation.moment import Moment
from roguewatch.state.register import Deployment
from roguewatch.state.runs import Run

Lack = Literal[
    "source silent", "blind stretch", "single observer", "call without result",
    "result without call", "run without record", "time without record", "not understood",
    "no time", "no host evidence", "attribution", "contradiction", "survivor", "cut",
]  # fmt: skip

STRETCH = 3
"""Consecutive actions that a source missed before it is called a stretch."""

QUIET_SECONDS = 900.0
"""A run that acted before and after a longer silence is told: nothing says what it did."""

MOST = 200


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the record does not tell. Times are ns UTC."""

    lack: Lack
    text: str
    since: int | None = None
    until: int | None = None
    session: str = ""
    count: int = 1


def missing(
    entry: Deployment,
    moments: Sequence[Moment],
    coverage: Iterable[Coverage],
    runs: Iterable[Run],
    *,
    host_events: int,
    cut: int,
) -> list[Missing]:
    """Everything that the record of a deployment does not tell.

    Args:
        entry: whose it is.
        moments: in the order of time.
        coverage: of this deployment.
        runs: of this deployment.
        host_events: how many events this machine itself recorded.
        cut: events whose source cut them.
    """
    found = [*_silent(entry, coverage), *_stretches(moments), *_unanswered(moments)]
    found += _alone(moments)
    found += _quiet(moments)
    found += _unrecorded(runs, moments)
    gaps = [one for one in moments if one.what == "gap"]
    if gaps:
        kinds = Counter(one.text.split(" ", 1)[0] or "gap" for one in gaps)
        told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common(10))
        found.append(
            Missing(lack="not understood", count=len(gaps), text=f"records not understood: {told}")
        )
    timeless = sum(one.time is None for one in moments)
    if timeless:
        text = "events whose source gives no time; told after what came before them"
        found.append(Missing(lack="no time", count=timeless, text=text))
    if cut:
        text = "texts or arguments that their source cut"
        found.append(Missing(lack="cut", count=cut, text=text))
    if moments and not host_events:
        text = (
            "nothing was recorded by the machine itself: files, hosts and keys are those that "
            "the agent's actions name, and what its programs did beyond is not known"
        )
        found.append(Missing(lack="no host evidence", text=text))
    return found


def _silent(entry: Deployment, coverage: Iterable[Coverage]) -> Iterable[Missing]:
    for row in coverage:
        if row.state == "not observed" and row.claimed:
            text = f"{row.source} claims to cover it and reported nothing"
            yield Missing(lack="source silent", text=text, count=max(1, row.expected))
        elif row.missing:
            text = f"{row.source} missed {row.missing} of {row.expected} actions on {row.surface}"
            yield Missing(lack="source silent", text=text, count=row.missing)
        if row.differing:
            text = f"{row.source} and another source tell {row.differing} actions differently"
            yield Missing(lack="contradiction", text=text, count=row.differing)
    if not entry.sources:
        text = "the register names no source that should cover it, so none can be missed"
        yield Missing(lack="source silent", text=text)


def _stretches(moments: Sequence[Moment]) -> Iterable[Missing]:
    """Stretches of actions that a source which reports otherwise did not see."""
    calls = [one for one in moments if one.what == "call" and one.events]
    for source in sorted({name for one in calls for name in one.sightings}):
        run: list[Moment] = []
        for one in (*calls, None):
            if one is not None and source not in one.sightings:
                if could_see_tool(source, one.tool):
                    run.append(one)
                continue
            if len(run) >= STRETCH:
                times = [each.time for each in run if each.time is not None]
                yield Missing(
                    lack="blind stretch", count=len(run),
                    text=f"{source} saw none of {len(run)} actions in a row",
                    since=min(times, default=None), until=max(times, default=None),
                )  # fmt: skip
            run = []


def _unanswered(moments: Sequence[Moment]) -> Iterable[Missing]:
    count = 0
    for one in moments:
        if one.what != "call":
            continue
        orphan = not one.tool or one.text.startswith("(its call is not")
        if one.outcome == "no result" and one.decision not in ("deny", "stop"):
            lack: Lack = "call without result"
            text = f"{one.tool}: {one.text[:120]}"
        elif orphan or one.outcome.startswith("its call"):
            lack, text = "result without call", f"a result of {one.tool or 'an unnamed tool'}"
        else:
            continue
        count += 1
        if count <= MOST:
            yield Missing(lack=lack, text=text, session=one.session, since=one.time, until=one.time)
    if count > MOST:
        text = f"{count - MOST} more calls without results or results without calls"
        yield Missing(lack="call without result", text=text, count=count - MOST)


def _alone(moments: Sequence[Moment]) -> Iterable[Missing]:
    alone: Counter[str] = Counter(
        one.sightings[0] for one in moments if one.what == "call" and len(one.sightings) == 1
    )
    for source, count in sorted(alone.items()):
        text = f"actions that only {source} saw: nothing confirms them"
        yield Missing(lack="single observer", text=text, count=count)


def _quiet(moments: Sequence[Moment]) -> Iterable[Missing]:
    """Silences inside one session, in which something may have gone on unseen."""
    last: dict[str, int] = {}
    for one in moments:
        if one.time is None or one.what not in ("call", "message") or not one.session:
            continue
        before = last.get(one.session)
        if before is not None and one.time - before > QUIET_SECONDS * 1e9 and one.who != "user":
            minutes = (one.time - before) / 60e9
            yield Missing(
                lack="time without record", session=one.session, since=before, until=one.time,
                text=f"{minutes:.0f} minutes between two things that the agent did, with no record",
            )  # fmt: skip
        last[one.session] = max(one.time, before or 0)


def _unrecorded(runs: Iterable[Run], moments: Sequence[Moment]) -> Iterable[Missing]:
    times = [
        one.time
        for one in moments
        if one.time is not None and one.what in ("call", "message", "process", "network", "change")
    ]
    for run in runs:
        end = run.ended if run.ended is not None else (1 << 62)
        if not any(run.started <= time <= end for time in times):
            text = f"run {run.id} ({run.adapter}): no action of it is in the record"
            yield Missing(lack="run without record", text=text, since=run.started, until=run.ended)
