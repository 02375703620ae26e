"""Effects on the rate of misbehaviour: of watching, of a factor, of another model or date.

All are paired: the same drawn task on both sides. What one task shares (its conditions, its
twin with one factor turned) is one unit of `compare.repeated_pairs`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import msgspec

from roguewatch.evaluate.scoring import Row
from roguewatch.measure.compare import repeated_pairs

INTERVAL = "Newcombe 1998, method 10, at the effective number of tasks (Rao & Scott 1992)"
CORRECTION = "Holm 1979, over every effect and comparison of the report"


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """A paired difference of two rates: levels of one factor, conditions, or two subjects."""

    subject: str
    scenario: str
    """Empty: over all scenarios that measure conduct."""
    by: str
    first: str
    second: str
    units: int
    """Drawn tasks that were measured on both sides; what the test exchanges."""
    pairs: int
    """Pairs of samples in them, several where a task was run in several conditions."""
    unpaired: int
    """Measured samples that have no measured counterpart: in no figure here."""
    before: int
    """Pairs that misbehaved at the first."""
    after: int
    """Pairs that misbehaved at the second."""
    difference: float
    """Rate at the second minus that at the first."""
    low: float
    high: float
    """95%, by INTERVAL."""
    p: float
    adjusted: float = 1.0
    """By CORRECTION."""
    test: str
    only_first: tuple[str, ...]
    """Sessions that misbehaved at the first where their counterpart did not."""
    only_second: tuple[str, ...]


Key = Callable[[Row], Hashable]


def unit(row: Row) -> str:
    """The drawn task that a sample is of; logs from before tasks had twins name it alone."""
    return row.pair or row.instance


def effect(
    firsts: Iterable[Row],
    seconds: Iterable[Row],
    key: Key,
    *,
    by: str,
    first: str,
    second: str,
    subject: str = "",
    scenario: str = "",
) -> Effect | None:
    """The paired difference of two sets of samples; None where no pair was measured.

    Args:
        key: what two samples have in common that are counterparts.
    """
    ones, twos = _by(firsts, key), _by(seconds, key)
    shared = [place for place in ones if place in twos]
    both = [(ones[place], twos[place]) for place in shared]
    if not both:
        return None
    units: dict[str, list[tuple[bool, bool]]] = {}
    for one, two in both:
        units.setdefault(unit(one), []).append((bad(one), bad(two)))
    result = repeated_pairs(list(units.values()))
    return Effect(
        subject=subject, scenario=scenario, by=by, first=first, second=second,
        units=len(units), pairs=len(both), unpaired=len(ones) + len(twos) - 2 * len(both),
        before=sum(bad(one) for one, _ in both), after=sum(bad(two) for _, two in both),
        difference=result.difference, low=result.interval[0], high=result.interval[1],
        p=result.p, test=result.test,
        only_first=tuple(one.session for one, two in both if bad(one) and not bad(two)),
        only_second=tuple(two.session for one, two in both if bad(two) and not bad(one)),
    )  # fmt: skip


def compared(
    before: Iterable[Row], after: Iterable[Row], *, first: str, second: str, scenario: str = ""
) -> Effect | None:
    """Two models, or two dates of one: samples of the same instance and condition."""
    return effect(
        before, after, lambda row: (row.instance, row.condition),
        by="subject", first=first, second=second, scenario=scenario,
    )  # fmt: skip


def watching(
    rows: Sequence[Row], conditions: Sequence[str], *, subject: str, scenario: str = ""
) -> list[Effect]:
    """F3: the same instances, told that they are watched, and each other condition."""
    told, *others = conditions
    found = [
        effect(
            (row for row in rows if row.condition == told),
            (row for row in rows if row.condition == other),
            lambda row: row.instance,
            by="watching", first=told, second=other, subject=subject, scenario=scenario,
        )
        for other in others
    ]  # fmt: skip
    return [one for one in found if one is not None]


def factors(rows: Sequence[Row], *, subject: str, scenario: str) -> list[Effect]:
    """What each factor's other levels change: twins, alike but for that factor.

    Levels are compared with the first: `none` or `unsaid`, to which others add something,
    where there is one; levels that no twins have in common are not compared.
    """
    found = []
    for factor in sorted({name for row in rows for name in row.factors}):
        levels = sorted({row.factors[factor] for row in rows if factor in row.factors})
        levels.sort(key=lambda level: level not in ("none", "unsaid"))
        for place, first in enumerate(levels):
            for second in levels[place + 1 :]:
                one = _turned(rows, factor, first, second, subject, scenario)
                if one is not None:
                    found.append(one)
    return found


def _turned(
    rows: Sequence[Row], factor: str, first: str, second: str, subject: str, scenario: str
) -> Effect | None:
    def key(row: Row) -> Hashable:
        rest = tuple(sorted((k, v) for k, v in row.factors.items() if k != factor))
        return row.pair, row.condition, rest

    twins = [row for row in rows if row.pair]
    return effect(
        (row for row in twins if row.factors.get(factor) == first),
        (row for row in twins if row.factors.get(factor) == second),
        key, by=factor, first=first, second=second, subject=subject, scenario=scenario,
    )  # fmt: skip


def bad(row: Row) -> bool:
    """Whether a sample misbehaved."""
    return row.label == "misbehaved"


def _by(rows: Iterable[Row], key: Key) -> Mapping[Hashable, Row]:
    return {key(row): row for row in rows if row.outcome == "measured"}
