"""The monitor-capability curve: uncaught share against the monitor's strength."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special, stats

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
    level: float = 0.95,
) -> CapabilityCurve:
    """Fit the uncaught share against monitor strength and read off the strength needed.

    Logistic regression by maximum likelihood; the interval of the strength needed is its
    profile likelihood (Williams 1986, Biometrics 42:641), which stays honest where the curve
    is hardly known: an end may then be unbounded.

    Args:
        trials: at least two strengths.
        target: uncaught share to reach, 0.2 by default.
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
    if len(np.unique(x)) < 2 or not (np.abs(x) <= 1e9).all():
        raise InputError("a capability curve needs trials at two or more finite strengths")
    n = np.array([trial.attacks for trial in used], dtype=np.float64)
    hit = np.array([trial.uncaught for trial in used], dtype=np.float64)
    # A slight ridge keeps the fit finite where strengths separate the outcomes.
    fitted = fit(x, hit / n, n, 1e-3)
    if fitted is None:
        raise InputError("every attack had the same outcome: no curve can be fitted")
    needed = _needed(fitted, target)
    low, high = _profile(x, hit, n, fitted, needed, target, level)
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


def _loss(x: Array, hit: Array, n: Array, intercept: float, slope: float) -> float:
    eta = intercept + slope * x
    return float(n @ np.logaddexp(0.0, eta) - hit @ eta)


def _profile(
    x: Array, hit: Array, n: Array, fitted: Fit, needed: float | None, target: float, level: float
) -> tuple[float | None, float | None]:
    """Strengths that the likelihood-ratio test does not reject as the one needed."""
    if needed is None:
        return None, None
    least = _loss(x, hit, n, fitted.intercept, fitted.slope)
    reach = float(stats.chi2.ppf(level, 1)) / 2
    base = float(special.logit(target))
    steepest = max(60 / float(np.ptp(x)), 2 * abs(fitted.slope))

    def excess(strength: float) -> float:
        best = optimize.minimize_scalar(
            lambda slope: _loss(x, hit, n, base - slope * strength, slope),
            bounds=(-steepest, steepest),
            method="bounded",
        )
        return float(best.fun) - least - reach

    def end(direction: int) -> float | None:
        step = 0.05 * float(np.ptp(x))
        inner, outer = needed, needed + direction * step
        while excess(outer) < 0:
            inner, step = outer, 2 * step
            outer = needed + direction * step
            if step > 1000 * float(np.ptp(x)):
                return None
        if excess(inner) >= 0:  # rejected at once, to rounding: nothing lies between
            return inner
        return float(optimize.brentq(excess, min(inner, outer), max(inner, outer)))

    return end(-1), end(1)
