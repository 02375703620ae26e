"""What the store holds of the sessions assessed: summaries, findings, the gate's decisions."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

from roguewatch.assess.document import Elsewhere, FindingLine, SessionLine
from roguewatch.assess.evidence import finding_line
from roguewatch.assess.facts.inputs import Activity, Watched
from roguewatch.assess.gathering import UNREGISTERED, Decisions, activity, watched
from roguewatch.assess.totals import SECOND, Totals, iso
from roguewatch.findings import LEVELS, Finding
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable
from roguewatch.state.findings import Findings
from roguewatch.state.register import Deployment, Register
from roguewatch.state.sessions import Sessions
from roguewatch.state.summary import SessionSummary


class Observed(msgspec.Struct, kw_only=True):
    """The sessions assessed, added up for the whole entity and for each class."""

    now: datetime
    """When facts are judged: now, or the end of a window that is past."""
    since: int | None = None
    until: int | None = None
    totals: Totals
    lines: dict[str, SessionLine]
    findings: list[FindingLine]
    suppressed: int
    elsewhere: Elsewhere
    """Findings of the store in sessions that are not among these."""
    activity: Activity
    """Of the whole entity."""
    by_class: dict[str, Activity]
    """Of each class of deployments in the register."""
    decisions: Decisions
    deployments: list[Deployment]
    watched: list[Watched] | None = None
    gone: int = 0
    """Sessions with a summary of which the ledger holds nothing any more."""
    unread: int = 0
    """Sessions among these of which no file tells: only the gate saw them."""


def observe(
    sessions: Sessions,
    findings: Findings,
    ledger: Ledger,
    *,
    run: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Observed:
    """Add up what the store holds.

    Args:
        sessions: the store's sessions.
        findings: its findings.
        ledger: its evidence, of which the decision events are read.
        run: only sessions of files that this run saw; None: all.
        since: only sessions that went on after (ns UTC).
        until: only sessions that began before (ns UTC); facts are as they stood then.
    """
    deployments = Register(sessions.engine).all()
    decisions = Decisions(deployments, since, until)
    decisions.read(ledger)
    told = sessions.told()
    adding = _Adding(decisions, {one.deployment_class for one in deployments}, told)
    held, gone = {row.session for row in ledger.sessions()}, set()
    for summary in sessions.all(run=run, since=since, until=until):
        if summary.session in held:
            adding.session(summary)
        else:
            gone.add(summary.session)  # a summary without its evidence says nothing
    left_out = gone | sessions.outside(since, until)
    for finding in findings.all(suppressed=False):
        if finding.session not in left_out and within(finding.time, since, until):
            adding.finding(finding)
    _only(decisions, adding.lines)
    return Observed(
        now=_as_of(until),
        since=since,
        until=until,
        totals=adding.totals,
        lines=adding.lines,
        findings=adding.found,
        suppressed=sum(
            1 for _ in _within(findings.all(suppressed=True), adding.lines, since, until)
        ),
        elsewhere=_elsewhere(adding.not_here, told),
        activity=adding.activity(),
        by_class={name: adding.activity(name) for name in sorted(adding.own)},
        decisions=decisions,
        deployments=deployments,
        watched=watched(ledger, deployments, since, until),
        gone=len(gone),
        unread=adding.unread,
    )


class _Adding:
    """Sessions and their findings added up, for the whole and for each class.

    Args:
        decisions: which class each session that met the gate is of.
        classes: of the register.
        told: sessions that some file told of.
    """

    def __init__(self, decisions: Decisions, classes: Iterable[str], told: set[str]) -> None:
        self.totals, self.own = Totals(), {name: Totals() for name in classes}
        self.lines: dict[str, SessionLine] = {}
        self.found: list[FindingLine] = []
        self.not_here: list[Finding] = []
        """Findings of other sessions."""
        self.unread = 0
        """Sessions among these of which no file tells: only the gate saw them."""
        self._decisions, self._told = decisions, told
        self._found_of: dict[str, list[FindingLine]] = defaultdict(list)
        self._not_here_of: dict[str, list[Finding]] = defaultdict(list)

    def session(self, summary: SessionSummary) -> None:
        """Count a session to the whole and to its class."""
        self.totals.add(summary)
        if (own := self.own.get(self._class_of(summary.session))) is not None:
            own.add(summary)
        self.lines[summary.session] = session_line(summary)
        self.unread += summary.session not in self._told

    def finding(self, finding: Finding) -> None:
        """Count a finding to its session, or to what lies elsewhere."""
        name = self._class_of(finding.session)
        if finding.session not in self.lines:
            self.not_here.append(finding)
            self._not_here_of[name].append(finding)
            return
        line = finding_line(finding)
        self.found.append(line)
        self._found_of[name].append(line)
        self.lines[finding.session].findings += 1

    def activity(self, name: str | None = None) -> Activity:
        """What a class did; the whole where none is named."""
        if name is None:
            return activity(self.totals, self.found, _elsewhere(self.not_here, self._told))
        left = _elsewhere(self._not_here_of[name], self._told)
        return activity(self.own[name], self._found_of[name], left)

    def _class_of(self, session: str) -> str:
        return self._decisions.class_of.get(session, UNREGISTERED)


def within(time: int | None, since: int | None, until: int | None) -> bool:
    """Whether a time lies in a window; a time that is not known does."""
    if time is None:
        return True
    return (since is None or time >= since) and (until is None or time < until)


def _as_of(until: int | None) -> datetime:
    now = datetime.now(UTC)
    return now if until is None else min(now, datetime.fromtimestamp(until / 1e9, UTC))


def _only(decisions: Decisions, lines: Mapping[str, SessionLine]) -> None:
    """The denominator of what met the gate is the sessions assessed."""
    decisions.whole.met &= lines.keys()
    decisions.whole.sessions = len(lines)


def _within(
    findings: Iterator[Finding],
    lines: Mapping[str, SessionLine],
    since: int | None,
    until: int | None,
) -> Iterator[Finding]:
    """Those of the assessed sessions and time."""
    for finding in findings:
        if within(finding.time, since, until) and finding.session in lines:
            yield finding


def _elsewhere(findings: Sequence[Finding], told: set[str]) -> Elsewhere:
    """Count findings of other sessions.

    Args:
        findings: those findings.
        told: sessions that some file told of.
    """
    levels = Counter(finding.level for finding in findings)
    return Elsewhere(
        sessions=len({finding.session for finding in findings}),
        findings=len(findings),
        live=sum(finding.session not in told for finding in findings),
        worst=max(levels, key=LEVELS.index, default=""),
        levels={level: levels[level] for level in LEVELS if levels[level]},
    )


def session_line(summary: SessionSummary) -> SessionLine:
    """One session as the assessment and `roguewatch sessions --json` show it."""
    longest = max((stretch.active for stretch in summary.stretches), default=0)
    return SessionLine(
        session=printable(summary.session, 500),
        surface=printable(summary.surface, 100),
        agent=printable(summary.agent, 200),
        model=summary.model,
        path=summary.paths[0] if summary.paths else "",
        started=iso(summary.started),
        ended=iso(summary.ended),
        events=summary.events,
        user_messages=summary.user_messages,
        tool_calls=summary.tool_calls,
        gaps=summary.gap_count,
        longest_unattended_seconds=longest / SECOND,
        versions=summary.versions,
        permission_modes={mode or "not stated": n for mode, n in summary.modes.items()},
    )
