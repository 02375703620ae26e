"""Time horizons: the human time of the tasks that an agent does with 50% or 80% success.

The method is METR's TH1.1 (METR/eval-analysis-public; Kwa et al. 2025, arXiv:2503.14499):
logistic regression of success on log2(human minutes), ridge on the slope with C = 10, run
weights 1 / (runs in task · √(tasks in family)) normalised per agent, fractional scores as
weighted successes and failures, hierarchical bootstrap over family, task and run, percentile
intervals. Cheating counts as failure, is left out, or counts as it was scored.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from roguewatch.errors import InputError
from roguewatch.measure.bootstrap import PUBLISHED_SEED, Levels, design, refit
from roguewatch.measure.logistic import Fit, fit
from roguewatch.measure.runs import CHEATS, Cheats, Runs, Weighting, run_weights

Array = NDArray[np.float64]

RIDGE = 0.1
BINS = (0.0, 1.0, 4.0, 16.0, 64.0, 256.0, 960.0, 2880.0, math.inf)
"""Minutes; the published code's calibration bins, and what lies outside them."""


class Bin(msgspec.Struct, frozen=True):
    """Observed against predicted success in one range of human time."""

    low: float
    """Minutes, included."""
    high: float | None
    """Minutes, excluded; None where open."""
    runs: int
    tasks: int
    observed: float
    """Weighted success rate."""
    predicted: float
    """Weighted mean of the fitted probabilities."""


class Horizon(msgspec.Struct, frozen=True):
    """One agent's time horizon. Minutes; None where a value does not exist."""

    agent: str
    slope: float | None
    """Change of the log-odds of success with each doubling of human time."""
    intercept: float | None
    """Log-odds of success at one human minute."""
    p50: float | None
    p80: float | None
    p50_interval: tuple[float, float | None] | None
    """95% percentile interval; an upper end of None is unbounded."""
    p80_interval: tuple[float, float | None] | None
    runs: int
    tasks: int
    families: int
    average: float
    """Weighted success rate."""
    longest: float
    """Longest task that the agent was run on, minutes: nothing beyond it is measured."""
    saturated: bool
    """The 50% horizon lies beyond the longest task: an extrapolation, not a measurement."""
    p80_saturated: bool
    interval_saturated: bool
    """The upper end of the 50% interval lies beyond the longest task."""
    cheated: int
    """Runs judged to have cheated, before treatment."""
    draws_used: int
    """Bootstrap draws that hold both outcomes; the others give no fit."""
    note: str = ""
    calibration: tuple[Bin, ...] = ()


class Point(msgspec.Struct, frozen=True):
    """A fit without interval, for comparisons side by side."""

    p50: float | None
    p80: float | None
    slope: float | None
    intercept: float | None
    runs: int


def horizons(
    runs: Runs,
    *,
    cheats: Cheats = "fail",
    draws: int = 1000,
    seed: int = PUBLISHED_SEED,
    ridge: float = RIDGE,
    weighting: Weighting = "invsqrt",
    levels: Levels = "ftr",
    level: float = 0.95,
) -> list[Horizon]:
    """The time horizon of every agent.

    Args:
        runs: from `read_runs` or `runs_from`.
        cheats: what a run judged to have cheated counts as.
        draws: bootstrap draws; 0 for no intervals.
        seed: of the draws.
        ridge: penalty on the squared slope (1/C).
        weighting: of the runs.
        levels: what the bootstrap resamples; `f` (whole families) is narrower and closer to
            95% coverage where families differ little, see docs/measure.md.
        level: of the percentile intervals.

    Returns:
        One per agent, by name. An agent all of whose runs were left out has none.

    Raises:
        InputError: no runs are left, or given weights are missing.
    """
    treated = runs.treated(cheats)
    if not len(treated):
        raise InputError("no runs are left once runs that cheated are excluded")
    plan = design(treated, weighting)
    intercepts, slopes = refit(plan, draws, seed, ridge, levels) if draws else (None, None)
    found = []
    for number, agent in enumerate(plan.agents):
        mine = treated.where(treated.agent == agent)
        cheated = int(runs.cheated[runs.agent == agent].sum())
        drawn = None
        if intercepts is not None and slopes is not None:
            drawn = (intercepts[number], slopes[number])
        found.append(_horizon(agent, mine, drawn, cheated, ridge, weighting, level))
    return found


def _horizon(
    agent: str,
    runs: Runs,
    drawn: tuple[Array, Array] | None,
    cheated: int,
    ridge: float,
    weighting: Weighting,
    level: float,
) -> Horizon:
    weight = _agent_weights(runs, weighting)
    fitted = fit(np.log2(runs.minutes), runs.score, weight, ridge)
    longest = float(runs.minutes.max())
    p50, p80, note = _points(runs, fitted)
    low = high = None
    used = 0
    if drawn is not None and fitted is not None and fitted.slope < 0:
        used = int(np.isfinite(drawn[1]).sum())
        low, high = (interval(*drawn, chance, level) for chance in (0.5, 0.8))
    return Horizon(
        agent=agent,
        slope=fitted.slope if fitted else None,
        intercept=fitted.intercept if fitted else None,
        p50=p50,
        p80=p80,
        p50_interval=low,
        p80_interval=high,
        runs=len(runs),
        tasks=len(np.unique(runs.task)),
        families=len(np.unique(runs.family)),
        average=float(runs.score @ weight / weight.sum()),
        longest=longest,
        saturated=_beyond(p50, longest, runs),
        p80_saturated=_beyond(p80, longest, runs),
        interval_saturated=low is not None and (low[1] is None or low[1] > longest),
        cheated=cheated,
        draws_used=used,
        note=note,
        calibration=calibration(runs, fitted, weight) if fitted else (),
    )


def _agent_weights(runs: Runs, weighting: Weighting) -> Array:
    if weighting == "given" and runs.weight is not None:
        return runs.weight
    return run_weights(runs.task, runs.family, weighting)


def _points(runs: Runs, fitted: Fit | None) -> tuple[float | None, float | None, str]:
    """The horizons, where they exist, and why not where they do not."""
    if fitted is None:
        if runs.score.max() == 0:
            return 0.0, 0.0, "no run succeeded: the horizon is below the shortest task"
        if runs.score.min() == 1:
            return None, None, "every run succeeded: the horizon is beyond the longest task"
        return None, None, "the outcomes are separated by human time: no fit without a ridge"
    if fitted.slope == 0:
        return None, None, "all tasks take the same human time: no slope can be estimated"
    if fitted.slope > 0:
        return None, None, "success rises with human time: no horizon is defined"
    return _minutes(fitted.x_at(0.5)), _minutes(fitted.x_at(0.8)), ""


def _minutes(x: float) -> float | None:
    """2**x, None beyond what a float holds (it is then beyond any task)."""
    return float(np.exp2(x)) if x < 1023 else None


def _beyond(value: float | None, longest: float, runs: Runs) -> bool:
    if value is None:
        return bool(runs.score.min() == 1)
    return value > longest


def interval(
    intercepts: Array, slopes: Array, chance: float, level: float = 0.95
) -> tuple[float, float | None] | None:
    """Percentile interval of the horizon at success probability `chance`.

    Draws without a fit are skipped, as in the published code.

    Returns:
        (low, high) in minutes, high None where unbounded; None without any fitted draw.
    """
    kept = np.isfinite(slopes) & (slopes != 0)
    if not kept.any():
        return None
    with np.errstate(over="ignore"):
        minutes = np.exp2((math.log(chance / (1 - chance)) - intercepts[kept]) / slopes[kept])
    tail = (1 - level) / 2
    # Interpolating between a number and infinity gives NaN: an infinite neighbour decides.
    finite = np.minimum(minutes, np.finfo(np.float64).max / 4)
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), None if high > 1e300 else float(high)


def calibration(
    runs: Runs, fitted: Fit, weight: Array, edges: Sequence[float] = BINS
) -> tuple[Bin, ...]:
    """Observed against fitted success in bins of human time; empty bins are left out."""
    predicted = fitted.predict(np.log2(runs.minutes))
    bins = []
    for low, high in itertools.pairwise(edges):
        here = (runs.minutes >= low) & (runs.minutes < high)
        if not here.any():
            continue
        share = weight[here] / weight[here].sum()
        bins.append(
            Bin(
                low=low,
                high=high if math.isfinite(high) else None,
                runs=int(here.sum()),
                tasks=len(np.unique(runs.task[here])),
                observed=float(share @ runs.score[here]),
                predicted=float(share @ predicted[here]),
            )
        )
    return tuple(bins)


def point(runs: Runs, ridge: float = RIDGE, weighting: Weighting = "invsqrt") -> Point:
    """The fit of one agent's runs, without interval."""
    if not len(runs):
        return Point(None, None, None, None, 0)
    weight = _agent_weights(runs, weighting)
    fitted = fit(np.log2(runs.minutes), runs.score, weight, ridge)
    p50, p80, _ = _points(runs, fitted)
    slope, intercept = (fitted.slope, fitted.intercept) if fitted else (None, None)
    return Point(p50, p80, slope, intercept, len(runs))


def by_cheats(runs: Runs, ridge: float = RIDGE) -> dict[str, dict[Cheats, Point]]:
    """For every agent, its fit under the three treatments of cheating side by side."""
    table: dict[str, dict[Cheats, Point]] = {}
    for agent in np.unique(runs.agent):
        mine = runs.where(runs.agent == agent)
        table[str(agent)] = {cheats: point(mine.treated(cheats), ridge) for cheats in CHEATS}
    return table


def by_messiness(runs: Runs, ridge: float = RIDGE) -> dict[str, dict[str, Point]]:
    """For every agent, its fit on the less and the more messy half of the tasks.

    The split is at the median messiness over tasks (Kwa et al. 2025, section 6.2); tasks
    at the median count as less messy.

    Raises:
        InputError: not every row has a messiness.
    """
    if runs.messiness is None:
        raise InputError("the messiness split needs the field 'messiness' on every row")
    first = np.unique(runs.task, return_index=True)[1]
    middle = float(np.median(runs.messiness[first]))
    halves = {"less_messy": runs.messiness <= middle, "more_messy": runs.messiness > middle}
    return {
        str(agent): {
            name: point(runs.where(half & (runs.agent == agent)), ridge)
            for name, half in halves.items()
        }
        for agent in np.unique(runs.agent)
    }
