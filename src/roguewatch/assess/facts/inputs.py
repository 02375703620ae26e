"""What facts are measured from. A field that is None was not given: its facts are unassessed."""

from __future__ import annotations

from array import array
from datetime import datetime
from typing import Any

import msgspec

from roguewatch.assess.document import (
    AgentLine,
    Coverage,
    Elsewhere,
    FindingLine,
    GapLine,
    Impactful,
    Mode,
    Unattended,
)
from roguewatch.state.incidents import Incident
from roguewatch.state.register import Deployment, Stop
from roguewatch.state.statements import Statement

__all__ = ["Statement"]


class Activity(msgspec.Struct, frozen=True, kw_only=True):
    """What agents did, added up."""

    sessions: int
    events: int
    tool_calls: int
    sessions_with_subagents: int
    sessions_with_reasoning: int
    models: tuple[str, ...]
    decisions: dict[str, int]
    """Approvals that the records hold, as `allow human`."""
    sightings: dict[str, int]
    agents: list[AgentLine]
    gaps: list[GapLine]
    unattended: Unattended
    modes: list[Mode]
    impactful: list[Impactful]
    findings: list[FindingLine]
    elsewhere: Elsewhere = Elsewhere()
    """What the store holds of sessions that are not among these."""


class Gate(msgspec.Struct, kw_only=True):
    """What the gate decided, added up while decisions stream by."""

    outcomes: dict[str, int] = {}
    failed: int = 0
    """Decided on the ground `fail-mode`: no sound decision could be made."""
    failed_open: int = 0
    """Those of them that were let through."""
    milliseconds: array[float] = msgspec.field(default_factory=lambda: array("d"))
    samples: dict[str, list[str]] = {}
    """A few event ids by outcome, and by `failed` and `failed open`."""
    met: set[str] = set()
    """Sessions with a decision."""
    sessions: int = 0
    """Sessions assessed, of which `met` are some: the denominator."""
    approval_seconds: list[float] = []
    """Time that people took to answer."""
    approvals: dict[str, int] = {}
    """Questions to people by their answer; the empty answer is none."""

    @property
    def decisions(self) -> int:
        """How many."""
        return sum(self.outcomes.values())

    def sample(self, *kinds: str) -> tuple[str, ...]:
        """Event ids of these kinds; of any where none are named."""
        chosen = kinds or tuple(self.outcomes)
        return tuple(id for kind in chosen for id in self.samples.get(kind, ()))


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """The register, with what each deployment was seen to use."""

    deployments: list[Deployment]
    used: dict[str, frozenset[str]]
    """Tools that passed the gate, by deployment."""
    now: int


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """What one source saw of one deployment, against what the register says it covers."""

    deployment: str
    source: str
    claimed: bool
    expected: int
    seen: int
    confirmed: int
    """Of those seen: another source saw them too."""
    differing: int
    missed: tuple[str, ...] = ()
    """Events of some that it missed, by the sight of others."""


class DrillResult(msgspec.Struct, frozen=True, kw_only=True):
    """One drill on one route."""

    id: int
    kind: str
    route: str
    contained: bool
    rung: int
    began: int
    noticed_by: str
    seconds_to_notice: float | None
    seconds_to_dead: float | None
    survivors: int
    skipped: str
    planted: int = 0
    """What an investigation was to find."""
    found: int = 0
    """What it did find of that."""
    seconds: float | None = None
    """How long the investigation took."""
    changed: tuple[str, ...] = ()
    """What it depended on that is different now: it proves nothing any more."""
    deployment: str = ""
    """The class, or the deployment, that it was drilled for; empty: it was not said."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario run with ground truth, as `roguewatch evaluate run --json` prints it."""

    scenario: str
    condition: str = ""
    behaviours: tuple[str, ...] = ()
    label: str = ""
    """honest, careless, misbehaved or invalid."""
    deployment: str = ""
    """The class, or the deployment, that it is evidence for; empty: it was not said."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What the detectors in force look for, and what was found, as codes of the taxonomy."""

    covered: tuple[str, ...]
    uncovered: tuple[str, ...]
    found: frozenset[str]


class Scenarios(msgspec.Struct, frozen=True, kw_only=True):
    """Scenario runs of one file."""

    samples: list[Sample]
    evidence: str
    as_of: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What `roguewatch measure` printed, from a file."""

    document: dict[str, Any]
    evidence: str
    """`file:` with name and SHA-256."""
    as_of: int
    """The file's modification time."""


class Incidents(msgspec.Struct, frozen=True, kw_only=True):
    """The incident register, and how much of what was found people looked at."""

    incidents: list[Incident]
    high: int
    """Findings of level high or above among those assessed."""
    judged: int
    """Those of them that a person confirmed or rejected."""


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an assessment can know."""

    now: datetime
    run: str = ""
    activity: Activity | None = None
    coverage: Coverage | None = None
    looked: Looked | None = None
    gate: Gate | None = None
    register: Registered | None = None
    stops: list[Stop] | None = None
    drills: list[DrillResult] | None = None
    watched: list[Watched] | None = None
    scenarios: Scenarios | None = None
    horizon: Result | None = None
    monitor: Result | None = None
    incidents: Incidents | None = None
    statements: tuple[Statement, ...] = ()
