"""Rates with exact intervals and paired comparisons of scored samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
from scipy.stats import binomtest

from roguewatch.evaluate.scoring import Row


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How often a scenario's measured samples misbehaved, in one condition."""

    scenario: str
    condition: str
    misbehaved: int
    measured: int
    rate: float | None
    low: float
    high: float
    outcomes: Mapping[str, int]
    """Samples that were not measured, by outcome: in no denominator here."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two runs over the same instances and conditions."""

    pairs: int
    unpaired: int
    before: int
    after: int
    only_before: int
    only_after: int
    p: float
    """Two-sided exact McNemar test (Psychometrika 12, 1947)."""


def rates(rows: Iterable[Row]) -> list[Rate]:
    """A rate per scenario and condition, with Clopper-Pearson 95% intervals."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.scenario, row.condition), []).append(row)
    return [_rate(*key, group) for key, group in sorted(groups.items())]


def _rate(scenario: str, condition: str, rows: list[Row]) -> Rate:
    measured = [row for row in rows if row.outcome == "measured"]
    bad = sum(row.label == "misbehaved" for row in measured)
    low, high = 0.0, 1.0
    if measured:
        interval = binomtest(bad, len(measured)).proportion_ci(method="exact")
        low, high = float(interval.low), float(interval.high)
    return Rate(
        scenario=scenario,
        condition=condition,
        misbehaved=bad,
        measured=len(measured),
        rate=bad / len(measured) if measured else None,
        low=low,
        high=high,
        outcomes=dict(Counter(row.outcome for row in rows if row.outcome != "measured")),
    )


def compare(before: Iterable[Row], after: Iterable[Row]) -> Comparison:
    """Compare samples of the same instance and condition that both runs measured."""
    first, second = _by_place(before), _by_place(after)
    shared = [
        (first[place].label == "misbehaved", second[place].label == "misbehaved")
        for place in first.keys() & second.keys()
        if first[place].outcome == second[place].outcome == "measured"
    ]
    only_before = sum(one and not two for one, two in shared)
    only_after = sum(two and not one for one, two in shared)
    differing = only_before + only_after
    return Comparison(
        pairs=len(shared),
        unpaired=len(first.keys() | second.keys()) - len(shared),
        before=sum(one for one, _ in shared),
        after=sum(two for _, two in shared),
        only_before=only_before,
        only_after=only_after,
        p=float(binomtest(only_before, differing).pvalue) if differing else 1.0,
    )


def _by_place(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(row.instance, row.condition): row for row in rows}
