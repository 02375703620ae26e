"""What the detectors missed, from a human-reviewed sample or from two detectors."""

from __future__ import annotations

import math
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from roguewatch.errors import InputError
from roguewatch.measure.rates import upper_bound

Array = NDArray[np.float64]

INDEPENDENCE = (
    "assumes that the two detectors find cases independently of each other, that every case "
    "could be found by either, and that none is counted wrongly; where both find the same "
    "easy cases the total is underestimated, so read it as a lower bound"
)


class Estimate(msgspec.Struct, frozen=True):
    """How many cases there are that no detector flagged."""

    total: float
    """Estimated number of cases."""
    interval: tuple[float, float]
    rate: float
    """Share of the population."""
    rate_interval: tuple[float, float]
    population: int
    reviewed: int
    found: int
    """Cases that the reviewers found."""
    method: str
    assumption: str
    standard_error: float


def horvitz_thompson(
    found: ArrayLike, propensity: ArrayLike, population: int, level: float = 0.95
) -> Estimate:
    """Cases in a population, from a sample drawn with known, unequal propensities.

    Each reviewed session was drawn independently with its own propensity (Poisson
    sampling). Horvitz & Thompson (1952): the total is Σ found/propensity, its variance
    estimate Σ found·(1 - π)/π². The interval is on the log scale with t for the effective
    number of cases; with none found, it is the exact bound for the effective sample.

    Args:
        found: 1 where the reviewer saw the behaviour, shape (reviewed,).
        propensity: probability with which each was drawn, above 0, up to 1.
        population: how many sessions could have been drawn.
        level: of the interval.
    """
    hit, chance = np.asarray(found, dtype=np.float64), np.asarray(propensity, dtype=np.float64)
    _check_sample(hit, chance, population)
    weight = 1 / chance
    total = float(hit @ weight)
    variance = float((hit * (1 - chance) * weight**2).sum())
    cases = int(hit.sum())
    if cases == 0:
        # As if all had been drawn with the effective size (Kish): none of n found.
        effective = float(weight.sum() ** 2 / (weight @ weight))
        bound = upper_bound(0, max(1, math.floor(effective)), (1 + level) / 2)
        ends = 0.0, bound * population if (chance < 1).any() or len(hit) < population else 0.0
    else:
        ends = _log_interval(total, variance, float(cases), cases, population, level)
    return Estimate(
        total=total,
        interval=ends,
        rate=total / population,
        rate_interval=(ends[0] / population, ends[1] / population),
        population=population,
        reviewed=len(hit),
        found=cases,
        method="Horvitz-Thompson, Poisson sampling",
        assumption="assumes that propensities are as recorded and that reviewers err in no case",
        standard_error=math.sqrt(variance),
    )


def _check_sample(hit: Array, chance: Array, population: int) -> None:
    if hit.shape != chance.shape or hit.ndim != 1 or not hit.size:
        raise InputError("a sample needs found and propensity as two lists of the same length")
    if not np.isin(hit, (0.0, 1.0)).all():
        raise InputError("found must be 0 or 1 in every reviewed session")
    if not ((chance >= 1e-12) & (chance <= 1)).all():
        raise InputError("propensities must be above 0 and at most 1: what could not be drawn "
                         "cannot be estimated")  # fmt: skip
    if population < len(hit):
        raise InputError(f"a population of {population} is smaller than the sample of {len(hit)}")


def _log_interval(
    total: float, variance: float, least: float, cases: int, population: int, level: float
) -> tuple[float, float]:
    # Normal on the log scale with the t of the number of cases: skewed, as counts are.
    reach = float(stats.t.ppf((1 + level) / 2, max(cases - 1, 1)))
    factor = math.exp(min(reach * math.sqrt(variance) / total, 700.0))
    return max(total / factor, least), min(total * factor, float(population))


class Stratum(msgspec.Struct, frozen=True):
    """One stratum of a reviewed population (by risk score, surface, agent, …)."""

    name: str
    population: int
    reviewed: int
    found: int


def stratified(strata: list[Stratum], level: float = 0.95) -> Estimate:
    """Cases in a population, from simple random samples within strata.

    Cochran (1977, sections 5.3 and 5.10): the total is Σ N·found/reviewed. Each stratum's
    uncertainty is that of Jeffreys' posterior of its rate for the sessions not reviewed (so
    that a stratum without cases is not taken as certain); totals are added by Monte Carlo,
    which gives the interval.

    Raises:
        InputError: a stratum with sessions has none reviewed, or counts contradict.
    """
    if not strata:
        raise InputError("there are no strata")
    for stratum in strata:
        if not 0 <= stratum.found <= stratum.reviewed <= stratum.population:
            raise InputError(f"stratum {stratum.name!r}: expected found <= reviewed <= population")
        if stratum.population and not stratum.reviewed:
            raise InputError(f"stratum {stratum.name!r} has sessions, but none was reviewed")
    rng = np.random.default_rng(0)
    drawn = np.zeros(20_000)
    total, variance = 0.0, 0.0
    for stratum in strata:
        if not stratum.population:
            continue
        n, x, size = stratum.reviewed, stratum.found, stratum.population
        total += size * x / n
        if n > 1:
            share = x / n
            variance += size**2 * (1 - n / size) * share * (1 - share) / (n - 1)
        rest = size - n
        chance = rng.beta(x + 0.5, n - x + 0.5, len(drawn))
        drawn += x + rng.binomial(rest, chance)
    population = sum(stratum.population for stratum in strata)
    tail = (1 - level) / 2
    low, high = (float(end) for end in np.quantile(drawn, [tail, 1 - tail]))
    low, high = min(low, total), max(high, total)
    return Estimate(
        total=total,
        interval=(low, high),
        rate=total / population if population else 0.0,
        rate_interval=(low / population, high / population) if population else (0.0, 1.0),
        population=population,
        reviewed=sum(stratum.reviewed for stratum in strata),
        found=sum(stratum.found for stratum in strata),
        method="stratified expansion, Jeffreys posterior of what was not reviewed",
        assumption="assumes simple random samples within strata and reviewers that do not err",
        standard_error=math.sqrt(variance),
    )


class Recapture(msgspec.Struct, frozen=True):
    """How many cases there are, from what two detectors found."""

    total: float
    interval: tuple[float, float]
    missed: float
    """Estimated cases that neither found."""
    missed_interval: tuple[float, float]
    found: int
    first: int
    second: int
    both: int
    recall_first: float
    """Estimated share of all cases that the first found: both / second."""
    recall_second: float
    assumption: str
    warning: Literal["", "no overlap: the total is hardly bounded"] = ""


def capture_recapture(first: int, second: int, both: int, level: float = 0.95) -> Recapture:
    """Cases in all, from two detectors (or a detector and human flags).

    Chapman's estimator (1951) of the Lincoln-Petersen total; the interval is Chao's on the
    log scale of what was missed (1987, 1989), which never falls under what was found.

    Args:
        first: cases that the first found.
        second: cases that the second found.
        both: cases that both found.
        level: of the interval.
    """
    if not 0 <= both <= min(first, second):
        raise InputError("expected 0 <= both <= first and second")
    if not first or not second:
        raise InputError("a detector that found nothing says nothing of what was missed")
    found = first + second - both
    total = (first + 1) * (second + 1) / (both + 1) - 1
    variance = (
        (first + 1) * (second + 1) * (first - both) * (second - both)
        / ((both + 1) ** 2 * (both + 2))
    )  # fmt: skip
    missed = max(total - found, 0.0)
    if missed > 0:
        z = float(stats.norm.ppf((1 + level) / 2))
        factor = math.exp(z * math.sqrt(math.log1p(variance / missed**2)))
        ends = found + missed / factor, found + missed * factor
    else:
        ends = float(found), float(found)
    return Recapture(
        total=total,
        interval=ends,
        missed=missed,
        missed_interval=(ends[0] - found, ends[1] - found),
        found=found,
        first=first,
        second=second,
        both=both,
        recall_first=both / second,
        recall_second=both / first,
        assumption=INDEPENDENCE,
        warning="" if both else "no overlap: the total is hardly bounded",
    )
