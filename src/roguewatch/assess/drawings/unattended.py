"""How long agents ran alone: the distribution, and against what they can do in that time."""

from __future__ import annotations

from markupsafe import Markup

from roguewatch.assess.drawings.svg import (
    Facts,
    absent,
    circle,
    drawing,
    line,
    link,
    logarithmic,
    number,
    rect,
    said,
    table,
    text,
    why_absent,
)
from roguewatch.assess.questions import duration


def stretches(facts: Facts) -> Markup:
    """Stretches by length, a row for each range, the one that holds the longest marked."""
    id = "unattended.by_length"
    counts = {name: int(n) for name, n in table(facts, id).items() if isinstance(n, int | float)}
    longest = number(facts, "unattended.longest_seconds")
    if not counts or not sum(counts.values()):
        words = why_absent(facts, id) or "no stretch with times"
        return drawing("stretches", 70, "Unattended stretches", words,
                       absent("stretches", 0, 6, 380, 56, id, words))  # fmt: skip
    highest, marks = max(counts.values()), []
    holds = max((row for row, n in enumerate(counts.values()) if n), default=0)
    for row, (name, count) in enumerate(counts.items()):
        y = 10.0 + row * 22
        wide = 150 * count / highest
        marks.append(text(92, y + 12, name, "label", "end"))
        marks.append(rect(100, y, max(wide, 0.6), 16, "node" if row != holds else "warn"))
        end = 106 + wide
        marks.append(link(id, f"{name}: {count}", text(end, y + 12, f"{count:,}")))
        if row == holds and longest is not None:
            words = f"longest {duration(longest)}{said(facts, 'unattended.longest_seconds')}"
            marks.append(link("unattended.longest_seconds", words,
                              text(374, y + 12, words, "warn-text", "end")))  # fmt: skip
    says = "; ".join(f"{name}: {count}" for name, count in counts.items())
    return drawing(
        "stretches", 16 + 22 * len(counts), "Unattended stretches by length", says, *marks
    )


_ROWS = (
    ("alone, 1 in 20 longer", "unattended.p95_seconds", 1.0, "node"),
    ("alone, longest", "unattended.longest_seconds", 1.0, "warn"),
    ("horizon, most done", "horizon.p80_minutes", 60.0, "other"),
    ("horizon, half done", "horizon.p50_minutes", 60.0, "other"),
)
"""Label, fact, seconds in its unit, class."""


def horizon(facts: Facts) -> Markup:
    """Time alone beside the human time of tasks that the agents can do, on one scale."""
    values = [
        v * unit for _, id, unit, _ in _ROWS if (v := number(facts, id)) is not None and v > 0
    ]
    scale = logarithmic(10, max([3600.0, *(value * 4 for value in values)]), 128, 356)
    bottom = 12.0 + 34 * len(_ROWS)
    marks = [scale.axis(bottom, 4)]
    for row, (label, id, unit, class_) in enumerate(_ROWS):
        y, value = 20.0 + row * 34, number(facts, id)
        marks.append(text(120, y + 4, label, "label", "end"))
        if value is None:
            marks.append(absent("horizon", 128, y - 11, 228, 22, id, why_absent(facts, id)))
            continue
        at = scale(value * unit)
        words = duration(value * unit)
        fact, ends = facts[id], Markup("")
        if fact.interval is not None:
            low, high = fact.interval
            right = scale(high * unit) if high is not None else 372.0
            ends = line(scale(low * unit), y, right, y, "whisker")
            words += f" ({duration(low * unit)} to {duration(high * unit) if high is not None else 'no end'})"
        marks.append(link(id, f"{label}: {words}", ends, circle(at, y, 5, class_ + said(facts, id)),
                          text(min(at, 300), y - 9, duration(value * unit) + said(facts, id), "", "middle")))  # fmt: skip
    says = "; ".join(
        f"{label}: {duration(v * unit) if (v := number(facts, id)) is not None else why_absent(facts, id)}"
        for label, id, unit, _ in _ROWS
    )
    return drawing("horizon", bottom + 20, "Time alone against time horizon", says, *marks)
