"""The assessment as data: what `assessment.json` holds and the HTML is made from.

`assessment.schema.json` beside this file is its published form; a test compares both.
Times are ISO 8601 UTC to the second. Everything that an agent wrote is printable.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = "https://roguewatch.dev/schema/assessment-1.json"


class Window(msgspec.Struct, kw_only=True):
    since: str | None
    first: str | None
    last: str | None


class Unread(msgspec.Struct, frozen=True):
    path: str
    reason: str


class Format(msgspec.Struct, kw_only=True):
    source: str
    files: int = 0
    bytes: int = 0
    lines: int = 0
    events: int = 0
    unknown_type: int = 0
    unknown_field: int = 0
    malformed: int = 0
    truncated_tail: int = 0
    orphan_call: int = 0
    duplicate: int = 0


class Coverage(msgspec.Struct, kw_only=True):
    paths: list[str]
    files: int
    files_read: int
    files_unchanged: int
    files_unread: int
    bytes: int
    formats: list[Format]
    unread: list[Unread]


class SessionLine(msgspec.Struct, kw_only=True):
    session: str
    surface: str
    agent: str
    model: str
    path: str
    started: str | None
    ended: str | None
    events: int
    user_messages: int
    tool_calls: int
    gaps: int
    findings: int = 0
    longest_unattended_seconds: float = 0.0
    versions: list[str] = []
    permission_modes: dict[str, int] = {}


class GapLine(msgspec.Struct, kw_only=True):
    code: str
    meaning: str
    count: int
    sessions: int


class AgentLine(msgspec.Struct, kw_only=True):
    surface: str
    sessions: int
    subagents: int
    events: int
    tool_calls: int
    human_messages: int
    models: dict[str, int]
    versions: list[str]


class Day(msgspec.Struct, frozen=True):
    day: str
    events: int
    tool_calls: int
    sessions: int


class Activity(msgspec.Struct, kw_only=True):
    days: list[Day]
    hours: list[int]
    sessions_without_time: int


class Run(msgspec.Struct, kw_only=True):
    session: str
    surface: str
    started: str | None
    ended: str | None
    active_seconds: float
    elapsed_seconds: float
    tool_calls: int


class Bin(msgspec.Struct, kw_only=True):
    label: str
    low: float
    high: float | None
    count: int


class Unattended(msgspec.Struct, kw_only=True):
    runs: int
    timed: int
    longest: Run | None
    longest_by_calls: Run | None
    median_active_seconds: float | None
    p95_active_seconds: float | None
    median_tool_calls: float | None
    by_time: list[Bin]
    by_calls: list[Bin]
    longest_runs: list[Run]


class Mode(msgspec.Struct, kw_only=True):
    mode: str
    surface: str
    kind: str
    tool_calls: int
    share: float


class Impactful(msgspec.Struct, kw_only=True):
    kind: str
    title: str
    covers: str
    calls: int
    approved: int
    refused: int
    not_recorded: int
    sessions: int
    evidence: list[str]


class ContextLine(msgspec.Struct, kw_only=True):
    event: str
    seq: int
    time: str | None
    kind: str
    agent: str
    tool: str
    text: str
    acting: bool


class FindingLine(msgspec.Struct, kw_only=True):
    id: str
    session: str
    behaviour: str
    behaviour_name: str
    level: str
    cause: str
    cause_basis: str
    title: str
    detector: str
    detector_version: str
    maturity: str
    time: str | None
    agent: str
    surface: str
    events: list[str]
    rationale: str
    falsifier: str
    excerpt: str
    overreach: dict[str, Any]
    deception: dict[str, Any]
    tags: list[str]
    context: list[ContextLine]
    suppressed: dict[str, str] | None = None


class Detection(msgspec.Struct, kw_only=True):
    digest: str
    detectors: int
    disabled: list[dict[str, str]]
    behaviours_covered: list[str]
    behaviours_uncovered: list[str]


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """One statement with what it rests on. `value` None: not measured."""

    id: str
    statement: str
    value: Any
    unit: str
    as_of: str
    expires: str
    method: str
    interval: tuple[float, float] | None = None
    verified_by: str = "roguewatch, from the files read"
    kind: Literal["primary", "stated"] = "primary"
    evidence: tuple[str, ...] = ()
    falsifier: str = ""


class Cell(msgspec.Struct, frozen=True, kw_only=True):
    """One cell of the 2 x 3 table."""

    deployment: str
    axis: Literal["overreach", "deception"]
    rung: Literal["incidental", "routine", "active"]
    state: Literal["well within", "edge", "well beyond", "unassessed"]
    basis: Literal["demonstrated", "tested", "argued", "none"]
    argument: str
    facts: tuple[str, ...]
    unknowns: tuple[str, ...]


class Question(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    question: str
    state: Literal["answered", "partial", "unassessed"]
    answer: str
    facts: tuple[str, ...]
    missing: tuple[str, ...]
    as_of: str
    expires: str
    verified_by: str


class LedgerState(msgspec.Struct, kw_only=True):
    size: int
    checkpoint: str
    checkpoint_digest: str
    verify: list[str]


class Assessment(msgspec.Struct, kw_only=True):
    """Everything that one assessment says."""

    schema: str
    generator: str
    created: str
    run: str
    window: Window
    coverage: Coverage
    events: int
    sessions: list[SessionLine]
    gaps: list[GapLine]
    agents: list[AgentLine]
    activity: Activity
    unattended: Unattended
    permission_modes: list[Mode]
    impactful: list[Impactful]
    findings: list[FindingLine]
    findings_suppressed: int
    detection: Detection
    facts: list[Fact]
    verdict: list[Cell]
    questions: list[Question]
    ledger: LedgerState
    notes: list[str]
