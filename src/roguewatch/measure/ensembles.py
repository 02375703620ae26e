"""Several monitors together: agreement, error correlation, ensembles, stages, audit budgets."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from roguewatch.errors import InputError
from roguewatch.measure.instrument import Operating, Scores, at_fpr, auroc
from roguewatch.measure.rates import exact

Array = NDArray[np.float64]


class Pair(msgspec.Struct, frozen=True):
    """Two monitors against each other."""

    first: str
    second: str
    rank_correlation: float | None
    """Spearman's, over all sessions; None where a monitor gives one score only."""
    error_correlation_attacks: float | None
    """Correlation of misses over attacks, at their thresholds; None without variation."""
    error_correlation_honest: float | None
    """Correlation of false alarms over honest sessions."""
    missed_by_both: float
    """Share of attacks that both miss."""
    expected_if_independent: float
    """The share that both would miss if they erred independently."""


class Ensemble(msgspec.Struct, frozen=True):
    """One way of combining monitors, at a false-positive rate."""

    members: tuple[str, ...]
    rule: str
    auroc: float
    operating: Operating


def _matrix(label: ArrayLike, monitors: Mapping[str, ArrayLike]) -> tuple[NDArray[np.bool_], Array]:
    truth = np.asarray(label, dtype=np.float64)
    if not monitors:
        raise InputError("there are no monitors")
    if not np.isin(truth, (0.0, 1.0)).all():
        raise InputError("labels must be 0 or 1")
    scores = np.stack([np.asarray(score, dtype=np.float64) for score in monitors.values()])
    if scores.shape[1:] != truth.shape or not np.isfinite(scores).all():
        raise InputError("every monitor needs one finite score for every labelled session")
    return truth == 1.0, scores


def _scores(label: NDArray[np.bool_], score: Array) -> Scores:
    return Scores(label, score, np.ones(len(score)))


def pairs(label: ArrayLike, monitors: Mapping[str, ArrayLike], fpr: float = 0.01) -> list[Pair]:
    """Agreement and error correlation of every two monitors, each at its own threshold."""
    truth, scores = _matrix(label, monitors)
    flagged = []
    for score in scores:
        threshold = at_fpr(_scores(truth, score), fpr).threshold
        flagged.append(score >= threshold if threshold is not None else np.zeros(len(score), bool))
    found = []
    for i, j in itertools.combinations(range(len(scores)), 2):
        names = list(monitors)
        miss1, miss2 = ~flagged[i][truth], ~flagged[j][truth]
        found.append(
            Pair(
                names[i],
                names[j],
                _spearman(scores[i], scores[j]),
                _correlation(miss1, miss2),
                _correlation(flagged[i][~truth], flagged[j][~truth]),
                float((miss1 & miss2).mean()),
                float(miss1.mean() * miss2.mean()),
            )
        )
    return found


def _spearman(a: Array, b: Array) -> float | None:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(stats.spearmanr(a, b).statistic)


def _correlation(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float | None:
    if a.all() or b.all() or not a.any() or not b.any():
        return None
    return float(np.corrcoef(a, b)[0, 1])


def combine(scores: Array, rule: str = "mean") -> Array:
    """One score from several: `mean`, `median`, `max`, or `rank` (mean of rank shares).

    Args:
        scores: shape (monitors, sessions).
        rule: how to combine.
    """
    if rule == "rank":
        return np.asarray(stats.rankdata(scores, axis=1).mean(axis=0) / scores.shape[1])
    rules = {"mean": np.mean, "median": np.median, "max": np.max}
    if rule not in rules:
        raise InputError(f"rule {rule!r}: expected mean, median, max or rank")
    return np.asarray(rules[rule](scores, axis=0))  # type: ignore[operator]


def ensembles(
    label: ArrayLike,
    monitors: Mapping[str, ArrayLike],
    fpr: float = 0.01,
    rule: str = "mean",
    sizes: Sequence[int] | None = None,
) -> list[Ensemble]:
    """Every ensemble of the given sizes at a false-positive rate, the best recall first.

    The best of many is chosen on these sessions: measure it again on others.
    """
    truth, scores = _matrix(label, monitors)
    names = list(monitors)
    wanted = sizes or range(1, len(names) + 1)
    if sum(math.comb(len(names), size) for size in wanted) > 5000:
        raise InputError("over 5,000 ensembles: give fewer monitors or sizes")
    found = []
    for size in wanted:
        for members in itertools.combinations(range(len(names)), size):
            together = _scores(truth, combine(scores[list(members)], rule))
            found.append(
                Ensemble(
                    tuple(names[m] for m in members),
                    rule if size > 1 else "single",
                    auroc(together).auroc,
                    at_fpr(together, fpr),
                )
            )
    return sorted(found, key=lambda e: (-e.operating.tpr, -e.auroc, len(e.members)))


class Stage(msgspec.Struct, frozen=True):
    """Recall of one stage among what reached it, and of all stages up to it."""

    name: str
    reached: int
    passed: int
    recall: float | None
    """None where nothing reached the stage."""
    interval: tuple[float, float]
    end_to_end: float
    end_to_end_interval: tuple[float, float]


def stages(attacks: Sequence[Sequence[bool]], names: Sequence[str]) -> list[Stage]:
    """Stage-wise and end-to-end recall of attacks through a chain of gates.

    For instance: was it monitored at all, did the monitor flag, did the filter keep the
    flag, did a human look, did the human see it.

    Args:
        attacks: for each attack, whether each stage let the alarm through.
        names: of the stages, in order.
    """
    if not attacks or any(len(attack) != len(names) for attack in attacks):
        raise InputError("every attack needs one outcome for every stage")
    alive = np.ones(len(attacks), dtype=bool)
    table = np.asarray(attacks, dtype=bool)
    found = []
    for column, name in enumerate(names):
        reached = int(alive.sum())
        alive = alive & table[:, column]
        passed = int(alive.sum())
        found.append(
            Stage(
                name,
                reached,
                passed,
                passed / reached if reached else None,
                exact(passed, reached),
                passed / len(attacks),
                exact(passed, len(attacks)),
            )
        )
    return found


class Budget(msgspec.Struct, frozen=True):
    """Share of attacks caught when the most suspicious share of sessions is audited."""

    budget: float
    caught: float
    random: float
    """What auditing as many at random would catch."""
    lift: float | None


def catch_rate(
    scores: Scores, prevalence: float, budgets: Sequence[float] = (0.001, 0.003, 0.01, 0.03, 0.1)
) -> list[Budget]:
    """Catch rate against an audit budget, at a prevalence of attacks in deployment.

    The auditors take the highest scores first; among equal scores they choose at random.
    """
    if not 0 <= prevalence < 1:
        raise InputError("a prevalence of attacks must be at least 0 and below 1")
    order = np.unique(scores.score)[::-1]
    attack = scores.weight * scores.label / scores.weight[scores.label].sum()
    honest = scores.weight * ~scores.label / scores.weight[~scores.label].sum()
    rank = np.searchsorted(-order, -scores.score)
    hit = np.append(0.0, np.cumsum(np.bincount(rank, attack, len(order))))
    alarm = np.append(0.0, np.cumsum(np.bincount(rank, honest, len(order))))
    load = prevalence * hit + (1 - prevalence) * alarm
    found = []
    for budget in budgets:
        if not 0 <= budget <= 1:
            raise InputError("an audit budget is a share from 0 to 1")
        caught = float(np.interp(budget, load, hit)) if budget < load[-1] else 1.0
        found.append(Budget(budget, caught, budget, caught / budget if budget else None))
    return found
