"""Monitor scores in a simulated deployment, and the threshold that an audit budget allows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special
from scipy.stats import norm

from roguewatch.measure.simulate.config import Deployment, Monitor

Array = NDArray[np.float64]


class Gauge:
    """One monitor (or ensemble): honest and attacking scores from standard normal noise.

    A monitor that is known only by its false-positive and false-negative rate is taken as
    the equal-variance binormal one with that operating point (Green & Swets 1966).

    Args:
        monitor: its description.
    """

    def __init__(self, monitor: Monitor) -> None:
        self._honest = self._attacks = None
        self._given = -math.inf
        if monitor.empirical is not None:
            self._honest = np.sort(np.array(monitor.empirical.honest, dtype=np.float64))
            self._attacks = np.sort(np.array(monitor.empirical.attacks, dtype=np.float64))
            self._separation = 0.0
        elif monitor.binormal is not None:
            shape = monitor.binormal
            gain = shape.monitors / (1 + (shape.monitors - 1) * shape.correlation)
            self._separation = shape.separation * math.sqrt(gain)
        elif monitor.operating is not None:
            # Rates of exactly 0 or 1 have no finite normal quantile.
            fpr, fnr = (min(max(rate, 1e-12), 1 - 1e-12) for rate in
                        (monitor.operating.fpr, monitor.operating.fnr))  # fmt: skip
            self._given = float(norm.isf(fpr))
            self._separation = self._given - float(norm.ppf(fnr))

    def honest(self, noise: Array) -> Array:
        """Scores of honest actions."""
        return noise if self._honest is None else _quantile(self._honest, noise)

    def attacks(self, noise: Array) -> Array:
        """Scores of attacks."""
        if self._attacks is None:
            return noise + self._separation
        return _quantile(self._attacks, noise)

    def rates(self, threshold: float) -> tuple[float, float]:
        """False-positive and true-positive rate at a threshold."""
        if self._honest is None or self._attacks is None:
            return float(norm.sf(threshold)), float(norm.sf(threshold - self._separation))
        fpr = 1 - np.searchsorted(self._honest, threshold) / len(self._honest)
        tpr = 1 - np.searchsorted(self._attacks, threshold) / len(self._attacks)
        return float(fpr), float(tpr)

    def auroc(self) -> float:
        """Area under its ROC curve: Φ(d'/√2) for the binormal (Green & Swets 1966)."""
        if self._honest is None or self._attacks is None:
            return float(norm.cdf(self._separation / math.sqrt(2)))
        left = np.searchsorted(self._honest, self._attacks, "left")
        right = np.searchsorted(self._honest, self._attacks, "right")
        return float((left + right).mean() / 2 / len(self._honest))

    def threshold(self, budget: float, attack_rate: float) -> float:
        """The most lenient threshold whose flags the audit budget covers, or the monitor's
        own where that is stricter."""

        def load(threshold: float) -> float:
            fpr, tpr = self.rates(threshold)
            return (1 - attack_rate) * fpr + attack_rate * tpr

        if budget >= 1:
            return self._given
        if self._honest is not None and self._attacks is not None:
            for candidate in np.unique(np.concatenate([self._honest, self._attacks])):
                if load(float(candidate)) <= budget:
                    return float(candidate)
            return math.inf
        if budget <= 0:
            return math.inf
        top = 40.0 + self._separation
        return max(self._given, float(optimize.brentq(lambda t: load(t) - budget, -40.0, top)))


def _quantile(values: Array, noise: Array) -> Array:
    place = (special.ndtr(noise) * len(values)).astype(np.int64)
    return np.asarray(values[np.minimum(place, len(values) - 1)])


def attack_noise(deployment: Deployment, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Noise in the scores of the attacks that the red team goes through with.

    A selective attacker guesses its own noise with correlation `insight` and keeps the
    attacks whose guess is in the lowest share `keep`: a truncated normal, then the score
    given the guess.
    """
    team = deployment.red_team
    if team.strategy != "selective" or team.keep >= 1:
        return rng.standard_normal(shape)
    guess = special.ndtri(rng.random(shape) * max(team.keep, 1e-12))
    rest = math.sqrt(1 - team.insight**2)
    return np.asarray(team.insight * guess + rest * rng.standard_normal(shape))
