"""Rates over periods, with intervals that hold however often one looks."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from markupsafe import Markup

from roguewatch.assess.document import Assessment, Fact
from roguewatch.assess.drawings.svg import (
    absent,
    circle,
    drawing,
    line,
    link,
    text,
    why_absent,
)
from roguewatch.assess.questions import percent
from roguewatch.measure.sequential import rate_sequence

MAX_PERIODS = 6
"""Periods drawn, the latest."""
SHOWN = (
    ("coverage.claimed_share", "Seen by sources that claim to"),
    ("coverage.confirmed_share", "Seen by a second source"),
    ("gate.denied_share", "Denied at the gate"),
    ("incidents.judged_share", "High findings judged"),
    ("drills.rung2.noticed", "Noticed by monitoring"),
    ("drills.rung3.survived", "Stops with a survivor"),
)
"""Rates drawn, with what stands over each: exposure, and what answers it."""
_WIDE, _HIGH, _ROW = 180.0, 64.0, 112.0


class Column(msgspec.Struct, frozen=True):
    """One period, or this assessment."""

    label: str
    name: str
    facts: dict[str, Fact]


def columns(assessment: Assessment) -> list[Column]:
    """The periods beside this assessment, the earliest first, and itself as the last."""
    there = [one for one in assessment.comparisons if one.kind in ("period", "previous", "report")]
    there.sort(key=lambda one: (one.last or one.created, one.created))
    found = [
        Column(str(place), one.name, {fact.id: fact for fact in one.facts})
        for place, one in enumerate(there[-MAX_PERIODS + 1 :], start=1)
    ]
    own = Column("now", "this assessment", {fact.id: fact for fact in assessment.facts})
    return [*found, own]


def trend(periods: Sequence[Column]) -> Markup:
    """A small picture of each rate; a period that does not know it is hatched."""
    now = periods[-1].facts
    if len(periods) < 2:
        words = "one period only: no trend can be told"
        return drawing("trend", 70, "Rates over periods", words,
                       absent("trend", 0, 6, 380, 56, SHOWN[0][0], words))  # fmt: skip
    marks = []
    for place, (id, title) in enumerate(SHOWN):
        left, top = 8.0 + place % 2 * 196, 4 + place // 2 * _ROW
        marks.append(text(left, top + 12, title, "strong"))
        marks.append(_picture(periods, id, left, top + 20))
    says = "; ".join(f"{title} now: {_now(now, id)}" for id, title in SHOWN)
    rows = (len(SHOWN) + 1) // 2
    return drawing("trend", rows * _ROW + 2, "Rates over periods", says, *marks)


def _now(facts: dict[str, Fact], id: str) -> str:
    fact = facts.get(id)
    return why_absent(facts, id) or (percent(fact.value) if fact is not None else "")


def _picture(periods: Sequence[Column], id: str, left: float, top: float) -> Markup:
    marks = [line(left, top + _HIGH * (1 - s), left + _WIDE, top + _HIGH * (1 - s), "rule")
             for s in (0.0, 0.5, 1.0)]  # fmt: skip
    step = _WIDE / len(periods)
    for place, period in enumerate(periods):
        x = left + step * (place + 0.5)
        marks.append(text(x, top + _HIGH + 13, period.label, "label", "middle"))
        fact = period.facts.get(id)
        if fact is None or fact.counts is None or not fact.counts[1]:
            state = why_absent(period.facts, id) or "no counts"
            words = state if step >= 70 else "?"
            marks.append(absent("trend", x - step * 0.42, top, step * 0.84, _HIGH, id, words))
            continue
        marks.append(_point(fact, period.name, x, top))
    return Markup("").join(marks)


def _point(fact: Fact, name: str, x: float, top: float) -> Markup:
    assert fact.counts is not None
    count, whole = fact.counts
    low, high = rate_sequence(count, whole)
    y = top + _HIGH * (1 - count / whole)
    words = (f"{name}: {count} of {whole}, {percent(count / whole)}; anytime-valid interval "
             f"{percent(low)} to {percent(high)}")  # fmt: skip
    return link(
        fact.id, words, line(x, top + _HIGH * (1 - low), x, top + _HIGH * (1 - high), "whisker"),
        circle(x, y, 4, "node"), text(x + 8, min(max(y + 4, top + 10), top + _HIGH), percent(count / whole)),
    )  # fmt: skip
