"""A finding with its evidence in context, as the assessment shows it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from roguewatch.assess.document import ContextLine, FindingLine
from roguewatch.assess.totals import iso
from roguewatch.behaviours import taxonomy
from roguewatch.events import Event
from roguewatch.findings import Finding, Severity
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable, printable_text

AROUND = 2
"""Events shown before the first and after each acting event."""

MAX_LINES = 12
MAX_TEXT = 600
_QUIET = frozenset(("usage", "gap", "other"))


def finding_line(finding: Finding) -> FindingLine:
    """A finding as data, everything in it printable, without its context."""
    names = {behaviour.code: behaviour.name for behaviour in taxonomy().behaviours}
    return FindingLine(
        id=finding.id,
        session=printable(finding.session, 200),
        behaviour=printable(finding.behaviour, 8),
        behaviour_name=names.get(finding.behaviour, ""),
        level=finding.level,
        cause=finding.cause,
        cause_basis=printable(finding.cause_basis, 1000),
        title=printable(finding.title, 300),
        detector=printable(finding.detector, 200),
        detector_version=printable(finding.detector_version, 60),
        maturity=finding.maturity,
        time=iso(finding.time),
        agent=printable(finding.agent, 100),
        surface=printable(finding.surface, 100),
        events=list(finding.events),
        rationale=printable_text(finding.rationale[:2000]),
        falsifier=printable_text(finding.falsifier[:1000]),
        excerpt=printable_text(finding.excerpt[:MAX_TEXT]),
        overreach=_severity(finding.overreach),
        deception=_severity(finding.deception),
        tags=[printable(tag, 80) for tag in finding.tags],
        context=[],
    )


def add_context(ledger: Ledger, findings: Iterable[FindingLine]) -> None:
    """Fill in what came before and after each finding's events.

    Each session is read once; at most `MAX_LINES` lines are kept for a finding.
    """
    by_session: dict[str, list[FindingLine]] = {}
    for finding in findings:
        by_session.setdefault(finding.session, []).append(finding)
    for session, found in by_session.items():
        _read_context(ledger, session, found)


def _read_context(ledger: Ledger, session: str, findings: list[FindingLine]) -> None:
    wanted: dict[str, list[FindingLine]] = {}
    for finding in findings:
        for id in finding.events:
            wanted.setdefault(id, []).append(finding)
    before: deque[Event] = deque(maxlen=AROUND)
    following: dict[str, int] = {}
    shown: dict[str, set[str]] = {finding.id: set() for finding in findings}
    by_id = {finding.id: finding for finding in findings}
    for event in ledger.events(session=session):
        if event.kind in _QUIET and event.id not in wanted:
            continue
        for finding in wanted.get(event.id, ()):
            for earlier in before:
                _show(finding, earlier, shown[finding.id])
            following[finding.id] = AROUND + 1
        for finding_id, left in list(following.items()):
            _show(by_id[finding_id], event, shown[finding_id])
            if left > 1:
                following[finding_id] = left - 1
            else:
                del following[finding_id]
        before.append(event)


def _show(finding: FindingLine, event: Event, shown: set[str]) -> None:
    if event.id in shown or len(finding.context) >= MAX_LINES:
        return
    shown.add(event.id)
    finding.context.append(context_line(event, acting=event.id in finding.events))


def context_line(event: Event, *, acting: bool) -> ContextLine:
    """One event in a few printable lines."""
    return ContextLine(
        event=event.id,
        seq=event.seq,
        time=iso(event.time),
        kind=event.kind,
        agent=printable(event.agent, 100),
        tool=printable(event.tool, 100),
        text=said(event, MAX_TEXT),
        acting=acting,
    )


def said(event: Event, limit: int | None = None) -> str:
    """What an event says: its text, or a call's arguments in a readable form."""
    text = event.text
    if event.kind == "tool_call":
        arguments = event.parsed_arguments()
        single = [value for value in arguments.values() if isinstance(value, str)]
        text = single[0] if len(arguments) == 1 and single else ""
        text = text or "\n".join(f"{name}: {value}" for name, value in arguments.items())
    elif event.kind in ("approval", "decision", "permission_mode", "session_start"):
        text = text or event.permission_mode or event.detail
    if event.exit_status is not None:
        text = f"{text}\n[exit status {event.exit_status}]"
    if limit is not None and len(text) > limit:
        text = text[:limit] + f"… [{len(text) - limit:,} more characters]"
    return printable_text(text)


def _severity(severity: Severity) -> dict[str, object]:
    return {"rung": severity.rung, "score": severity.score}
