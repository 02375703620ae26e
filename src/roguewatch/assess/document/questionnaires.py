"""Questionnaires of the user's own, and crosswalks to published frameworks."""

from __future__ import annotations

from typing import Literal

import msgspec

from roguewatch.assess.document.judgement import Question


class Questionnaire(msgspec.Struct, frozen=True, kw_only=True):
    """A questionnaire that was given, answered."""

    name: str
    """Name of its file, without the ending."""
    digest: str
    """SHA-256 of the file."""
    questions: tuple[Question, ...]
    """Its questions with answers."""


class Clause(msgspec.Struct, frozen=True, kw_only=True):
    """A clause of a framework with the facts that speak to it."""

    id: str
    """The framework's own number."""
    title: str
    """What it is about, in our words."""
    facts: tuple[str, ...]
    """Ids of facts that speak to it."""
    states: dict[str, int]
    """Those facts by state."""
    silent: str
    """What the clause asks that no fact speaks to."""
    checked: str = ""
    """The public text that its number and title were checked against, and when; empty where
    they are from memory."""


class Crosswalk(msgspec.Struct, frozen=True, kw_only=True):
    """One framework's clauses: facts that speak to each, never a claim of compliance."""

    id: str
    """Name of the crosswalk."""
    title: str
    """The framework."""
    version: str
    """Which version of it."""
    source: str
    """Where it is published."""
    relation: Literal["speaks to"]
    """Always: facts speak to a clause; whether it is met is for an assessor to say."""
    clauses: tuple[Clause, ...]
    """Its clauses, those that facts could speak to."""
