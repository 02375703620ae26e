"""Where sources that saw the same action do not agree on it.

Arguments that two sources both give and that differ, and a result that one calls a
failure and another a success, are spoofed calls (E5) unless something between the two
rewrote them. Keys that only one source gives are no contradiction: agents add defaults.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from roguewatch.findings import Finding, Level, finding_id
from roguewatch.gateway.coverage_join import Account, Joined
from roguewatch.gateway.coverage_sightings import SOURCES
from roguewatch.printable import printable

What = Literal["arguments", "outcome", "result", "untold"]

DETECTOR = "coverage-differences"
MIN_WORDS = 12
"""Results with fewer distinct words on either side are not compared."""

_LEVELS: dict[What, Level] = {
    "arguments": "high", "outcome": "high", "result": "medium", "untold": "medium"
}  # fmt: skip
_TITLES: dict[What, str] = {
    "arguments": "Two observers saw different arguments of the same call",
    "outcome": "One observer saw a call fail that another saw succeed",
    "result": "Two observers saw results of the same call that share no word",
    "untold": "A call that was made is not in the transcript",
}


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One disagreement about one action."""

    what: What
    session: str
    call_id: str
    tool: str
    sources: tuple[str, ...]
    events: tuple[str, ...]
    """Their sightings, in the order of the sources."""
    keys: tuple[str, ...] = ()
    """The arguments that differ."""
    time: int | None = None
    surface: str = ""


def differences(
    action: Joined, told_until: Mapping[str, int], denied: bool = False
) -> list[Difference]:
    """What the sources do not agree on.

    Args:
        action: as joined.
        told_until: time of the last thing that a transcript tells, by session.
        denied: the gate did not allow it: transcripts may leave it out.
    """
    accounts = [action.accounts[source] for source in SOURCES if source in action.accounts]
    found = [*_arguments(action, accounts), *_outcomes(action, accounts)]
    hook = action.accounts.get("hook")
    if hook is not None and hook.calls and "transcript" not in action.sources and not denied:
        until = told_until.get(hook.session)
        time = action.time
        # only where the transcript goes on after it
        if until is not None and time is not None and until > time:
            found.append(_difference(action, "untold", [hook], [hook.first.event]))
    return found


def _arguments(action: Joined, accounts: list[Account]) -> Iterable[Difference]:
    calls = [(each, one) for each in accounts for one in each.calls if not one.cut]
    for number, (account, one) in enumerate(calls):
        mine = dict(one.arguments)
        for other, two in calls[number + 1 :]:
            if other is account:
                continue
            keys = tuple(key for key, value in two.arguments if mine.get(key, value) != value)
            if keys:
                shown = tuple(printable(key, 80) for key in keys)
                yield _difference(
                    action, "arguments", [account, other], [one.event, two.event], shown
                )
                return


def _outcomes(action: Joined, accounts: list[Account]) -> Iterable[Difference]:
    results = [(each, one) for each in accounts for one in each.results]
    for number, (account, one) in enumerate(results):
        for other, two in results[number + 1 :]:
            if other is account:
                continue
            if one.failed is not None and two.failed is not None and one.failed != two.failed:
                yield _difference(action, "outcome", [account, other], [one.event, two.event])
                return
            if not one.cut and not two.cut and _apart(one.words, two.words):
                yield _difference(action, "result", [account, other], [one.event, two.event])
                return


def _apart(one: bytes, other: bytes) -> bool:
    mine, others = set(array("I", one)), set(array("I", other))
    return min(len(mine), len(others)) >= MIN_WORDS and not mine & others


def _difference(
    action: Joined,
    what: What,
    accounts: list[Account],
    events: list[str],
    keys: tuple[str, ...] = (),
) -> Difference:
    first = action.first
    return Difference(
        what=what, session=first.session, call_id=action.call_id, tool=action.tool,
        sources=tuple(each.source for each in accounts), events=tuple(events), keys=keys,
        time=action.time, surface=first.surface,
    )  # fmt: skip


def finding_of(difference: Difference) -> Finding:
    """A difference as a finding of behaviour E5."""
    key = f"{difference.what} {difference.call_id or difference.events[0]}"
    who = " and ".join(difference.sources)
    told = {
        "arguments": f"{who} give different values of: {', '.join(difference.keys)}",
        "outcome": f"{who} do not agree whether it failed",
        "result": f"the results that {who} saw share no word",
        "untold": "a hook saw it, and the session's transcript goes on without it",
    }[difference.what]
    return Finding(
        id=finding_id(DETECTOR, difference.session, key),
        session=difference.session,
        behaviour="E5",
        title=_TITLES[difference.what],
        level=_LEVELS[difference.what],
        detector=DETECTOR,
        detector_version="1",
        events=difference.events,
        time=difference.time,
        surface=difference.surface,
        rationale=printable(f"{difference.tool}: {told}", 500),
        falsifier="Another hook or the agent's harness rewrote the call or its result on the "
        "way, or the transcript was cut.",
        excerpt=printable(f"{difference.tool} {difference.call_id}", 240),
        maturity="experimental",
    )
