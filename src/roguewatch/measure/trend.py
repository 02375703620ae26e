"""Doubling time of the time horizon over release dates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from roguewatch.errors import InputError

Array = NDArray[np.float64]

SHARED, REACH = 0.75, 4.0
"""Correlation of two agents' log2 horizons through the tasks that both were measured on:
SHARED · exp(-distance / REACH), distance in doublings. It was 0.6 to 0.8 between neighbours
and 0.4 at four doublings in the hierarchical bootstrap of METR's public runs of 2025-02-27."""


class Release(msgspec.Struct, frozen=True):
    """One agent's horizon at its release."""

    agent: str
    released: date
    p50: float
    """Minutes, above 0."""
    low: float | None = None
    high: float | None = None
    """95% interval of the horizon, where known."""


class Trend(msgspec.Struct, frozen=True):
    """An exponential trend: log2(horizon) = intercept + days / doubling_days."""

    doubling_days: float | None
    """None where the horizon does not rise."""
    interval: tuple[float, float | None] | None
    """95% interval of the doubling time, days; an upper end of None is unbounded."""
    interval_from: str
    """What the interval holds: the scatter of the points, or the points' own intervals."""
    r_squared: float
    points: int
    agents: tuple[str, ...]
    doublings_per_year: float


def frontier(releases: Sequence[Release]) -> list[Release]:
    """The releases whose horizon was the highest so far, by date.

    METR/eval-analysis-public, `horizon/compute_trendline_ci.py`: several on one date all
    count where they reach the highest.
    """
    best = -math.inf
    kept: list[Release] = []
    ordered = sorted(releases, key=lambda release: release.released)
    for day in sorted({release.released for release in ordered}):
        today = [release for release in ordered if release.released == day]
        best = max(best, *(release.p50 for release in today))
        kept.extend(release for release in today if release.p50 >= best)
    return kept


def doubling_time(
    releases: Sequence[Release],
    *,
    since: date | None = None,
    until: date | None = None,
    only_frontier: bool = True,
    drawn: Mapping[str, Array] | None = None,
    draws: int = 10_000,
    seed: int = 0,
    level: float = 0.95,
) -> Trend:
    """Doubling time by least squares of log2(horizon) on the release date.

    The interval comes from the horizons' joint bootstrap where that is given (METR's
    method, `horizon/plot/bootstrap_ci.py`); else, where every release has an interval, from
    drawing each horizon anew with the error that its interval tells (log-normal, each side
    its own scale) and the correlation of agents measured on the same tasks; otherwise from
    the t distribution of the regression slope.

    Args:
        releases: horizons with dates.
        since: releases before it are left out (before the frontier is found).
        until: releases from it on are left out.
        only_frontier: whether to keep only the highest so far.
        drawn: for each agent its log2 horizons over one joint bootstrap; NaN where a draw
            has none.
        draws: of the horizons.
        seed: of the draws.
        level: of the interval.

    Raises:
        InputError: fewer than two dates are left, or a horizon is not above 0.
    """
    kept = _fitted(releases, since, until, only_frontier)
    days = np.array([release.released.toordinal() for release in kept], dtype=np.float64)
    height = np.log2([release.p50 for release in kept])
    slope, r_squared = _slope(days, height)
    if drawn is not None and all(release.agent in drawn for release in kept):
        ends = _joint_interval(np.stack([drawn[release.agent] for release in kept]), days, level)
        source = "the joint bootstrap of the horizons"
    elif all(release.low and release.high for release in kept):
        ends = _drawn_interval(kept, days, height, draws, seed, level)
        source = "the horizons' own intervals, correlated through shared tasks"
    else:
        ends = _residual_interval(days, height, slope, level)
        source = "the scatter of the points about the line"
    return Trend(
        doubling_days=1 / slope if slope > 0 else None,
        interval=ends,
        interval_from=source,
        r_squared=r_squared,
        points=len(kept),
        agents=tuple(release.agent for release in kept),
        doublings_per_year=slope * 365.25,
    )


def _fitted(
    releases: Sequence[Release], since: date | None, until: date | None, only_frontier: bool
) -> list[Release]:
    """The releases that the line is fitted to."""
    kept = [
        release
        for release in releases
        if (since is None or release.released >= since)
        and (until is None or release.released < until)
    ]
    if any(not (math.isfinite(release.p50) and release.p50 > 0) for release in kept):
        raise InputError("a trend needs horizons above 0 minutes")
    if only_frontier:
        kept = frontier(kept) if kept else []
    if len({release.released for release in kept}) < 2:
        raise InputError("a trend needs releases on at least two dates")
    return kept


def _slope(days: Array, height: Array) -> tuple[float, float]:
    x = days - days.mean()
    slope = float(x @ height / (x @ x))
    spread = float(((height - height.mean()) ** 2).sum())
    left = float(((height - height.mean() - slope * x) ** 2).sum())
    return slope, 1 - left / spread if spread > 0 else 1.0


def _drawn_interval(
    kept: Sequence[Release], days: Array, height: Array, draws: int, seed: int, level: float
) -> tuple[float, float | None] | None:
    rng = np.random.default_rng(seed)
    reach = float(stats.norm.ppf(0.975))
    below = (height - np.log2([release.low or release.p50 for release in kept])) / reach
    above = (np.log2([release.high or release.p50 for release in kept]) - height) / reach
    correlation = SHARED * np.exp(-np.abs(height[:, None] - height) / REACH)
    np.fill_diagonal(correlation, 1.0)
    noise = rng.standard_normal((draws, len(kept))) @ np.linalg.cholesky(correlation).T
    drawn = height + np.where(noise < 0, noise * below, noise * above)
    x = days - days.mean()
    slopes = drawn @ x / (x @ x)
    return _invert(*np.quantile(slopes, [(1 - level) / 2, (1 + level) / 2]))


def _joint_interval(drawn: Array, days: Array, level: float) -> tuple[float, float | None] | None:
    """Percentiles over joint draws; horizons under 0.001 minutes are left out of a draw's
    fit, and draws that do not rise are skipped, both as in the published code."""
    times = []
    for column in drawn.T:
        usable = np.isfinite(column) & (column >= math.log2(1e-3))
        if len(set(days[usable].tolist())) >= 2:
            slope = _slope(days[usable], column[usable])[0]
            if slope > 0:
                times.append(1 / slope)
    if not times:
        return None
    low, high = np.quantile(times, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _residual_interval(
    days: Array, height: Array, slope: float, level: float
) -> tuple[float, float | None] | None:
    if len(days) < 3:
        return None
    x = days - days.mean()
    left = height - height.mean() - slope * x
    error = math.sqrt(float(left @ left) / (len(days) - 2) / float(x @ x))
    reach = float(stats.t.ppf((1 + level) / 2, len(days) - 2)) * error
    return _invert(slope - reach, slope + reach)


def _invert(low: float, high: float) -> tuple[float, float | None] | None:
    """Doubling times from slopes; None where even the steepest does not rise."""
    if high <= 0:
        return None
    return float(1 / high), float(1 / low) if low > 0 else None
