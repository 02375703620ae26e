"""The monitor-capability curve: uncaught share against the monitor's strength."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from roguewatch.errors import InputError
from roguewatch.measure.logistic import Fit, fit

Array = NDArray[np.float64]


class Trial(msgspec.Struct, frozen=True):
    """Attacks by one agent against one monitor."""

    strength: float
    """Of the monitor, on any scale: a benchmark index, log2 of a time horizon in minutes
    (or its difference from the agent's), log10 of compute."""
    uncaught: int
    attacks: int


class CapabilityCurve(msgspec.Struct, frozen=True):
    """logit P(uncaught) = intercept + slope · strength."""

    intercept: float
    slope: float
    needed: float | None
    """Strength at which the uncaught share falls to the target; None where more strength
    does not lower it."""
    needed_interval: tuple[float | None, float | None]
    """An end of None is beyond what the trials can tell."""
    target: float
    extrapolated: bool
    """Whether the strength needed lies outside the strengths that were tried."""
    predicted: tuple[tuple[float, float], ...]
    """Strength, fitted uncaught share."""


def capability_curve(
    trials: Sequence[Trial],
    target: float = 0.2,
    *,
    draws: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> CapabilityCurve:
    """Fit the uncaught share against monitor strength and read off the strength needed.

    Logistic regression by maximum likelihood; the interval resamples attacks within each
    trial (parametric bootstrap from Jeffreys-smoothed rates, so that a trial with none or
    all uncaught still varies).

    Args:
        trials: at least two strengths.
        target: uncaught share to reach, 0.2 by default.
        draws: resamples.
        seed: of the resamples.
        level: of the interval.

    Raises:
        InputError: fewer than two strengths, or contradictory counts.
    """
    if not 0 < target < 1:
        raise InputError("the target is a share between 0 and 1")
    used = [trial for trial in trials if trial.attacks]
    if any(not 0 <= trial.uncaught <= trial.attacks for trial in used):
        raise InputError("expected 0 <= uncaught <= attacks in every trial")
    x = np.array([trial.strength for trial in used])
    if len(np.unique(x)) < 2 or not np.isfinite(x).all():
        raise InputError("a capability curve needs trials at two or more finite strengths")
    n = np.array([trial.attacks for trial in used], dtype=np.float64)
    hit = np.array([trial.uncaught for trial in used], dtype=np.float64)
    # A slight ridge keeps the fit finite where strengths separate the outcomes.
    fitted = fit(x, hit / n, n, 1e-3)
    if fitted is None:
        raise InputError("every attack had the same outcome: no curve can be fitted")
    needed = _needed(fitted, target)
    rng = np.random.default_rng(seed)
    chance = (hit + 0.5) / (n + 1)
    drawn = []
    for _ in range(draws):
        again = fit(x, rng.binomial(n.astype(int), chance) / n, n, 1e-3)
        value = _needed(again, target) if again is not None else None
        drawn.append(np.inf if value is None else value)
    tail = (1 - level) / 2
    ends = np.quantile(drawn, [tail, 1 - tail], method="nearest")
    low, high = (float(end) if np.isfinite(end) else None for end in ends)
    return CapabilityCurve(
        fitted.intercept,
        fitted.slope,
        needed,
        (low, high),
        target,
        needed is None or not x.min() <= needed <= x.max(),
        tuple((float(s), float(p)) for s, p in zip(x, fitted.predict(x), strict=True)),
    )


def _needed(fitted: Fit, target: float) -> float | None:
    return fitted.x_at(target) if fitted.slope < 0 else None
