"""Drills: how long until somebody noticed, how long until everything was dead."""

from __future__ import annotations

from markupsafe import Markup

from roguewatch.assess.drawings.svg import (
    Facts,
    Scale,
    absent,
    circle,
    drawing,
    element,
    line,
    link,
    logarithmic,
    number,
    numbers,
    rect,
    said,
    table,
    text,
    why_absent,
)
from roguewatch.assess.questions import duration

MAX_ROUTES = 14
"""Routes drawn, those with survivors or unnoticed drills and then the slowest first."""
_LEFT, _RIGHT, _OUT, _STEP = 100.0, 290.0, 298.0, 20.0
_COLOURS = {"1": "other", "2": "node", "3": "warn"}
"""Class of the dots of each rung."""


def noticed(facts: Facts) -> Markup:
    """Time to notice, a row for each rung and route."""
    return _drawn(
        facts, "notice", "drills.notice_times", "drills.unnoticed_by_route", "unnoticed",
        [(f"median, rung {n}", f"drills.rung{n}.notice_median") for n in (1, 2, 3)],
    )  # fmt: skip


def dead(facts: Facts) -> Markup:
    """Time from order to death, a row for each route, survivors marked."""
    return _drawn(
        facts, "dead", "drills.dead_times", "drills.survivors_by_route", "survived",
        [("median", "drills.rung3.dead_median")],
    )  # fmt: skip


_TITLES = {"notice": "Time to notice a planted deployment", "dead": "Time from order to death"}


def _drawn(
    facts: Facts, name: str, id: str, failures: str, failed: str, medians: list[tuple[str, str]]
) -> Markup:
    times = {row: numbers(own) for row, own in table(facts, id).items()}
    if not times:
        words = why_absent(facts, id) or "unassessed"
        return drawing(name, 80, _TITLES[name], f"Not drilled: {words}.",
                       absent(name, 0, 6, 380, 62, id, f"drills: {words}"))  # fmt: skip
    lost = {row: int(number_of(n)) for row, n in table(facts, failures).items()}
    routes: dict[str, list[str]] = {}
    for row in times:
        routes.setdefault(_split(row)[1], []).append(row)
    order = sorted(routes, key=lambda one: (
        -sum(lost.get(row, 0) for row in routes[one]),
        -max((max(times[row], default=0) for row in routes[one]), default=0), one,
    ))  # fmt: skip
    every = [seconds for own in times.values() for seconds in own if seconds > 0] or [1.0]
    scale = logarithmic(min(every) * 0.6, max([10.0, *every]) * 1.4, _LEFT, _RIGHT)
    chosen = order[:MAX_ROUTES]
    rungs = sorted({_split(row)[0] for row in times})
    head = 18 if len(rungs) > 1 else 4
    bottom = head + 8 + (len(chosen) + len(medians)) * _STEP
    marks = [scale.axis(bottom, head), *(_key(rungs) if len(rungs) > 1 else [])]
    for place, route in enumerate(chosen):
        y = head + 10 + place * _STEP
        own = {row: times[row] for row in routes[route]}
        marks.append(_route(scale, y, route, own, id, lost, failures, failed))
    for place, (label, median) in enumerate(medians, start=len(chosen)):
        marks.append(_median(facts, scale, head + 10 + place * _STEP, label, median, name, failed))
    hidden = len(order) - len(chosen)
    if hidden:
        words = f"and {hidden} more routes in the table of facts"
        marks.append(link(id, words, text(_LEFT, bottom + 30, words, "label")))
    says = f"{len(routes)} routes; {sum(lost.values())} drills {failed}."
    return drawing(name, bottom + (38 if hidden else 20), _TITLES[name], says, *marks)


def _split(row: str) -> tuple[str, str]:
    """A row's rung and route."""
    words = row.split(" ", 2)
    return (words[1], words[2]) if len(words) == 3 else ("", row)


def _key(rungs: list[str]) -> list[Markup]:
    """Which colour is which rung."""
    marks = []
    for place, rung in enumerate(rungs):
        x = _LEFT + 6 + place * 62
        marks += [circle(x, 6, 3.5, _COLOURS.get(rung, "node")),
                  text(x + 8, 10, f"rung {rung}", "label")]  # fmt: skip
    return marks


def number_of(value: object) -> float:
    """A number, or 0 where it is none."""
    return float(value) if isinstance(value, int | float) else 0.0


def _route(
    scale: Scale, y: float, route: str, own: dict[str, list[float]], id: str,
    lost: dict[str, int], failures: str, failed: str,
) -> Markup:  # fmt: skip
    """A dot for each drill, rungs a little apart; how many failed at the right."""
    marks = [text(_LEFT - 8, y + 4, route[:18], "label id", "end")]
    for row, times in own.items():
        rung = _split(row)[0]
        at = y + (int(rung) - 2) * 4 if len(own) > 1 and rung.isdigit() else y
        if times:
            words = f"{row}: {', '.join(map(duration, times))}"
            dots = [circle(scale(one), at, 3, _COLOURS.get(rung, "node")) for one in times]
            ends = line(scale(times[0]), at, scale(times[-1]), at, "whisker")
            marks.append(link(id, words, ends, *dots))
    failing = {row: lost[row] for row in own if lost.get(row)}
    if failing:
        words = f"{sum(failing.values())} {failed}"
        cross = element("path", d=f"M{_OUT:g} {y - 4:g}l8 8m0 -8l-8 8", class_="cross")
        told = ", ".join(f"{row}: {count} {failed}" for row, count in failing.items())
        marks.append(link(failures, told, cross, text(_OUT + 13, y + 4, words, "bad-text")))
    elif not any(own.values()):
        marks.append(text(_LEFT + 4, y + 4, "not timed", "unknown-text"))
    return Markup("").join(marks)


def _median(
    facts: Facts, scale: Scale, y: float, label: str, id: str, name: str, failed: str
) -> Markup:
    """The median of all routes with its interval, open where too many failed."""
    head = text(_LEFT - 8, y + 4, label, "label strong", "end")
    state, value = why_absent(facts, id), number(facts, id)
    if state:
        return head + absent(name, _LEFT, y - 8, _RIGHT - _LEFT, 16, id, state)
    if value is None:
        words = f"not reached: most {'were not noticed' if failed == 'unnoticed' else 'survived'}"
        return head + link(id, words, text(_LEFT + 4, y + 4, words, "bad-text"))
    interval, band = facts[id].interval, Markup("")
    if interval is not None:
        end = scale(interval[1]) if interval[1] is not None else _RIGHT + 4
        band = rect(scale(interval[0]), y - 6, end - scale(interval[0]), 12, "interval")
    words = f"{label}: {duration(value)}{said(facts, id)}"
    return head + link(id, words, band, line(scale(value), y - 7, scale(value), y + 7, "mark"),
                       text(_OUT, y + 4, duration(value) + said(facts, id), "strong"))  # fmt: skip
