"""The hierarchical bootstrap of time horizons: families, tasks within, runs within.

METR/eval-analysis-public, `horizon/wrangle/bootstrap.py`: families are drawn with
replacement, then tasks within each drawn family, then runs within each task of each agent;
a task drawn twice counts twice, weights are not normalised again, all agents share the draw
of families and tasks, and draw i uses the generator seeded with seed + i. Our draws are
those of the published code, number for number, but as counts used for weights: no row is
copied, and the fits of a batch are solved together.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from roguewatch.errors import InputError
from roguewatch.measure.logistic import fit_many
from roguewatch.measure.runs import Runs, Weighting, run_weights

Array = NDArray[np.float64]
Index = NDArray[np.int64]

Levels = Literal["ftr", "ft", "f"]

BATCH = 200
"""Draws that are fitted together; bounds memory."""

PUBLISHED_SEED = 42
"""The seed of the published code."""


class Design(msgspec.Struct, frozen=True):
    """What is resampled. Runs are ordered by group (a task of an agent), then as given."""

    agents: tuple[str, ...]
    families: tuple[Index, ...]
    """Indices of the tasks of each family; families and tasks in order of their names."""
    family_tasks: Index
    """The same, one family after the other; shape (tasks,)."""
    family_start: Index
    family_size: Index
    group_task: Index
    """Task of each group; shape (groups,)."""
    group_size: Index
    """Runs in each group."""
    order: Index
    """Where each run of the design stands in the runs given; shape (runs,)."""
    points: tuple[Array, ...]
    """For each agent its distinct log2 minutes."""
    gather: sparse.csr_array
    """Run counts to success weights (upper half) and total weights (lower half) at the
    points of all agents; shape (2 x points, runs)."""

    def weights(self, counts: Index) -> list[tuple[Array, Array]]:
        """For each agent, success and total weight at its points for each draw.

        Args:
            counts: how often each run is drawn; shape (draws, runs).

        Returns:
            Pairs of shape (draws, points of the agent).
        """
        # Draw by draw: the whole batch at once would not fit the processor's cache.
        gathered = np.stack([self.gather @ row for row in counts.astype(np.float64)])
        half = gathered.shape[1] // 2
        ends = np.cumsum([len(points) for points in self.points])[:-1]
        success = np.split(gathered[:, :half], ends, axis=1)
        total = np.split(gathered[:, half:], ends, axis=1)
        return list(zip(success, total, strict=True))


def design(runs: Runs, weighting: Weighting = "invsqrt") -> Design:
    """Group the runs by task and agent, and weigh them.

    Raises:
        InputError: `given` weights are asked for and not every run has one.
    """
    agents, agent = np.unique(runs.agent, return_inverse=True)
    _, first, task = np.unique(runs.task, return_index=True, return_inverse=True)
    family = np.unique(runs.family[first], return_inverse=True)[1]
    # The published code orders groups by the text "task|||agent".
    names = np.char.add(np.char.add(runs.task, "|||"), runs.agent)
    _, begin, group, size = np.unique(
        names, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(group, kind="stable")
    weight = np.empty(len(runs))
    points: list[Array] = []
    column = np.empty(len(runs), dtype=np.int64)
    for number in range(len(agents)):
        mine = agent == number
        weight[mine] = _weights(runs.where(mine), weighting)
        x, where = np.unique(np.log2(runs.minutes[mine]), return_inverse=True)
        column[mine] = where + sum(map(len, points))
        points.append(x)
    width = sum(len(x) for x in points)
    mass = np.concatenate([(weight * runs.score)[order], weight[order]])
    rows = np.concatenate([column[order], column[order] + width])
    columns = np.tile(np.arange(len(runs)), 2)
    families = tuple(np.flatnonzero(family == f) for f in range(family.max() + 1))
    sizes = np.array([len(members) for members in families], dtype=np.int64)
    return Design(
        agents=tuple(str(name) for name in agents),
        families=families,
        family_tasks=np.concatenate(families),
        family_start=np.cumsum(sizes) - sizes,
        family_size=sizes,
        group_task=task[begin].astype(np.int64),
        group_size=size.astype(np.int64),
        order=order,
        points=tuple(points),
        gather=sparse.csr_array((mass, (rows, columns)), shape=(2 * width, len(runs))),
    )


def _weights(runs: Runs, weighting: Weighting) -> Array:
    if weighting != "given":
        return run_weights(runs.task, runs.family, weighting)
    if runs.weight is None:
        raise InputError("weights are to be taken from the rows, but not every row has one")
    return runs.weight


def draw(plan: Design, seed: int, levels: Levels = "ftr") -> Index:
    """One hierarchical draw: how often each run of the design is drawn, shape (runs,).

    Args:
        plan: from `design`.
        seed: of this draw.
        levels: what is resampled: families, tasks within, runs within (`ftr`, the published
            method), or only the upper ones. What is not resampled is kept whole.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.integers(0, len(plan.families), len(plan.families))
    sizes = plan.family_size[chosen]
    starts = np.repeat(plan.family_start[chosen], sizes)
    if levels == "f":
        picked = np.arange(len(starts)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    else:
        # One call with many bounds takes the random numbers that one call a family would.
        picked = rng.integers(0, np.repeat(sizes, sizes))
    drawn_tasks = plan.family_tasks[starts + picked]
    tasks = np.bincount(drawn_tasks, minlength=len(plan.family_tasks))
    size = plan.group_size
    if levels != "ftr":
        return np.repeat(tasks[plan.group_task], size)
    drawn = tasks[plan.group_task] * size
    # A group holds its runs once for each time that its task was drawn: position modulo size.
    uniform = rng.random(int(drawn.sum()))
    position = (uniform * np.repeat(drawn, drawn)).astype(np.int64)
    position %= np.repeat(size, drawn)
    position += np.repeat(np.cumsum(size) - size, drawn)
    return np.bincount(position, minlength=len(plan.order))


def refit(
    plan: Design,
    draws: int,
    seed: int = PUBLISHED_SEED,
    ridge: float = 0.1,
    levels: Levels = "ftr",
) -> tuple[Array, Array]:
    """Refit every agent to `draws` bootstrap draws.

    Args:
        plan: from `design`.
        draws: how many draws.
        seed: draw i uses NumPy's default generator seeded with seed + i.
        ridge: penalty on the squared slope.
        levels: what is resampled, see `draw`.

    Returns:
        Intercepts and slopes, shape (agents, draws). NaN where a draw holds only
        successes or only failures, as in the published code, which skips those.
    """
    found = np.empty((2, len(plan.agents), draws))
    starts = [
        _start(x, pair, ridge)
        for x, pair in zip(
            plan.points, plan.weights(np.ones((1, len(plan.order)), dtype=np.int64)), strict=True
        )
    ]
    for begin in range(0, draws, BATCH):
        end = min(begin + BATCH, draws)
        counts = np.stack([draw(plan, seed + i, levels) for i in range(begin, end)])
        for which, (success, total) in enumerate(plan.weights(counts)):
            found[:, which, begin:end] = fit_many(
                plan.points[which], success, total, ridge, starts[which]
            )
    return found[0], found[1]


def _start(x: Array, pair: tuple[Array, Array], ridge: float) -> tuple[float, float] | None:
    intercept, slope = fit_many(x, *pair, ridge)
    return None if np.isnan(slope[0]) else (float(intercept[0]), float(slope[0]))
