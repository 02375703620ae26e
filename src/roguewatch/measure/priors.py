"""How much a time horizon depends on the prior: other ridges, and a Bayesian fit."""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from roguewatch.measure.horizon import RIDGE, Point, point
from roguewatch.measure.logistic import fit
from roguewatch.measure.runs import Runs, run_weights

Array = NDArray[np.float64]

RIDGES = (0.0, 0.01, RIDGE, 1.0)


class Posterior(msgspec.Struct, frozen=True):
    """Posterior of one agent's horizon, minutes. None where it does not exist."""

    p50: float | None
    """Posterior median."""
    p80: float | None
    p50_interval: tuple[float, float] | None
    p80_interval: tuple[float, float] | None
    effective_runs: float
    """Kish's effective number of runs, which the likelihood is scaled to."""


def by_ridge(runs: Runs, ridges: tuple[float, ...] = RIDGES) -> dict[str, dict[str, Point]]:
    """For every agent, its fit under other ridges; 0 is the plain maximum likelihood."""
    return {
        str(agent): {
            f"{ridge:g}": point(runs.where(runs.agent == agent), ridge) for ridge in ridges
        }
        for agent in np.unique(runs.agent)
    }


def laplace(
    runs: Runs, *, sd: float = 1.0, draws: int = 4000, seed: int = 0, level: float = 0.95
) -> Posterior:
    """Bayesian horizon of one agent by Laplace's approximation.

    The likelihood is the weighted one, scaled to Kish's effective number of runs
    (Σw)²/Σw² (Kish 1965); the slope has prior Normal(0, sd²), the intercept a flat one.
    The posterior is a normal at the mode with the inverse Hessian as covariance (Tierney &
    Kadane 1986), and the horizon's quantiles come from draws of it with a falling slope.
    It takes runs as independent given weights, so it is narrower than the bootstrap.

    Args:
        runs: of one agent.
        sd: of the slope's prior, per doubling of human time.
        draws: from the posterior.
        seed: of the draws.
        level: of the credible intervals.
    """
    weight = run_weights(runs.task, runs.family, "invsqrt")
    effective = float(weight.sum() ** 2 / (weight @ weight))
    weight = weight * effective
    x = np.log2(runs.minutes)
    mode = fit(x, runs.score, weight, 1 / sd**2)
    if mode is None or mode.slope >= 0:
        return Posterior(None, None, None, None, effective)
    chance = mode.predict(x)
    curve = weight * chance * (1 - chance)
    h01 = float(curve @ x)
    hessian = np.array([[curve.sum(), h01], [h01, float(curve @ x**2) + 1 / sd**2]])
    theta = np.random.default_rng(seed).multivariate_normal(
        [mode.intercept, mode.slope], np.linalg.inv(hessian), draws
    )
    theta = theta[theta[:, 1] < 0]
    tail = (1 - level) / 2
    ends = {}
    for target in (0.5, 0.8):
        log2 = (math.log(target / (1 - target)) - theta[:, 0]) / theta[:, 1]
        ends[target] = np.exp2(np.clip(np.quantile(log2, [tail, 0.5, 1 - tail]), -1000, 1000))
    return Posterior(
        float(ends[0.5][1]),
        float(ends[0.8][1]),
        (float(ends[0.5][0]), float(ends[0.5][2])),
        (float(ends[0.8][0]), float(ends[0.8][2])),
        effective,
    )
