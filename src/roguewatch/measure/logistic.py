"""Weighted logistic regression on one variable, to the exact optimum, many fits at once.

The objective is scikit-learn's `LogisticRegression(C=1/ridge)`, which METR's public
time-horizon code calls (METR/eval-analysis-public, `horizon/utils/logistic.py`):

    ridge/2 · slope² + Σ weight·log-loss        (the intercept is not penalised)

It is convex in two parameters, so Newton's method (iteratively reweighted least squares,
McCullagh & Nelder 1989, section 2.5) reaches its only minimum. Fractional outcomes are
split into a success and a failure with the outcome as weight.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Array = NDArray[np.float64]

_FAST_STEPS = 40
_SLOW_STEPS = 200
_TOLERANCE = 1e-11
_SETTLED = 1e-7


class Fit(msgspec.Struct, frozen=True):
    """Intercept and slope of a fit: logit P(success) = intercept + slope · x."""

    intercept: float
    slope: float

    def x_at(self, probability: float) -> float:
        """The x at which the fitted success probability is `probability`."""
        return float((np.log(probability / (1 - probability)) - self.intercept) / self.slope)

    def predict(self, x: Array) -> Array:
        """Fitted success probabilities."""
        return np.asarray(expit(self.intercept + self.slope * x))


def fit(x: Array, y: Array, weight: Array, ridge: float = 0.1) -> Fit | None:
    """One weighted fit.

    Args:
        x: the variable, shape (n,).
        y: outcomes in [0, 1], shape (n,).
        weight: non-negative weights, shape (n,).
        ridge: penalty on the squared slope (scikit-learn's 1/C); 0 for none.

    Returns:
        The fit, or None where no optimum exists: all outcomes equal, or, without a
        ridge, outcomes separated by x.
    """
    intercept, slope = fit_many(x, (weight * y)[None, :], weight[None, :], ridge)
    if np.isnan(slope[0]):
        return None
    return Fit(float(intercept[0]), float(slope[0]))


def fit_many(
    x: Array,
    success: Array,
    total: Array,
    ridge: float = 0.1,
    start: tuple[float, float] | None = None,
) -> tuple[Array, Array]:
    """Many fits over the same points with different weights.

    Args:
        x: the points, shape (p,).
        success: weight of successes at each point, shape (fits, p).
        total: weight of successes and failures at each point, shape (fits, p).
        ridge: penalty on the squared slope.
        start: (intercept, slope) to begin from; it changes the speed, not the result.

    Returns:
        Intercepts and slopes, shape (fits,); NaN where no optimum exists.
    """
    fits = success.shape[0]
    intercept, slope = np.full(fits, np.nan), np.full(fits, np.nan)
    won, all_ = success.sum(axis=1), total.sum(axis=1)
    # Rounding of the sums must not turn "all succeeded" into a fit.
    slack = 1e-12 * np.maximum(all_, 1e-300)
    solvable = np.flatnonzero((won > slack) & (all_ - won > slack))
    if not solvable.size:
        return intercept, slope
    # Centred and scaled, so that the 2 x 2 Hessian is well conditioned.
    centre, scale = float(x.mean()), float(x.std())
    if scale == 0:
        return _without_spread(x, won, all_, solvable, ridge, intercept, slope)
    z = (x - centre) / scale
    penalty = ridge / scale**2  # slope in units of z is slope·scale
    theta = np.zeros((solvable.size, 2))
    if start is not None:
        theta[:, 0], theta[:, 1] = start[0] + start[1] * centre, start[1] * scale
    else:
        theta[:, 0] = np.log(won[solvable] / (all_[solvable] - won[solvable]))
    theta = _newton(z, success[solvable], total[solvable], penalty, theta)
    slope[solvable] = theta[:, 1] / scale
    intercept[solvable] = theta[:, 0] - theta[:, 1] * centre / scale
    return intercept, slope


def _without_spread(
    x: Array,
    won: Array,
    all_: Array,
    solvable: NDArray[np.intp],
    ridge: float,
    intercept: Array,
    slope: Array,
) -> tuple[Array, Array]:
    """All x equal: only the rate is determined; the ridge then chooses slope 0."""
    if ridge > 0:
        slope[solvable] = 0.0
        intercept[solvable] = np.log(won[solvable] / (all_[solvable] - won[solvable]))
    return intercept, slope


def _newton(z: Array, success: Array, total: Array, penalty: float, theta: Array) -> Array:
    """Newton's method for all fits at once; the few that do not settle are searched singly."""
    powers = np.stack([np.ones_like(z), z, z * z], axis=1)
    result = np.full_like(theta, np.nan)
    index = np.arange(len(theta))
    won, all_ = success, total
    for _ in range(_FAST_STEPS):
        step = _step(powers, won, all_, penalty, theta)
        lost = ~np.isfinite(step).all(axis=1)  # no curvature here: left to the search below
        step[lost] = 0.0
        size = np.abs(step).max(axis=1)
        # No leap beyond 4 on the logit scale: far from the optimum Newton overshoots.
        theta = theta + step / np.maximum(size / 4.0, 1.0)[:, None]
        # Convergence is quadratic: what is left after this step is about its square.
        done = ~lost & (size < _SETTLED * (1 + np.abs(theta).max(axis=1)))
        if done.all() or done.mean() > 0.5:
            result[index[done]] = theta[done]
            index, theta = index[~done], theta[~done]
            if not index.size:
                return result
            won, all_ = success[index], total[index]
    for one in index:
        result[one] = _search(powers, success[one], total[one], penalty)
    return result


def _step(powers: Array, success: Array, total: Array, penalty: float, theta: Array) -> Array:
    """The Newton step at theta for each fit, shape (fits, 2)."""
    with np.errstate(over="ignore"):
        chance = 1 / (1 + np.exp(-(theta @ powers[:, :2].T)))
    gradient = (success - total * chance) @ powers[:, :2]
    gradient[:, 1] -= penalty * theta[:, 1]
    curvature = (total * (chance * (1 - chance))) @ powers
    h00, h01, h11 = curvature[:, 0], curvature[:, 1], curvature[:, 2] + penalty
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        across = h11 * gradient[:, 0] - h01 * gradient[:, 1]
        along = h00 * gradient[:, 1] - h01 * gradient[:, 0]
        step: Array = np.stack([across, along], axis=1) / (h00 * h11 - h01 * h01)[:, None]
    return step


def _search(powers: Array, success: Array, total: Array, penalty: float) -> Array:
    """One fit by Newton with backtracking: slower, and finds any optimum there is."""

    def loss(theta: Array) -> float:
        eta = powers[:, :2] @ theta
        likelihood = total @ np.logaddexp(0.0, eta) - success @ eta
        return float(likelihood + penalty / 2 * theta[1] ** 2)

    theta = np.zeros(2)
    value = loss(theta)
    for _ in range(_SLOW_STEPS):
        step = _step(powers, success[None], total[None], penalty, theta[None])[0]
        if not np.isfinite(step).all():
            break
        if np.abs(step).max() < _TOLERANCE * (1 + np.abs(theta).max()):
            return theta
        length = 1.0
        # Near the optimum the loss is flat to rounding: not every step can lower it.
        slack = 1e-13 * (1 + abs(value))
        while (trial := loss(theta + length * step)) > value + slack and length > 1e-9:
            length /= 2
        theta, value = theta + length * step, min(trial, value)
    return np.full(2, np.nan)  # separated outcomes without a ridge: no finite optimum
