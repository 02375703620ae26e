"""Agreement of raters: Krippendorff's alpha, Cohen's and Fleiss' kappa, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from roguewatch.errors import InputError, MissingExtraError
from roguewatch.measure import special

Array = NDArray[np.float64]
Level = Literal["nominal", "ordinal", "interval", "ratio"]
Ratings = Sequence[Sequence[Hashable | None]]
"""For each unit, the rating of each rater; None where one did not rate it."""


class Agreement(msgspec.Struct, frozen=True):
    """An agreement coefficient: 1 is perfect, 0 is chance. None where it is undefined."""

    coefficient: str
    value: float | None
    interval: tuple[float, float] | None
    units: int
    raters: int
    note: str = ""


def krippendorff(
    ratings: Ratings, level: Level = "nominal", *, confidence: float = 0.95, draws: int = 2000,
    seed: int = 0,
) -> Agreement:  # fmt: skip
    """Krippendorff's alpha, any number of raters, missing ratings allowed.

    Krippendorff 2011 ("Computing Krippendorff's alpha-reliability"): 1 - observed over
    expected disagreement of pairable values. The interval resamples units (percentile).

    Args:
        ratings: for each unit, the rating of each rater or None.
        level: of measurement; above nominal the ratings must be numbers.
        confidence: of the interval.
        draws: resamples of units.
        seed: of the resamples.
    """
    counts, values = _counts(ratings, level)
    raters = max((len(unit) for unit in ratings), default=0)
    pairable = counts[counts.sum(axis=1) >= 2]
    if not len(pairable):
        return Agreement("alpha", None, None, 0, raters, "no unit has two ratings")
    distance = _distance(level, values, pairable.sum(axis=0))
    observed, alpha = _alpha_parts(pairable, distance)
    if alpha is None:
        return Agreement("alpha", None, None, len(pairable), raters, "all ratings are the same")
    rng = np.random.default_rng(seed)
    pick = rng.integers(0, len(pairable), (draws, len(pairable)))
    drawn = _resampled(pairable, observed, distance, pick)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Agreement("alpha", float(alpha), (float(low), float(high)), len(pairable), raters)


def _counts(ratings: Ratings, level: Level) -> tuple[Array, Array]:
    """How often each unit was given each value, shape (units, values), and the values."""
    given = {rating for unit in ratings for rating in unit if rating is not None}
    if not given:
        raise InputError("there are no ratings")
    if level != "nominal":
        if any(isinstance(r, bool) or not isinstance(r, int | float) for r in given):
            raise InputError(f"{level} ratings must be numbers")
        ordered = sorted(given, key=lambda rating: float(str(rating)))
        values = np.array(ordered, dtype=np.float64)
        if not np.isfinite(values).all() or (level == "ratio" and (values < 0).any()):
            raise InputError(f"{level} ratings must be finite (and not negative for ratio)")
    else:
        ordered = sorted(given, key=repr)
        values = np.arange(len(ordered), dtype=np.float64)
    place = {rating: column for column, rating in enumerate(ordered)}
    counts = np.zeros((len(ratings), len(ordered)))
    for row, unit in enumerate(ratings):
        for rating in unit:
            if rating is not None:
                counts[row, place[rating]] += 1
    return counts, values


def _distance(level: Level, values: Array, totals: Array) -> Array:
    a, b = values[:, None], values[None, :]
    if level == "nominal":
        return np.asarray((a != b).astype(np.float64))
    if level == "interval":
        return np.asarray((a - b) ** 2)
    if level == "ratio":
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(((a - b) / (a + b)) ** 2)
    between = np.cumsum(totals) - totals / 2
    return np.asarray((between[:, None] - between[None, :]) ** 2)


def _alpha_parts(counts: Array, distance: Array) -> tuple[Array, float | None]:
    """Observed disagreement of each unit, and alpha."""
    size = counts.sum(axis=1)
    observed = np.einsum("uv,vw,uw->u", counts, distance, counts) / (size - 1)
    totals = counts.sum(axis=0)
    n = totals.sum()
    expected = float(totals @ distance @ totals) / (n * (n - 1))
    if expected == 0:
        return observed, None
    return observed, 1 - float(observed.sum() / n) / expected


def _resampled(counts: Array, observed: Array, distance: Array, pick: NDArray[np.int64]) -> Array:
    size = counts.sum(axis=1)
    totals = np.stack([counts[row].sum(axis=0) for row in pick])
    n = size[pick].sum(axis=1)
    expected = np.einsum("dv,vw,dw->d", totals, distance, totals) / (n * (n - 1))
    seen = observed[pick].sum(axis=1) / n
    # A resample of one value only has no disagreement to explain: perfect.
    return np.asarray(np.where(expected > 0, 1 - seen / np.where(expected > 0, expected, 1), 1.0))


def cohen(
    first: Sequence[Hashable], second: Sequence[Hashable], confidence: float = 0.95
) -> Agreement:
    """Cohen's kappa of two raters (1960), interval by Fleiss, Cohen & Everitt (1969).

    Computed by statsmodels.

    Raises:
        MissingExtraError: statsmodels is not installed.
    """
    if len(first) != len(second) or not first:
        raise InputError("kappa needs two raters' ratings of the same units")
    names = sorted({*first, *second}, key=repr)
    if len(names) == 1:
        return Agreement("kappa", None, None, len(first), 2, "all ratings are the same")
    place = {name: column for column, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    for a, b in zip(first, second, strict=True):
        table[place[a], place[b]] += 1
    with np.errstate(divide="ignore", invalid="ignore"):  # of statistics that we do not use
        found = _inter_rater("cohens_kappa")(table)
    z = float(special.ndtri((1 + confidence) / 2))
    value, reach = float(found.kappa), z * float(np.sqrt(max(found.var_kappa, 0.0)))
    return Agreement(
        "kappa", value, (max(value - reach, -1.0), min(value + reach, 1.0)), len(first), 2
    )


def fleiss(
    ratings: Ratings, *, confidence: float = 0.95, draws: int = 2000, seed: int = 0
) -> Agreement:
    """Fleiss' kappa of several raters (1971), every unit rated as often; computed by
    statsmodels, with an interval from resampling units (percentile).

    Raises:
        InputError: units differ in their number of ratings.
        MissingExtraError: statsmodels is not installed.
    """
    counts, _ = _counts(ratings, "nominal")
    raters = counts.sum(axis=1)
    if np.ptp(raters) != 0 or raters[0] < 2:
        raise InputError("Fleiss' kappa needs every unit rated equally often, at least twice; "
                         "Krippendorff's alpha does not")  # fmt: skip
    if counts.shape[1] == 1:
        return Agreement(
            "fleiss", None, None, len(counts), int(raters[0]), "all ratings are the same"
        )
    kappa = _inter_rater("fleiss_kappa")
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(draws):
        again = counts[rng.integers(0, len(counts), len(counts))]
        drawn.append(float(kappa(again)) if (again.sum(axis=0) > 0).sum() > 1 else 1.0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    value = float(kappa(counts))
    return Agreement("fleiss", value, (float(low), float(high)), len(counts), int(raters[0]))


def _inter_rater(name: str) -> Callable[[Array], Any]:
    try:
        from statsmodels.stats import inter_rater
    except ImportError:
        raise MissingExtraError("kappa", "measure") from None
    found: Callable[[Array], Any] = getattr(inter_rater, name)
    return found
