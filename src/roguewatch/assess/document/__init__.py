"""The assessment as data: what `assessment.json` holds and the HTML is made from.

`assessment.schema.json` beside this folder is its published form; a test compares both.
Times are ISO 8601 UTC to the second. Everything that an agent wrote is printable.
"""

from __future__ import annotations

import msgspec

from roguewatch.assess.document.activity import (
    Activity,
    Bin,
    Day,
    Impactful,
    Mode,
    Run,
    Unattended,
)
from roguewatch.assess.document.disclosure import (
    Disclosure,
    Independence,
    Redaction,
)
from roguewatch.assess.document.findings import (
    ContextLine,
    Detection,
    Elsewhere,
    FindingLine,
)
from roguewatch.assess.document.judgement import (
    Cell,
    Fact,
    Question,
    StatedAnswer,
)
from roguewatch.assess.document.outlook import (
    CellChange,
    Comparison,
    FactChange,
    Headline,
    Reminder,
    Step,
    StepCell,
)
from roguewatch.assess.document.questionnaires import (
    Clause,
    Crosswalk,
    Questionnaire,
)
from roguewatch.assess.document.reading import (
    AgentLine,
    Coverage,
    Format,
    GapLine,
    LedgerState,
    SessionLine,
    Unread,
    Window,
)
from roguewatch.assess.document.safety import CaseNode, Defeater, SafetyCase

__all__ = [
    "SCHEMA",
    "Activity",
    "AgentLine",
    "Assessment",
    "Bin",
    "CaseNode",
    "Cell",
    "CellChange",
    "Clause",
    "Comparison",
    "ContextLine",
    "Coverage",
    "Crosswalk",
    "Day",
    "Defeater",
    "Detection",
    "Disclosure",
    "Elsewhere",
    "Fact",
    "FactChange",
    "FindingLine",
    "Format",
    "GapLine",
    "Headline",
    "Impactful",
    "Independence",
    "LedgerState",
    "Mode",
    "Question",
    "Questionnaire",
    "Redaction",
    "Reminder",
    "Run",
    "SafetyCase",
    "SessionLine",
    "StatedAnswer",
    "Step",
    "StepCell",
    "Unattended",
    "Unread",
    "Window",
]

SCHEMA = "urn:roguewatch:assessment:1"


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
    findings_elsewhere: Elsewhere = Elsewhere()
    """What the store holds of other sessions, from the gate or earlier runs: no fact counts it."""
    detection: Detection
    """Which detectors looked."""
    facts: list[Fact]
    """Every fact, with what it rests on."""
    verdict: list[Cell]
    """The cells of the 2 x 3 table, for each deployment."""
    safety_case: SafetyCase
    """Claims, arguments and evidence as a tree."""
    questions: list[Question]
    """The fifteen due-diligence questions."""
    buyer_questions: list[Question]
    """The four questions that any buyer of an agent asks."""
    headlines: list[Headline]
    """The three most important facts, by a written rule."""
    steps: list[Step]
    """What to do next, ranked."""
    comparisons: list[Comparison]
    """Other assessments beside this one; the last one of this store is the first."""
    reminders: list[Reminder]
    """Facts that lapse within thirty days, or have lapsed."""
    questionnaires: list[Questionnaire]
    """Questionnaires that were given, answered."""
    crosswalks: list[Crosswalk]
    """Published frameworks, clause by clause, with the facts that speak to each."""
    disclosure: Disclosure
    """Which version this is, what was left out of it, and how independent the assessor is."""
    ledger: LedgerState
    """The evidence, and how to verify it."""
    notes: list[str]
    """What else a reader must know of this run."""
