"""Anytime-valid monitoring of rates: look as often as you like, the error rate holds.

Built on test martingales and Ville's inequality (Howard et al. 2021, Annals of Statistics
49(2); Waudby-Smith & Ramdas 2024, JRSS B 86(1); Ramdas et al. 2023, Statistical Science
38(4)): an e-process under the hypothesis exceeds 1/α at any time with probability α at most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from roguewatch.errors import InputError
from roguewatch.measure import special
from roguewatch.measure.rates import upper_bound

Array = NDArray[np.float64]


def _outcomes(values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isin(array, (0.0, 1.0)).all():
        raise InputError("a sequence of outcomes must hold 0 or 1, with none missing")
    return array


def rate_sequence(
    events: int, n: int, alpha: float = 0.05, prior: float = 0.5
) -> tuple[float, float]:
    """One interval of a confidence sequence for a rate: after n outcomes, whatever n is.

    The beta-binomial mixture martingale (Robbins 1970; Howard et al. 2021, section 5):
    all rates p against which B(s + a, f + a) / B(a, a) / (p^s (1-p)^f) stays under 1/α.
    All intervals cover together with probability 1 - α.

    Args:
        events: so far.
        n: outcomes so far; with none, (0, 1).
        alpha: probability that any interval of the sequence misses.
        prior: a of the Beta(a, a) mixture.
    """
    if not 0 <= events <= n:
        raise InputError("expected 0 <= events <= n")
    if not 0 < alpha < 1:
        raise InputError("alpha is a probability between 0 and 1")
    if n == 0:
        return 0.0, 1.0
    misses = n - events
    evidence = float(special.betaln(events + prior, misses + prior) - special.betaln(prior, prior))

    def excess(p: float) -> float:
        return (
            evidence
            - float(special.xlogy(events, p) + special.xlog1py(misses, -p))
            + math.log(alpha)
        )

    best = events / n
    low = 0.0 if events == 0 else _edge(excess, 1e-300, best)
    high = 1.0 if misses == 0 else _edge(excess, 1 - 1e-16, best)
    return low, high


def _edge(excess: Callable[[float], float], outside: float, inside: float) -> float:
    """Where evidence crosses its bound, by bisection: scipy.optimize would cost 24 MB."""
    for _ in range(200):
        middle = (outside + inside) / 2
        if excess(middle) > 0:
            outside = middle
        else:
            inside = middle
    return outside


def mean_sequence(values: ArrayLike, alpha: float = 0.05, grid: int = 1000) -> tuple[Array, Array]:
    """Confidence sequence for the mean of values in [0, 1], by betting.

    The hedged capital process with predictable plug-in bets (Waudby-Smith & Ramdas 2024,
    theorem 3), on a grid of means, intersected over time.

    Args:
        values: in [0, 1], in order; shape (n,).
        alpha: probability that any interval misses.
        grid: means that are tested; the ends are widened by one step.

    Returns:
        Lower and upper ends after each value, shape (n,) each.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not ((x >= 0) & (x <= 1)).all():
        raise InputError("a sequence of values must lie in 0 to 1, with none missing")
    means = np.linspace(0, 1, grid + 1)
    up, down = np.zeros(grid + 1), np.zeros(grid + 1)  # log capital
    total, square = 0.5, 0.25  # predictable mean and variance, started at 1/2 and 1/4
    low, high = np.empty(len(x)), np.empty(len(x))
    floor, ceiling = 0.0, 1.0
    with np.errstate(divide="ignore", over="ignore"):
        most_up = np.where(means > 0, 0.5 / np.maximum(means, 1e-300), np.inf)
        most_down = np.where(means < 1, 0.5 / np.maximum(1 - means, 1e-300), np.inf)
    for t, value in enumerate(x, start=1):
        variance = square / t
        bet = math.sqrt(2 * math.log(2 / alpha) / (variance * t * math.log(t + 1)))
        up += np.log1p(np.minimum(bet, most_up) * (value - means))
        down += np.log1p(-np.minimum(bet, most_down) * (value - means))
        total += value
        square += (value - total / (t + 1)) ** 2
        capital = np.logaddexp(up, down) - math.log(2)
        kept = np.flatnonzero(capital < math.log(1 / alpha))
        if kept.size:
            floor = max(floor, means[max(kept[0] - 1, 0)])
            ceiling = min(ceiling, means[min(kept[-1] + 1, grid)])
        low[t - 1], high[t - 1] = min(floor, ceiling), max(floor, ceiling)
    return low, high


class Rise(msgspec.Struct, frozen=True):
    """Whether a rate has risen since the last assessment."""

    risen: bool
    alarm_at: int | None
    """Number of outcomes at which the alarm was raised."""
    e_value: float
    """Largest evidence so far against "not risen"."""
    p: float
    """Anytime-valid p-value, against `reference`."""
    reference: float
    """The rate that the new one is tested against: given, or the old one's upper bound."""
    false_alarm: float
    """Probability of an alarm at any time if the rate has not risen."""
    events: int
    n: int
    interval: tuple[float, float]
    """Confidence sequence of the new rate, now."""


def log_evidence(events: Array, n: Array, reference: float) -> Array:
    """Log e-value of "the rate is above `reference`" after n outcomes.

    A mixture of likelihood ratios against the reference over rates above it, with weights
    Beta(1/2, 1/2) cut to (reference, 1): a test supermartingale for every rate at or under
    the reference (Ramdas et al. 2023, section 5).
    """
    misses = n - events
    a, b = events + 0.5, misses + 0.5
    upper = special.betaln(a, b) + _log_tail(a, b, reference)
    prior = special.betaln(0.5, 0.5) + _log_tail(np.array(0.5), np.array(0.5), reference)
    null = special.xlogy(events, reference) + special.xlog1py(misses, -reference)
    return np.asarray(upper - prior - null)


def _log_tail(a: Array, b: Array, x: float) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.maximum(np.log(special.betaincc(a, b, x)), -700.0))


def has_risen(
    outcomes: ArrayLike,
    *,
    reference: float | None = None,
    baseline: tuple[int, int] | None = None,
    alpha: float = 0.05,
) -> Rise:
    """Has the rate risen since the last assessment? May be asked after every outcome.

    Against a given reference rate, or against a baseline of (events, n) whose uncertainty
    is paid for: half of alpha buys the baseline's exact upper bound, the other half the
    e-process against it, so a false alarm has probability alpha at most at any time.

    Args:
        outcomes: 0 or 1 since the last assessment, in order.
        reference: rate to test against.
        baseline: events and n of the last assessment.
        alpha: probability of a false alarm, ever.
    """
    if (reference is None) == (baseline is None):
        raise InputError("give either a reference rate or a baseline of events and n")
    if not 0 < alpha < 1:
        raise InputError("alpha is a probability between 0 and 1")
    spend = alpha
    if reference is None and baseline is not None:
        spend = alpha / 2
        reference = upper_bound(*baseline, level=1 - alpha / 2)
    if reference is None or not 0 < reference < 1:
        raise InputError("the reference rate must lie between 0 and 1: a baseline with only "
                         "events leaves nothing to rise to")  # fmt: skip
    x = _outcomes(outcomes)
    events, n = np.cumsum(x), np.arange(1, len(x) + 1, dtype=np.float64)
    logs = log_evidence(events, n, reference) if len(x) else np.zeros(0)
    best = np.maximum.accumulate(np.append(0.0, logs))
    above = np.flatnonzero(best >= math.log(1 / spend))
    top = float(best[-1])
    return Rise(
        risen=bool(above.size),
        alarm_at=int(above[0]) if above.size else None,
        e_value=math.exp(min(top, 700.0)),
        p=math.exp(-top),
        reference=reference,
        false_alarm=alpha,
        events=int(x.sum()),
        n=len(x),
        interval=rate_sequence(int(x.sum()), len(x), alpha),
    )


class Change(msgspec.Struct, frozen=True):
    """A change point in a stream of outcomes."""

    alarm_at: int | None
    """Number of outcomes at the alarm; None where there was none."""
    changed_at: int | None
    """Where the rise most likely began: number of outcomes before it."""
    rate_after: float | None
    """Rate from there to the alarm."""
    run_length: float
    """Mean number of outcomes between false alarms, at least."""
    statistic: float
    """Of the detector at the end or alarm; it alarms at `run_length`."""


def change_point(
    outcomes: ArrayLike,
    reference: float,
    *,
    run_length: float = 10_000,
    ratios: Sequence[float] = (1.5, 2, 3, 5, 10, 30),
) -> Change:
    """Detect the moment at which a rate rises above `reference`, as it happens.

    A Shiryaev-Roberts e-detector (Shin, Ramdas & Rinaldo 2023): evidence against the
    reference restarted at every outcome and summed, mixed over how far the rate may have
    risen. While the rate is at or under the reference the mean number of outcomes before
    an alarm is at least `run_length`.

    Args:
        outcomes: 0 or 1, in order.
        reference: the rate that holds before the change.
        run_length: outcomes between false alarms.
        ratios: by how much the rate may have risen; those that pass 1 are left out.
    """
    if not 0 < reference < 1 or run_length < 1:
        raise InputError("expected a reference between 0 and 1 and a run length of 1 or more")
    x = _outcomes(outcomes)
    after = np.array([reference * ratio for ratio in ratios if ratio > 1 and reference * ratio < 1])
    if not after.size:
        after = np.array([(1 + reference) / 2])
    hit, miss = after / reference, (1 - after) / (1 - reference)
    level = np.zeros(len(after))
    statistic = 0.0
    for t, value in enumerate(x, start=1):
        level = (level + 1) * (hit if value else miss)
        statistic = float(level.mean())
        if statistic >= run_length:
            start = _likeliest(x[:t], reference)
            return Change(t, start, float(x[start:t].mean()), run_length, statistic)
    return Change(None, None, None, run_length, statistic)


def _likeliest(x: Array, reference: float) -> int:
    """Start of the last stretch that speaks most against the reference (Page 1954)."""
    size = np.arange(len(x), 0, -1)
    rate = np.cumsum(x[::-1])[::-1] / size
    gain = size * (
        special.xlogy(rate, rate / reference)
        + special.xlogy(1 - rate, (1 - rate) / (1 - reference))
    )
    return int(np.argmax(np.where(rate > reference, gain, -1.0)))
