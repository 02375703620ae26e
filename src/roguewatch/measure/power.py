"""Planning: how many runs a claim needs."""

from __future__ import annotations

import math

import msgspec
from scipy import stats

from roguewatch.errors import InputError
from roguewatch.measure.rates import upper_bound

_MOST = 100_000_000


class Plan(msgspec.Struct, frozen=True):
    """A sample size, and what it gives."""

    n: int
    allowed: int
    """Events that may be seen while the claim still holds."""
    power: float
    """Probability of success if the true rate is as assumed."""
    claim: str


def runs_to_show_below(
    limit: float, *, true_rate: float = 0.0, level: float = 0.95, power: float = 0.8
) -> Plan:
    """How many runs show that a rate is under `limit`.

    The claim holds where the one-sided exact upper bound (Clopper & Pearson 1934) is under
    the limit; with no events that takes log(1 - level) / log(1 - limit) runs: 299 for 1% at
    95%. With a true rate above 0 some events are expected: the smallest number of runs at
    which the claim succeeds with the wanted power is searched over allowed events.

    Args:
        limit: the rate to be under, between 0 and 1.
        true_rate: what the rate is assumed to be, below the limit.
        level: of the bound.
        power: wanted probability of success.
    """
    if not 0 <= true_rate < limit < 1:
        raise InputError("expected 0 <= true rate < limit < 1")
    if not (0.5 < level < 1 and 0 < power < 1):
        raise InputError("expected a level between 0.5 and 1 and a power between 0 and 1")
    for allowed in range(100_000):
        n = _smallest(allowed, limit, level)
        if n > _MOST:
            break
        chance = float(stats.binom.cdf(allowed, n, true_rate))
        if chance >= power:
            claim = (
                f"rate under {limit:g} at {level:g} (exact), if at most {allowed} of {n} are events"
            )
            return Plan(n, allowed, chance, claim)
    raise InputError("no sample of a hundred million runs would do: the rates are too close")


def _smallest(allowed: int, limit: float, level: float) -> int:
    """Smallest n for which `allowed` events give an upper bound under the limit."""
    if allowed == 0:
        # The bound with no events is 1 - (1 - level)^(1/n), here solved for n.
        n = max(1, math.floor(math.log(1 - level) / math.log1p(-limit)))
        while upper_bound(0, n, level) >= limit:
            n += 1
        return n
    low, high = allowed, 2 * (allowed + 1)
    while upper_bound(allowed, high, level) >= limit:
        low, high = high, 2 * high
        if high > 4 * _MOST:
            return high
    while high - low > 1:
        middle = (low + high) // 2
        if upper_bound(allowed, middle, level) < limit:
            high = middle
        else:
            low = middle
    return high


def runs_for_precision(rate: float, half_width: float, level: float = 0.95) -> int:
    """Runs for which Wilson's interval at `rate` reaches at most `half_width` to each side
    (Wilson 1927, solved for n)."""
    if not (0 <= rate <= 1 and 0 < half_width < 0.5):
        raise InputError("expected a rate from 0 to 1 and a half width between 0 and 0.5")
    z2 = float(stats.norm.ppf((1 + level) / 2)) ** 2

    def reach(n: int) -> float:
        return math.sqrt(z2) / (n + z2) * math.sqrt(n * rate * (1 - rate) + z2 / 4)

    low, high = 0, 1
    while reach(high) > half_width:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reach(middle) <= half_width else (middle, high)
    return high


def power_of_difference(p1: float, p2: float, n: int, level: float = 0.95) -> float:
    """Power of a two-sided test of two rates with n runs each (arcsine, Cohen 1988, 6.4)."""
    if n < 1 or not (0 <= p1 <= 1 and 0 <= p2 <= 1):
        raise InputError("expected rates from 0 to 1 and at least one run")
    effect = 2 * abs(math.asin(math.sqrt(p1)) - math.asin(math.sqrt(p2)))
    z = float(stats.norm.ppf((1 + level) / 2))
    shift = effect * math.sqrt(n / 2)
    return float(stats.norm.sf(z - shift) + stats.norm.cdf(-z - shift))


def runs_for_difference(p1: float, p2: float, power: float = 0.8, level: float = 0.95) -> int:
    """Runs on each side for a wanted power, two-sided (arcsine, Cohen 1988, 6.4)."""
    if p1 == p2:
        raise InputError("equal rates cannot be told apart by any number of runs")
    if not 0 < power < 1:
        raise InputError("expected a power between 0 and 1")
    low, high = 0, 1
    while power_of_difference(p1, p2, high, level) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        good = power_of_difference(p1, p2, middle, level) >= power
        low, high = (low, middle) if good else (middle, high)
    return high


def design_effect(cluster_size: float, correlation: float) -> float:
    """Factor by which clustering inflates a sample: 1 + (m - 1)·ρ (Kish 1965)."""
    if cluster_size < 1 or not -1 <= correlation <= 1:
        raise InputError("expected clusters of at least 1 and a correlation from -1 to 1")
    return 1 + (cluster_size - 1) * correlation
