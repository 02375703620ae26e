"""The assessment as one HTML file: no network, no script, nothing unescaped."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from roguewatch.assess.appendix import appendix
from roguewatch.assess.document import Assessment, Cell, Fact, StepCell, Window
from roguewatch.assess.drawings import columns, drawings
from roguewatch.assess.modes import CLASSES
from roguewatch.assess.questions import duration, percent, shown
from roguewatch.assess.references import references
from roguewatch.assess.sections import (
    by_behaviour,
    by_deployment,
    by_hour,
    by_mode,
    grouped,
    mode_shares,
    over_time,
    unknowns,
)
from roguewatch.assess.verdict import AXES, ENTITY, RUNGS

LIMITS = {"unread": 50, "modes": 30, "sessions": 100, "findings": 12, "top": 6,
          "changes": 40, "steps": 5, "alike": 12}  # fmt: skip
"""How many of each the page lists; the data file holds all."""


PAPER_LIMITS = {**LIMITS, "unread": 20, "sessions": 25, "alike": 2, "changes": 16}
"""The same for what is printed; `alike`: findings of the same title that are told in full."""


def render(assessment: Assessment, *, paper: bool = False) -> str:
    """The page. Everything in it is escaped; its policy forbids script and network.

    Args:
        assessment: what it shows.
        paper: as it is printed, with facts and evidence as a compact appendix.
    """
    templates = files("roguewatch.assess").joinpath("templates")
    style = "".join(
        templates.joinpath(name).read_text(encoding="utf-8")
        for name in ("style.css", "drawings.css")
    )
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    facts = {fact.id: fact.value for fact in assessment.facts}
    findings = assessment.findings
    high = [f for f in findings if f.level in ("high", "critical")]
    groups = grouped(findings)
    evidence = references(assessment.facts)
    deployments = by_deployment(assessment.verdict)
    own = [name for name in deployments if name != ENTITY]
    return _environment().get_template("report.html").render(
        a=assessment,
        drawn=drawings(assessment),
        periods=columns(assessment),
        parents={node.under for node in assessment.safety_case.nodes},
        style=Markup(style),  # noqa: S704 — our own file
        style_hash=f"sha256-{digest}",
        fact=facts.get,
        references=evidence,
        appendix=appendix(assessment.facts, evidence, own) if paper else None,
        runs=[text for text in evidence if text.startswith("run:")],
        high=high,
        own=sum(f.cause == "own" for f in high),
        top=groups[: LIMITS["top"]],
        more_groups=max(0, len(groups) - LIMITS["top"]),
        behaviours=by_behaviour(findings, LIMITS["findings"]),
        entity=ENTITY,
        axes=AXES,
        rungs=RUNGS,
        cells={
            (cell.axis, cell.rung): cell
            for cell in assessment.verdict
            if cell.deployment == ENTITY
        },
        by_deployment=deployments,
        unknown=unknowns(assessment),
        days=over_time(assessment.activity),
        hours=by_hour(assessment.activity.hours),
        mode_classes=mode_shares(assessment.permission_modes),
        modes=by_mode(assessment.permission_modes),
        class_names=CLASSES,
        states=Counter(question.state for question in assessment.questions),
        shown_sessions=sorted(
            assessment.sessions, key=lambda s: (-s.findings, -s.tool_calls, s.session)
        )[: (PAPER_LIMITS if paper else LIMITS)["sessions"]],
        limits=PAPER_LIMITS if paper else LIMITS,
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("roguewatch.assess"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=False,
    )
    environment.filters |= {
        "percent": percent,
        "number": number,
        "bytes": size,
        "duration": duration,
        "moment": moment,
        "date": lambda text: _written(text, "%-d %B %Y"),
        "clock": lambda text: _written(text, "%-d %b %H:%M:%S"),
        "span": span,
        "bounded": lambda value: round(max(0.0, float(value)), 2),
        "names": names,
        "value": fact_value,
        "ends": ends,
        "plain": lambda value: f"{value:g}",
        "cell_of": cell_state,
        "outcomes": outcomes,
        "shown": lambda value, id: shown(id, value),
    }
    return environment


def number(value: float | None) -> str:
    """A count for reading."""
    if value is None:
        return "not known"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def size(value: int) -> str:
    """Bytes for reading, in powers of 1,000."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def moment(text: str | None) -> str:
    """An ISO time for reading."""
    return _written(text, "%-d %b %Y, %H:%M UTC")


def span(window: Window) -> str:
    """First to last day, without saying the month or year twice."""
    first, last = _written(window.first, "%-d %B %Y"), _written(window.last, "%-d %B %Y")
    if first == last:
        return first
    early, late = first.split(), last.split()
    while len(early) > 1 and early[-1] == late[len(early) - 1]:
        early.pop()
    return f"{' '.join(early)} to {last}"


def names(values: Mapping[str, int] | Iterable[str], limit: int) -> str:
    """The first names, and how many there are besides."""
    every = [str(value) for value in values]
    rest = len(every) - limit
    return ", ".join(every[:limit]) + (f" and {rest} more" if rest > 0 else "")


def fact_value(fact: Fact) -> str:
    """A fact's value for reading."""
    if fact.unit == "seconds" and isinstance(fact.value, int | float):
        return f"{duration(fact.value)} ({fact.value:,.0f})"
    return shown(fact.id, fact.value)


def outcomes(cells: Iterable[StepCell], deployment: str) -> list[list[StepCell]]:
    """Cells that a measure could move, those with the same outcome together."""
    together: dict[tuple[str, str], list[StepCell]] = {}
    for cell in cells:
        if cell.deployment == deployment:
            together.setdefault((cell.best, cell.worst), []).append(cell)
    return list(together.values())


def cell_state(cells: Iterable[Cell], deployment: str, axis: str, rung: str) -> str:
    """The state of one cell of another assessment."""
    for cell in cells:
        if (cell.deployment, cell.axis, cell.rung) == (deployment, axis, rung):
            return cell.state
    return "unassessed"


def ends(fact: Fact) -> str:
    """A fact's interval for reading."""
    assert fact.interval is not None
    low, high = fact.interval
    return f"{shown(fact.id, low)} to {'no end' if high is None else shown(fact.id, high)}"


def _written(text: str | None, form: str) -> str:
    if not text:
        return "no time"
    return datetime.fromisoformat(text).strftime(form)
