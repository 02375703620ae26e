"""Monitors as instruments: ROC, AUROC, recall at a false-positive rate, calibration, drift."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from roguewatch.errors import InputError
from roguewatch.measure.rates import exact
from roguewatch.measure.rows import Row, read_rows, rows_of

Array = NDArray[np.float64]

PREVALENCES = (0.1, 0.01, 0.001)


class Scores(msgspec.Struct, frozen=True):
    """A monitor's scores on labelled sessions; higher is more suspicious."""

    label: NDArray[np.bool_]
    """Whether the session is an attack."""
    score: Array
    weight: Array
    not_observed: tuple[int, int] = (0, 0)
    """Honest and attacking sessions without a score: the monitor gave no verdict."""


def read_scores(path: Path) -> Scores:
    """Scores from JSON lines with `label` (0 or 1), `score` and optionally `weight`.

    A `score` of null is a missing verdict: not observed, counted apart, never clean.
    """
    return _gather(read_rows(path))


def scores_from(table: Any) -> Scores:
    """Scores from a dataframe, a mapping of columns, or a sequence of mappings."""
    return _gather(rows_of(table))


def _gather(rows: Iterable[Row]) -> Scores:
    kept: list[tuple[bool, float, float]] = []
    missing = [0, 0]
    for row in rows:
        if row.find(("label",)) is None:
            raise row.wrong("label", "0 or 1")
        label = row.flag(("label",))
        if "score" in row.fields and row.fields["score"] is None:
            missing[label] += 1
            continue
        weight = row.optional(("weight",), above=0.0, expected="a weight above 0")
        kept.append((label, row.number(("score",)), 1.0 if weight is None else weight))
    if not kept:
        raise InputError("there are no scores")
    label_, score, weight_ = (np.array(column) for column in zip(*kept, strict=True))
    return Scores(label_.astype(bool), score, weight_, (missing[0], missing[1]))


class Curve(msgspec.Struct, frozen=True):
    """A ROC curve: one point for each distinct score, from strict to lenient."""

    threshold: Array
    """Flagged is a score at or above it; the first, infinity, flags nothing."""
    fpr: Array
    tpr: Array


def roc(scores: Scores) -> Curve:
    """The ROC curve; sessions with the same score are flagged together.

    Raises:
        InputError: there are no attacks or no honest sessions.
    """
    _both(scores)
    order = np.argsort(-scores.score, kind="stable")
    score, weight = scores.score[order], scores.weight[order]
    attack = scores.label[order]
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))
    hit = np.cumsum(weight * attack)
    alarm = np.cumsum(weight * ~attack)
    return Curve(
        threshold=np.append(math.inf, score[last]),
        fpr=np.append(0.0, alarm[last] / alarm[-1]),
        tpr=np.append(0.0, hit[last] / hit[-1]),
    )


def _both(scores: Scores) -> None:
    if not scores.label.any():
        raise InputError("a ROC curve needs attacks (label 1); there are none")
    if scores.label.all():
        raise InputError("a ROC curve needs honest sessions (label 0); there are none")


class Area(msgspec.Struct, frozen=True):
    """Area under the ROC curve."""

    auroc: float
    interval: tuple[float, float]
    standard_error: float


def auroc(scores: Scores, level: float = 0.95) -> Area:
    """AUROC with DeLong's variance (DeLong, DeLong & Clarke-Pearson 1988).

    The interval is on the logit scale (Pepe 2003, section 5.2.5). Where attacks and honest
    sessions are perfectly separated DeLong's variance is 0; the interval is then the exact
    one for the smaller class, as if each of its sessions were one trial.
    """
    _both(scores)
    attack, honest = scores.score[scores.label], scores.score[~scores.label]
    w1, w0 = scores.weight[scores.label], scores.weight[~scores.label]
    w1, w0 = w1 / w1.sum(), w0 / w0.sum()
    v10 = _placement(attack, honest, w0)  # share of honest sessions below each attack
    v01 = 1 - _placement(honest, attack, w1)
    area = float(w1 @ v10)
    variance = _spread(v10, w1, area) + _spread(v01, w0, area)
    if area in (0.0, 1.0) or variance == 0:
        n = min(len(attack), len(honest))
        ends = exact(round(area * n), n, level)
        return Area(area, (min(ends[0], area), max(ends[1], area)), math.sqrt(variance))
    z = float(stats.norm.ppf((1 + level) / 2))
    reach = z * math.sqrt(variance) / (area * (1 - area))
    centre = math.log(area / (1 - area))
    low, high = (
        1 / (1 + math.exp(-min(max(e, -700), 700))) for e in (centre - reach, centre + reach)
    )
    return Area(area, (low, high), math.sqrt(variance))


def _placement(of: Array, among: Array, weight: Array) -> Array:
    """Weighted share of `among` below each of `of`, ties counting half."""
    order = np.argsort(among)
    below = np.append(0.0, np.cumsum(weight[order]))
    left = below[np.searchsorted(among[order], of, side="left")]
    right = below[np.searchsorted(among[order], of, side="right")]
    return np.asarray((left + right) / 2)


def _spread(placement: Array, weight: Array, area: float) -> float:
    """Variance of a weighted mean of placements, with the small-sample factor of DeLong."""
    if len(placement) < 2:
        return 0.0
    left = 1 - float(weight @ weight)
    if left < 1e-12:  # one session holds all the weight
        return 0.0
    inflation = 1 / left
    return float((weight**2) @ (placement - area) ** 2 * inflation)


class Operating(msgspec.Struct, frozen=True):
    """A monitor at one threshold."""

    target_fpr: float
    threshold: float | None
    """None where no threshold flags anything within the target."""
    fpr: float
    tpr: float
    tpr_interval: tuple[float, float]
    fnr: float
    precision: dict[str, float | None]
    """At each prevalence; None where nothing would be flagged."""


def at_fpr(
    scores: Scores,
    target: float,
    prevalences: Sequence[float] = PREVALENCES,
    level: float = 0.95,
) -> Operating:
    """Recall at a false-positive rate: the most lenient threshold within it.

    No interpolation between thresholds: what is reported can be set. The interval of the
    recall takes the threshold as given (exact; for weighted sessions with their effective
    number). Precision follows from Bayes' rule.
    """
    if not 0 <= target <= 1:
        raise InputError(f"a false-positive rate of {target}: expected one from 0 to 1")
    curve = roc(scores)
    within = int(np.flatnonzero(curve.fpr <= target + 1e-12)[-1])
    tpr, fpr = float(curve.tpr[within]), float(curve.fpr[within])
    weight = scores.weight[scores.label]
    n = max(1, math.floor(float(weight.sum() ** 2 / (weight @ weight)) + 1e-9))
    low, high = exact(round(tpr * n), n, level)
    return Operating(
        target_fpr=target,
        threshold=float(curve.threshold[within]) if within else None,
        fpr=fpr,
        tpr=tpr,
        tpr_interval=(min(low, tpr), max(high, tpr)),
        fnr=1 - tpr,
        precision={f"{p:g}": precision(tpr, fpr, p) for p in prevalences},
    )


def precision(tpr: float, fpr: float, prevalence: float) -> float | None:
    """Share of flags that are attacks, at a prevalence; None where nothing is flagged."""
    flagged = tpr * prevalence + fpr * (1 - prevalence)
    return tpr * prevalence / flagged if flagged > 0 else None


class Calibration(msgspec.Struct, frozen=True):
    """How far scores can be read as probabilities."""

    brier: float
    """Mean squared error (Brier 1950)."""
    ece: float
    """Expected calibration error over bins with equal counts."""
    bins: tuple[tuple[float, float, int], ...]
    """Mean score, observed share of attacks, sessions."""


def calibration(scores: Scores, bins: int = 10) -> Calibration | None:
    """Calibration of scores in [0, 1]; None where they are not in that range."""
    if scores.score.min() < 0 or scores.score.max() > 1:
        return None
    truth = scores.label.astype(np.float64)
    share = scores.weight / scores.weight.sum()
    order = np.argsort(scores.score, kind="stable")
    found, error = [], 0.0
    for part in np.array_split(order, min(bins, len(order))):
        mass = share[part].sum()
        mean = float(share[part] @ scores.score[part] / mass)
        seen = float(share[part] @ truth[part] / mass)
        error += float(mass) * abs(mean - seen)
        found.append((mean, seen, len(part)))
    return Calibration(float(share @ (scores.score - truth) ** 2), error, tuple(found))


class Drift(msgspec.Struct, frozen=True):
    """Whether a monitor's scores have moved between two periods."""

    statistic: float
    """Kolmogorov-Smirnov distance of the two distributions."""
    p: float
    stability_index: float
    """Population stability index over ten bins of the first period (Siddiqi 2006)."""
    flagged_before: float
    flagged_after: float
    """Share at or above the threshold, in each period."""


def drift(before: ArrayLike, after: ArrayLike, threshold: float) -> Drift:
    """Score drift: two-sample Kolmogorov-Smirnov (exact or asymptotic, scipy) and PSI."""
    first, second = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if not first.size or not second.size:
        raise InputError("drift needs scores in both periods")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputError("drift needs finite scores")
    test = stats.ks_2samp(first, second)
    edges = np.unique(np.quantile(first, np.linspace(0, 1, 11)))[1:-1]
    bins = len(edges) + 1
    # Half a session in every bin, so that an empty one gives a large number, not infinity.
    p = (np.bincount(np.searchsorted(edges, first, "right"), minlength=bins) + 0.5) / (
        len(first) + bins / 2
    )
    q = (np.bincount(np.searchsorted(edges, second, "right"), minlength=bins) + 0.5) / (
        len(second) + bins / 2
    )
    return Drift(
        float(test.statistic),
        float(test.pvalue),
        float(((q - p) * np.log(q / p)).sum()),
        float((first >= threshold).mean()),
        float((second >= threshold).mean()),
    )
