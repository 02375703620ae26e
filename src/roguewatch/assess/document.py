"""The assessment as data: what `assessment.json` holds and the HTML is made from.

`assessment.schema.json` beside this file is its published form; a test compares both.
Times are ISO 8601 UTC to the second. Everything that an agent wrote is printable.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

SCHEMA = "urn:roguewatch:assessment:1"


class Window(msgspec.Struct, kw_only=True):
    """The time that an assessment covers."""

    since: str | None
    """The date given with --since, or null: sessions that ended before are not assessed."""
    first: str | None
    """Earliest time of any event."""
    last: str | None
    """Latest time of any event."""


class Unread(msgspec.Struct, frozen=True):
    """A file that was not read."""

    path: str
    """Printable path."""
    reason: str
    """Why it was not read, or not to its end."""


class Format(msgspec.Struct, kw_only=True):
    """What the files of one format held."""

    source: str
    """Name of the format (`roguewatch sources`)."""
    files: int = 0
    """Files of this format."""
    bytes: int = 0
    """Their size."""
    lines: int = 0
    """Source records: lines, messages, zip members or spans."""
    events: int = 0
    """Events made of them, those that another file told already included."""
    unknown_type: int = 0
    """Records of a type that the reader does not know."""
    unknown_field: int = 0
    """Fields that the reader does not know."""
    malformed: int = 0
    """Records that could not be decoded."""
    truncated_tail: int = 0
    """Last records that were cut off."""
    orphan_call: int = 0
    """Calls without a result and results without a call."""
    duplicate: int = 0
    """Records that one file holds twice."""


class Coverage(msgspec.Struct, kw_only=True):
    """What was read and what could not be."""

    paths: list[str]
    """Paths that were given, or found on this machine."""
    files: int
    """Files found under them."""
    files_read: int
    """Files read in this run."""
    files_unchanged: int
    """Files known from an earlier run and not changed since."""
    files_unread: int
    """Files that could not be read, or not to their end."""
    bytes: int
    """Size of the files looked at."""
    formats: list[Format]
    """What each format held."""
    unread: list[Unread]
    """Files that could not be read, each with its reason."""


class SessionLine(msgspec.Struct, kw_only=True):
    """One session."""

    session: str
    """The source's own id of the session."""
    surface: str
    """What the agent ran on."""
    agent: str
    """The agent that the session began with: `main`, or its name."""
    model: str
    """The model most used, as the records state it."""
    path: str
    """The first file that it was read from."""
    started: str | None
    """Time of its first event."""
    ended: str | None
    """Time of its last event."""
    events: int
    """Events, gaps included."""
    user_messages: int
    """Messages in the user's role that neither harness, tool nor agent wrote."""
    tool_calls: int
    """Tool calls."""
    gaps: int
    """Gap events: what was met and not understood."""
    findings: int = 0
    """Findings that are not suppressed."""
    longest_unattended_seconds: float = 0.0
    """Longest activity between two human messages, silences over ten minutes left out."""
    versions: list[str] = []
    """Versions of the agent."""
    permission_modes: dict[str, int] = {}
    """Tool calls by permission mode in force."""


class GapLine(msgspec.Struct, kw_only=True):
    """Gaps of one code."""

    code: str
    """What kind of gap."""
    meaning: str
    """What that is, in a sentence."""
    count: int
    """Gap events of this code."""
    sessions: int
    """Sessions that they are in."""


class AgentLine(msgspec.Struct, kw_only=True):
    """The agents of one surface."""

    surface: str
    """What the agents ran on."""
    sessions: int
    """Sessions."""
    subagents: int
    """Subagents that acted within them."""
    events: int
    """Events."""
    tool_calls: int
    """Tool calls."""
    human_messages: int
    """Messages that people wrote."""
    models: dict[str, int]
    """Messages, calls and responses by model."""
    versions: list[str]
    """Versions of the agent."""


class Day(msgspec.Struct, frozen=True):
    """One day of activity."""

    day: str
    """UTC date."""
    events: int
    """Events."""
    tool_calls: int
    """Tool calls."""
    sessions: int
    """Sessions with an event on that day."""


class Activity(msgspec.Struct, kw_only=True):
    """Activity over time."""

    days: list[Day]
    """Days with activity, in order."""
    hours: list[int]
    """Tool calls by hour of the day, UTC: 24 numbers."""
    sessions_without_time: int
    """Sessions whose records carry no times."""


class Run(msgspec.Struct, kw_only=True):
    """A run of agent activity without a human message."""

    session: str
    """Id of the session."""
    surface: str
    """What the agent ran on."""
    started: str | None
    """The human message, or first activity, that began it."""
    ended: str | None
    """The agent's last activity before the next human message."""
    active_seconds: float
    """Its length, silences over ten minutes left out."""
    elapsed_seconds: float
    """Its length from start to end."""
    tool_calls: int
    """Tool calls in it."""


class Bin(msgspec.Struct, kw_only=True):
    """One range of a histogram."""

    label: str
    """The range in words."""
    low: float
    """Lower end, included."""
    high: float | None
    """Upper end, not included; null where there is none."""
    count: int
    """Runs in it."""


class Unattended(msgspec.Struct, kw_only=True):
    """How long agents ran without a human message."""

    runs: int
    """Runs of agent activity without a human message in them."""
    timed: int
    """Those whose times are known."""
    longest: Run | None
    """The longest by active seconds."""
    longest_by_calls: Run | None
    """The one with most tool calls."""
    median_active_seconds: float | None
    """Half of the timed runs are shorter."""
    p95_active_seconds: float | None
    """One in twenty of the timed runs is longer."""
    median_tool_calls: float | None
    """Half of the runs have fewer."""
    by_time: list[Bin]
    """Timed runs by active seconds."""
    by_calls: list[Bin]
    """Runs by tool calls."""
    longest_runs: list[Run]
    """The longest, at most ten."""


class Mode(msgspec.Struct, kw_only=True):
    """One permission mode on one surface."""

    mode: str
    """Permission mode in the agent's own words."""
    surface: str
    """What the agent ran on."""
    kind: str
    """What it lets the agent do: unrestricted, automatic, asks, unstated or unrecognised."""
    tool_calls: int
    """Tool calls while it was in force."""
    share: float
    """Their share of all tool calls."""


class Impactful(msgspec.Struct, kw_only=True):
    """Actions of one impactful kind."""

    kind: str
    """Kind of impact."""
    title: str
    """Its name."""
    covers: str
    """What it covers, in words."""
    calls: int
    """Tool calls of this kind; a call may be of several kinds."""
    approved: int
    """Those that a person is on record as having allowed."""
    refused: int
    """Those that are on record as refused."""
    not_recorded: int
    """Those with no record either way."""
    sessions: int
    """Sessions with at least one."""
    evidence: list[str]
    """Ids of some of the events, at most 20."""


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
    state: Literal["measured", "stated", "lapsed", "unassessed"] = "measured"
    """Where it stands: a lapsed fact has no value any more."""
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
    as_of: str
    """When; empty where unassessed."""
    expires: str
    """When the answer lapses; empty where unassessed."""
    verified_by: str
    """Who or what verified it; empty where unassessed."""


class LedgerState(msgspec.Struct, kw_only=True):
    """The ledger's last checkpoint."""

    size: int
    """Events in the ledger."""
    checkpoint: str
    """The signed checkpoint over them (C2SP)."""
    checkpoint_digest: str
    """SHA-256 of the checkpoint."""
    verify: list[str]
    """Commands that verify the evidence."""


class Assessment(msgspec.Struct, kw_only=True):
    """Everything that one assessment says."""

    schema: str
    """Address of the schema that this document follows."""
    generator: str
    """Program and version that made it."""
    created: str
    """When it was made."""
    run: str
    """Name of the run that made it."""
    window: Window
    """What time it covers."""
    coverage: Coverage
    """What was read and what could not be."""
    events: int
    """Number of events in the sessions assessed."""
    sessions: list[SessionLine]
    """Every session assessed."""
    gaps: list[GapLine]
    """What was met and not understood, by code."""
    agents: list[AgentLine]
    """Agents, models and versions, by surface."""
    activity: Activity
    """Activity over time."""
    unattended: Unattended
    """Runs of agent activity without a human message."""
    permission_modes: list[Mode]
    """Tool calls by permission mode."""
    impactful: list[Impactful]
    """Actions that reach beyond the project."""
    findings: list[FindingLine]
    """Every finding that is not suppressed."""
    findings_suppressed: int
    """How many are suppressed."""
    detection: Detection
    """Which detectors looked."""
    facts: list[Fact]
    """Every fact, with what it rests on."""
    verdict: list[Cell]
    """The cells of the 2 x 3 table, for each deployment."""
    questions: list[Question]
    """The fifteen due-diligence questions."""
    buyer_questions: list[Question]
    """The four questions that any buyer of an agent asks."""
    ledger: LedgerState
    """The evidence, and how to verify it."""
    notes: list[str]
    """What else a reader must know of this run."""
