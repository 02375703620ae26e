"""Runs of agents on tasks with a human time: what a time horizon is fitted to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from roguewatch.errors import InputError
from roguewatch.measure.rows import Row, read_rows, rows_of
from roguewatch.printable import printable

Array = NDArray[np.float64]
Cheats = Literal["fail", "exclude", "pass"]
"""What a run judged to have cheated counts as: a failure, nothing, or its recorded score."""

CHEATS: tuple[Cheats, ...] = get_args(Cheats)

Weighting = Literal["invsqrt", "equal", "given"]

AGENT = ("alias", "agent", "model")
TASK = ("task_id", "task")
FAMILY = ("task_family", "family")
MINUTES = ("human_minutes", "minutes")
SCORE = ("score_binarized", "score", "score_cont")
GIVEN = ("invsqrt_task_weight", "equal_task_weight", "weight")


class Runs(msgspec.Struct, frozen=True):
    """Runs as columns of equal length."""

    agent: NDArray[np.str_]
    task: NDArray[np.str_]
    family: NDArray[np.str_]
    minutes: Array
    """Human time of the task, minutes, above 0."""
    score: Array
    """In [0, 1]."""
    cheated: NDArray[np.bool_]
    weight: Array | None = None
    """Weight that the data gives, where every row has one."""
    messiness: Array | None = None
    """Messiness of the task, where every row has it."""

    def __len__(self) -> int:
        return len(self.score)

    def where(self, mask: NDArray[np.bool_]) -> Runs:
        """The runs that the mask selects."""
        return Runs(
            agent=self.agent[mask],
            task=self.task[mask],
            family=self.family[mask],
            minutes=self.minutes[mask],
            score=self.score[mask],
            cheated=self.cheated[mask],
            weight=None if self.weight is None else self.weight[mask],
            messiness=None if self.messiness is None else self.messiness[mask],
        )

    def treated(self, cheats: Cheats) -> Runs:
        """The runs with cheating counted as failure, left out, or as it was scored."""
        if cheats == "exclude":
            return self.where(~self.cheated)
        if cheats == "fail":
            return msgspec.structs.replace(self, score=np.where(self.cheated, 0.0, self.score))
        return self


def read_runs(path: Path) -> Runs:
    """Runs from a JSON lines file.

    Each row has `alias` (or `agent`), `task_id` (or `task`), `task_family` (or `family`;
    the task's own name where absent), `human_minutes` above 0, `score_binarized` (or
    `score`) in [0, 1], and may have `cheated`, `messiness` and METR's `invsqrt_task_weight`.

    Raises:
        InputError: names file, line and field of the first row that cannot be used.
    """
    return gather(read_rows(path))


def runs_from(table: Any) -> Runs:
    """Runs from a dataframe, a mapping of columns, or a sequence of mappings."""
    return gather(rows_of(table))


def gather(rows: Iterable[Row]) -> Runs:
    """Runs from rows, wherever they were read.

    Raises:
        InputError: names place and field of the first row that cannot be used.
    """
    text: list[tuple[str, str, str]] = []
    numbers: list[tuple[float, float, bool, float, float]] = []
    families: dict[str, tuple[str, str]] = {}
    for row in rows:
        task = row.text(TASK)
        family = row.text(FAMILY) if row.find(FAMILY) else task
        known, place = families.setdefault(task, (family, row.place))
        if known != family:
            raise InputError(
                f"{row.place}: field 'task_family' is {printable(family, 60)!r}, but {place} puts "
                f"task {printable(task, 60)!r} in {printable(known, 60)!r}; a task has one family"
            )
        text.append((row.text(AGENT), task, family))
        numbers.append(
            (
                row.number(MINUTES, above=0.0, expected="minutes above 0"),
                row.number(SCORE, low=0.0, high=1.0, expected="a score from 0 to 1"),
                row.flag(("cheated",)),
                _or_nan(row.optional(GIVEN, above=0.0, expected="a weight above 0")),
                _or_nan(row.optional(("messiness", "messiness_score"))),
            )
        )
    if not text:
        raise InputError("there are no runs")
    agent, task_, family_ = (np.array(column) for column in zip(*text, strict=True))
    minutes, score, cheated, weight, messiness = (
        np.array(column) for column in zip(*numbers, strict=True)
    )
    return Runs(
        agent=agent,
        task=task_,
        family=family_,
        minutes=minutes,
        score=score,
        cheated=cheated,
        weight=None if np.isnan(weight).any() else weight,
        messiness=None if np.isnan(messiness).any() else messiness,
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def run_weights(task: NDArray[np.str_], family: NDArray[np.str_], kind: Weighting) -> Array:
    """Weights of one agent's runs, summing to 1.

    `invsqrt`: 1 / (runs in the task · √(tasks in the family)); `equal`: 1 / runs in the
    task (METR/eval-analysis-public, `horizon/compute_task_weights.py`).
    """
    _, index, runs = np.unique(task, return_inverse=True, return_counts=True)
    weight = 1.0 / runs[index]
    if kind == "invsqrt":
        first = np.unique(task, return_index=True)[1]
        names, sizes = np.unique(family[first], return_counts=True)
        weight = weight / np.sqrt(sizes[np.searchsorted(names, family)])
    return np.asarray(weight / weight.sum())
