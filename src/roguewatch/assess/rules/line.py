"""A line of evidence: how far one kind of evidence says that the agents could get."""

from __future__ import annotations

from typing import Literal

import msgspec

Axis = Literal["overreach", "deception"]
Rung = Literal["incidental", "routine", "active"]
Reach = Literal["well within", "edge", "well beyond"]
"""How far a rogue deployment that beats this rung is within what the agents could do."""

Basis = Literal["demonstrated", "tested", "argued", "none"]
"""demonstrated: an incident did it. tested: a drill, scenario or labelled set. argued: from
facts or a named person's judgement. none: nothing."""

REACHES: tuple[Reach, ...] = ("well within", "edge", "well beyond")
BASES: tuple[Basis, ...] = ("none", "argued", "tested", "demonstrated")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of evidence says of one cell."""

    name: str
    """In words, for the argument's weakest link."""
    reach: Reach | None
    """None: it says nothing, because a fact is missing."""
    basis: Basis = "none"
    text: str = ""
    """The argument, in a sentence."""
    facts: tuple[str, ...] = ()
    missing: str = ""
    """What would have to be measured, where it says nothing."""


def silent(name: str, missing: str, facts: tuple[str, ...] = ()) -> Line:
    """A line of which the facts are missing."""
    return Line(name=name, reach=None, missing=missing, facts=facts)
