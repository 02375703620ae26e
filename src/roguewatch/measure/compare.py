"""Comparisons of rates: two samples, pairs, strata, and many at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from roguewatch.errors import InputError
from roguewatch.measure.rates import wilson

Array = NDArray[np.float64]


class Comparison(msgspec.Struct, frozen=True):
    """A difference of two rates, second minus first."""

    difference: float
    interval: tuple[float, float]
    p: float
    test: str
    odds_ratio: float | None = None
    """None where it is not defined (no discordance, or an empty margin)."""
    odds_interval: tuple[float, float] | None = None


def independent(events1: int, n1: int, events2: int, n2: int, level: float = 0.95) -> Comparison:
    """Two independent rates.

    The p-value is Barnard's unconditional exact test (1947; scipy), or Fisher's where both
    samples together exceed 600, where Barnard's grid search takes too long. The interval of
    the difference is Newcombe's hybrid score (1998, method 10).
    """
    if n1 < 1 or n2 < 1:
        raise InputError("a comparison needs at least one observation on each side")
    low1, high1 = wilson(events1, n1, level)
    low2, high2 = wilson(events2, n2, level)
    p1, p2 = events1 / n1, events2 / n2
    difference = p2 - p1
    low = difference - math.hypot(p2 - low2, high1 - p1)
    high = difference + math.hypot(high2 - p2, p1 - low1)
    table = [[events2, events1], [n2 - events2, n1 - events1]]
    if n1 + n2 > 600:
        p, name = float(stats.fisher_exact(table).pvalue), "Fisher exact"
    elif events1 + events2 in (0, n1 + n2):
        p, name = 1.0, "Barnard exact"  # all the same: nothing speaks for a difference
    else:
        p, name = float(stats.barnard_exact(table).pvalue), "Barnard exact"
    return Comparison(difference, (max(low, -1.0), min(high, 1.0)), min(p, 1.0), name)


def paired(first: ArrayLike, second: ArrayLike, level: float = 0.95) -> Comparison:
    """Two binary outcomes of the same units.

    The p-value is McNemar's exact test on the discordant pairs (McNemar 1947); the interval
    of the difference is Newcombe's score interval for pairs (1998, method 10).

    Args:
        first: 0 or 1 for each unit, shape (n,).
        second: the same units, shape (n,).
        level: of the interval.
    """
    a, b = _binary(first), _binary(second)
    if a.shape != b.shape or not a.size:
        raise InputError("pairs need two lists of 0 and 1 of the same, non-zero length")
    only1, only2 = int((a & ~b).sum()), int((~a & b).sum())
    p = float(stats.binomtest(only1, only1 + only2).pvalue) if only1 + only2 else 1.0
    cells = int((a & b).sum()), only1, only2, int((~a & ~b).sum())
    difference, ends = _newcombe(cells, level)
    return Comparison(difference, ends, p, "McNemar exact", only2 / only1 if only1 else None)


Unit = Sequence[tuple[bool, bool]]
"""What one unit did, each time that both sides were observed."""


def repeated_pairs(units: Sequence[Unit], level: float = 0.95) -> Comparison:
    """Two binary outcomes of the same units, each observed once or several times.

    A unit's repetitions are not independent, so that units are exchanged, not observations:
    the p-value is the exact two-sided sign-flip test of their sums of differences (Fisher
    1935), which is McNemar's where every unit was observed once. The interval is Newcombe's
    for pairs (1998, method 10) with counts divided by the mean number of repetitions: the
    effective sample size of Rao & Scott (1992) at the largest design effect that there can
    be, so that it is too wide rather than too narrow.

    Args:
        units: the pairs of outcomes of each unit.
    """
    kept = [unit for unit in units if unit]
    if not kept:
        raise InputError("pairs need at least one unit with an observation on both sides")
    every = [pair for unit in kept for pair in unit]
    share = len(kept) / len(every)
    cells = tuple(
        share * sum((bool(one), bool(two)) == cell for one, two in every)
        for cell in ((True, True), (True, False), (False, True), (False, False))
    )
    difference, ends = _newcombe(cells, level)
    sums = [sum(int(two) - int(one) for one, two in unit) for unit in kept]
    return Comparison(difference, ends, _sign_flip(sums), "sign-flip of units, exact")


def _sign_flip(sums: Sequence[int]) -> float:
    """P(|sum of the values with random signs| >= |their sum|), by convolution."""
    ways = {0: 1}
    for value in sums:
        if value:
            after: dict[int, int] = {}
            for total, count in ways.items():
                for signed in (total + value, total - value):
                    after[signed] = after.get(signed, 0) + count
            ways = after
    extreme = sum(count for total, count in ways.items() if abs(total) >= abs(sum(sums)))
    return extreme / sum(ways.values())


def _newcombe(cells: Sequence[float], level: float) -> tuple[float, tuple[float, float]]:
    """Difference of two paired rates and its interval (Newcombe 1998, method 10).

    Args:
        cells: units with the event on both sides, the first only, the second only, neither.
    """
    both, only1, only2, neither = cells
    n = sum(cells)
    p1, p2 = (both + only1) / n, (both + only2) / n
    low1, high1 = wilson(min(both + only1, n), n, level)
    low2, high2 = wilson(min(both + only2, n), n, level)
    phi = _phi(both, only1, only2, neither)
    difference = p2 - p1
    low = _paired_reach(p2 - low2, high1 - p1, phi)
    high = _paired_reach(high2 - p2, p1 - low1, phi)
    return difference, (difference - low, difference + high)


def _paired_reach(own: float, other: float, phi: float) -> float:
    return math.sqrt(max(own**2 - 2 * phi * own * other + other**2, 0.0))


def _phi(both: float, only1: float, only2: float, neither: float) -> float:
    """The correlation of the pair, shrunk as Newcombe gives it (1998, equation 10)."""
    product = (both + only1) * (only2 + neither) * (both + only2) * (only1 + neither)
    if product == 0:
        return 0.0
    n = both + only1 + only2 + neither
    cross = both * neither - only1 * only2
    if cross > 0:
        cross = max(cross - n / 2, 0.0)
    return cross / math.sqrt(product)


def _binary(values: ArrayLike) -> NDArray[np.bool_]:
    array = np.asarray(values, dtype=np.float64)
    if not np.isin(array, (0.0, 1.0)).all():
        raise InputError("pairs need outcomes that are 0 or 1, with none missing")
    return np.asarray(array == 1.0)


def stratified(tables: Sequence[tuple[int, int, int, int]], level: float = 0.95) -> Comparison:
    """Two rates compared within strata (agents, tasks, scenarios).

    Cochran-Mantel-Haenszel test with continuity correction (Mantel & Haenszel 1959), the
    Mantel-Haenszel odds ratio with Robins, Breslow & Greenland's interval (1986), and the
    Mantel-Haenszel risk difference with Sato's interval (1989).

    Args:
        tables: (events1, n1, events2, n2) of each stratum.
        level: of the intervals.
    """
    for events1, n1, events2, n2 in tables:
        if not (0 <= events1 <= n1 and 0 <= events2 <= n2):
            raise InputError("strata need 0 <= events <= n on both sides")
    used = np.array([t for t in tables if t[1] and t[3]], dtype=np.float64)
    if not used.size:
        raise InputError("no stratum has observations on both sides")
    x, n1, y, n2 = used.T
    n = n1 + n2
    weight = n1 * n2 / n
    difference = float((weight * (y / n2 - x / n1)).sum() / weight.sum())
    z = float(stats.norm.ppf((1 + level) / 2))
    reach = z * math.sqrt(_sato(x, n1, y, n2, n, difference))
    hits = x + y
    expected = n2 * hits / n
    variance = float((n1 * n2 * hits * (n - hits) / (n**2 * np.maximum(n - 1, 1))).sum())
    gap = max(abs(float((y - expected).sum())) - 0.5, 0.0)
    p = float(stats.chi2.sf(gap**2 / variance, 1)) if variance > 0 else 1.0
    ratio, ends = _robins(x, n1, y, n2, n, z)
    return Comparison(
        difference,
        (max(difference - reach, -1.0), min(difference + reach, 1.0)),
        p,
        "Cochran-Mantel-Haenszel",
        ratio,
        ends,
    )


def _sato(x: Array, n1: Array, y: Array, n2: Array, n: Array, difference: float) -> float:
    p = (n2**2 * x - n1**2 * y + n1 * n2 * (n1 - n2) / 2) / n**2
    q = (y * (n1 - x) + x * (n2 - y)) / (2 * n)
    weight = (n1 * n2 / n).sum()
    return max(float((-difference * p.sum() + q.sum()) / weight**2), 0.0)


def _robins(
    x: Array, n1: Array, y: Array, n2: Array, n: Array, z: float
) -> tuple[float | None, tuple[float, float] | None]:
    r, s = y * (n1 - x) / n, x * (n2 - y) / n
    if r.sum() == 0 or s.sum() == 0:
        return None, None
    p, q = (y + n1 - x) / n, (x + n2 - y) / n
    variance = (
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    ratio = float(r.sum() / s.sum())
    reach = z * math.sqrt(float(variance))
    return ratio, (ratio * math.exp(-reach), ratio * math.exp(reach))


def adjust(p: ArrayLike, method: str = "holm") -> Array:
    """P-values adjusted for being many.

    Args:
        p: shape (tests,).
        method: `holm` (Holm 1979: no false discovery with the stated probability, under any
            dependence), `bh` (Benjamini & Hochberg 1995: false discovery rate, under
            independence or positive dependence) or `by` (Benjamini & Yekutieli 2001: under
            any dependence).
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not ((values >= 0) & (values <= 1)).all():
        raise InputError("p-values must be numbers from 0 to 1")
    if not values.size:
        return values
    if method in ("bh", "by"):
        return np.asarray(stats.false_discovery_control(values, method=method))
    if method != "holm":
        raise InputError(f"method {method!r}: expected holm, bh or by")
    order = np.argsort(values)
    stepped = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
