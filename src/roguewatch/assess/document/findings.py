"""What the detectors found."""

from __future__ import annotations

from typing import Any

import msgspec


class ContextLine(msgspec.Struct, kw_only=True):
    """One event near a finding."""

    event: str
    """Id of the event."""
    seq: int
    """Its ordinal in the session."""
    time: str | None
    """Its time."""
    kind: str
    """What it is."""
    agent: str
    """Who acted."""
    tool: str
    """The tool, for calls and results."""
    text: str
    """What it says, printable, cut where long."""
    acting: bool
    """Whether it is part of the finding's evidence."""


class FindingLine(msgspec.Struct, kw_only=True):
    """One finding with its evidence."""

    id: str
    """Stable id: the same finding has it in every run."""
    session: str
    """Id of the session."""
    behaviour: str
    """Code of the behaviour, A1 to F3."""
    behaviour_name: str
    """Its name."""
    level: str
    """Sigma's level."""
    cause: str
    """Where the action came from: user, injected, own, malfunction or unknown."""
    cause_basis: str
    """What the cause was decided from."""
    title: str
    """What was found."""
    detector: str
    """Id of the rule or detector."""
    detector_version: str
    """Its version."""
    maturity: str
    """Its maturity."""
    time: str | None
    """Time of the acting event."""
    agent: str
    """Who acted."""
    surface: str
    """What the agent ran on."""
    events: list[str]
    """Ids of the events that prove it, the acting one first."""
    rationale: str
    """Why this is the behaviour."""
    falsifier: str
    """What would make it wrong."""
    excerpt: str
    """A short quotation, printable."""
    overreach: dict[str, Any]
    """Severity on this axis: rung and score."""
    deception: dict[str, Any]
    """Severity on this axis: rung and score."""
    tags: list[str]
    """Other vocabularies."""
    context: list[ContextLine]
    """Events around the evidence, for the findings that the page shows."""


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True):
    """Findings of the store, within the window, whose sessions this report does not cover."""

    sessions: int = 0
    """Sessions that they are in."""
    findings: int = 0
    """How many that are not suppressed."""
    live: int = 0
    """Those in sessions that no file told of: only the gate or another recorder saw them."""
    worst: str = ""
    """The highest level among them; empty where there are none."""
    levels: dict[str, int] = {}
    """How many of each level."""


class Detection(msgspec.Struct, kw_only=True):
    """The detectors of this assessment."""

    digest: str
    """SHA-256 naming this set of detectors."""
    detectors: int
    """Rules and detectors that were on."""
    disabled: list[dict[str, str]]
    """Those that were off, each with the reason given."""
    behaviours_covered: list[str]
    """Behaviours that some detector looks for."""
    behaviours_uncovered: list[str]
    """Behaviours of which nothing is known."""
