"""Facts, the verdict and answers to questions."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class StatedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says of a fact."""

    value: Any
    """The answer."""
    by: str
    """Who gave it."""
    stated: str
    """When."""
    until: str
    """When it must be given again."""


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One statement with what it rests on. `value` None: not measured."""

    id: str
    """Name of the fact."""
    statement: str
    """What it says."""
    value: Any
    """The value: number, text, list or object; null where it was not measured."""
    unit: str
    """Unit of the value."""
    as_of: str
    """When it was measured."""
    expires: str
    """When it must be measured again."""
    method: str
    """How it was measured."""
    interval: tuple[float, float | None] | None = None
    """Interval of the value, where it is an estimate; an upper end of null is open."""
    counts: tuple[int, int] | None = None
    """Of a rate with an exact interval: how many, of how many."""
    verified_by: str = ""
    """Who or what verified it."""
    kind: Literal["primary", "stated"] = "primary"
    """`primary` where it was measured here, `stated` where somebody said so."""
    evidence: tuple[str, ...] = ()
    """What it rests on, at most a few: a bare id is an event, which `roguewatch ledger prove`
    proves; others say their kind, as `finding:ID`, `session:ID`, `drill:ID`, `file:NAME`."""
    falsifier: str = ""
    """What would show it to be wrong."""
    version: str = "1"
    """Version of the method."""
    state: Literal["measured", "stated", "lapsed", "unassessed", "redacted"] = "measured"
    """Where it stands: a lapsed fact has no value any more; of a redacted one it is withheld."""
    last_value: Any = None
    """The value that lapsed."""
    stated: StatedAnswer | None = None
    """What a person says of it, shown beside the measurement."""
    contradicted: bool = False
    """The measurement does not bear out what the person says."""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the 2 x 3 table."""

    deployment: str
    """Whom the cell speaks of."""
    axis: Literal["overreach", "deception"]
    """overreach or deception."""
    rung: Literal["incidental", "routine", "active"]
    """Which countermeasure: incidental, routine or active."""
    state: Literal["well within", "edge", "well beyond", "unassessed"]
    """How far the agents could get; `unassessed` is never good."""
    basis: Literal["demonstrated", "tested", "argued", "none"]
    """What the state rests on."""
    argument: str
    """Why, in words."""
    weakest: str
    """The weakest link of the argument."""
    facts: tuple[str, ...]
    """Ids of facts that bear on it."""
    unknowns: tuple[str, ...]
    """What would have to be measured."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """One due-diligence question."""

    id: str
    """Q1 to Q15, or the id that a custom questionnaire gives."""
    question: str
    """The question."""
    state: Literal["answered", "partial", "stated", "unassessed"]
    """`answered`, `partial`, `stated` where only a person said so, or `unassessed`, which is
    never good."""
    answer: str
    """The answer, from facts."""
    facts: tuple[str, ...]
    """Ids of the facts that it rests on."""
    missing: tuple[str, ...]
    """What is not known."""
    limits: tuple[str, ...] = ()
    """What bounds the answer: how its facts were measured, what they leave out, and what
    contradicts them; each with the ids of the facts."""
    as_of: str
    """When; empty where unassessed."""
    expires: str
    """When the answer lapses; empty where unassessed."""
    verified_by: str
    """Who or what verified it; empty where unassessed."""
