"""The first page: what matters most, what changed, what to do next, what lapses soon."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from roguewatch.assess.document.judgement import Cell, Fact


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """One of the most important facts."""

    fact: str
    """Id of the fact."""
    text: str
    """What it says, with its value."""
    why: str
    """By which part of the rule it is here."""


class StepCell(msgspec.Struct, frozen=True, kw_only=True):
    """What a measure could do to one cell: the verdict's rules, run on altered facts."""

    deployment: str
    """Whom the cell speaks of."""
    axis: str
    """overreach or deception."""
    rung: str
    """Which countermeasure."""
    now: str
    """Its state."""
    best: str
    """Its state if the measure's facts come out as well as they can."""
    worst: str
    """Its state if they come out as badly as they can."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One measure, ranked by what re-running the verdict's rules says of it."""

    id: str
    """Name of the measure."""
    do: str
    """What to do, in words."""
    how: str
    """The command, or what it needs."""
    facts: tuple[str, ...]
    """Facts that it would measure or better."""
    removes: float
    """Risk that it removes at best, summed over cells: well within 3, unassessed 2, edge 1,
    well beyond 0; a cell of one of n classes weighs 1/n."""
    tells: float
    """Difference in the same sum between its best and worst outcome, where it measures
    something that is not known: how much its outcome would tell."""
    opens: float
    """Lines of evidence, summed over cells, that are silent now and would speak."""
    cells: tuple[StepCell, ...]
    """Cells whose state it could move."""
    after: dict[str, int]
    """The six cells of the whole by state, if this step and all before it come out best."""


class CellChange(msgspec.Struct, frozen=True, kw_only=True):
    """A cell that reads differently."""

    deployment: str
    """Whom the cell speaks of."""
    axis: str
    """overreach or deception."""
    rung: str
    """Which countermeasure."""
    before: str
    """Its state there."""
    after: str
    """Its state here."""


class FactChange(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that reads differently."""

    fact: str
    """Id of the fact."""
    statement: str
    """What it says."""
    before: Any
    """Its value there; null where it had none."""
    after: Any
    """Its value here; null where it has none."""
    how: Literal["changed", "gained", "lost", "lapsed"]
    """`lapsed`: it has expired since; `lost`: nothing measures it any more."""
    trend: Literal["", "rose", "fell", "no evidence"]
    """What an anytime-valid test says of a rate; empty where none applies."""
    p: float | None
    """Anytime-valid p-value of that: it holds however often one looks."""


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Another assessment beside this one: an earlier one, a period, or another entity."""

    name: str
    """What it is called."""
    kind: Literal["previous", "report", "period", "store", "entity"]
    """Where it comes from."""
    source: str
    """The run, file, dates or store, with the SHA-256 where it is a file."""
    created: str
    """When it was made; for a period, its end."""
    first: str | None
    """Earliest time of any event in it."""
    last: str | None
    """Latest time of any event in it."""
    note: str
    """What a reader must know before comparing."""
    verdict: tuple[Cell, ...]
    """Its cells."""
    facts: tuple[Fact, ...]
    """Its facts; their evidence is in its own store or report."""
    cells: tuple[CellChange, ...]
    """Cells that read differently there and here."""
    changes: tuple[FactChange, ...]
    """Facts that read differently, the weightiest first."""
    findings_new: int | None
    """Findings here that are not there; null for other entities."""
    findings_gone: int | None
    """Findings there that are not here; null for other entities."""


class Reminder(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that lapse soon, or have."""

    expires: str
    """The day on which the first of them lapses."""
    days: int
    """Days until then; 0 or less where it has lapsed."""
    facts: tuple[str, ...]
    """Ids of the facts."""
    how: str
    """How they are measured again."""
