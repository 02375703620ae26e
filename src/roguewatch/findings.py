"""The finding: one detected behaviour, with the events that prove it."""

from __future__ import annotations

from typing import Literal

import msgspec

from roguewatch.events import event_id

Level = Literal["informational", "low", "medium", "high", "critical"]
"""Sigma's levels, in rising order."""

LEVELS: tuple[Level, ...] = ("informational", "low", "medium", "high", "critical")

ALERTING = LEVELS[2:]
"""Levels of findings that somebody is told of at once."""

Cause = Literal["user", "injected", "own", "malfunction", "unknown"]
"""Where the action came from: asked for by the user or system (`user`), first seen in
untrusted tool output (`injected`), neither (`own`), a loop or environment error
(`malfunction`), or not decidable (`unknown`)."""

Rung = Literal["none", "incidental", "routine", "active"]
"""Which countermeasure would have caught or stopped it (assessment rungs 1 to 3)."""


class Severity(msgspec.Struct, frozen=True):
    """Severity on one axis. Where uncertain, the lower is recorded."""

    rung: Rung
    score: float
    """Position inside the rung, 0 to 1."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One behaviour seen in one session. Detectors report; only control decides."""

    id: str
    """32 hexadecimal digits from `finding_id`: the same finding is not raised twice."""

    session: str

    behaviour: str
    """Code of the taxonomy, A1 to F3."""

    title: str

    level: Level

    detector: str
    """Id of the rule, or name of the detector."""

    detector_version: str

    events: tuple[str, ...]
    """Ids of the events that prove it, the acting event first."""

    cause: Cause = "unknown"

    cause_basis: str = ""
    """What the cause was decided from, in a sentence; quotes are printable."""

    time: int | None = None
    """Time of the acting event, ns UTC."""

    agent: str = "main"

    surface: str = ""

    rationale: str = ""
    """Why this is the behaviour: what was seen against what was expected."""

    falsifier: str = ""
    """What would make it wrong."""

    excerpt: str = ""
    """A short printable quotation of the evidence."""

    overreach: Severity = Severity("none", 0.0)

    deception: Severity = Severity("none", 0.0)

    maturity: Literal["stable", "testing", "experimental"] = "testing"

    tags: tuple[str, ...] = ()
    """Other vocabularies: `owasp.asi03`, `atlas.aml.t0051`, `attack.t1053.003`, …"""


def finding_id(detector: str, session: str, key: str) -> str:
    """The stable id of a finding.

    Args:
        detector: the detector's id, without version.
        session: the session that it was found in.
        key: what makes it one finding: the acting call's id where there is one (so
            that a hook's and a transcript's sighting of the same call are one
            finding), else the acting event's id, or a correlation's group.
    """
    return event_id("finding", detector, session, key)
