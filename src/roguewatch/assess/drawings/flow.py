"""Coverage: all activity, what was logged, monitored, and seen by a person, as a Sankey."""

from __future__ import annotations

from markupsafe import Markup

from roguewatch.assess.drawings.svg import (
    Facts,
    absent,
    drawing,
    link,
    number,
    path,
    rect,
    said,
    text,
    why_absent,
)
from roguewatch.assess.questions import percent

_TOP, _HIGH, _WIDE = 46.0, 110.0, 16.0
_X = (6.0, 112.0, 222.0, 332.0)
_UNKNOWN = 0.3
"""Height of the unknown share where nobody knows it: drawn, and said to mean nothing."""


def flow(facts: Facts) -> Markup:
    """The Sankey. A share that is not known is hatched, never drawn as all or nothing."""
    unknown = number(facts, "coverage.unknown_share")
    hidden = _UNKNOWN if unknown is None else min(max(unknown, 0.0), 1.0)
    logged = _HIGH * (1 - hidden)
    calls = number(facts, "tool_calls")
    marks = [
        _band(_X[0] + _WIDE, logged, _X[1], logged),
        rect(_X[0], _TOP, _WIDE, logged, "node"),
        rect(_X[1], _TOP, _WIDE, logged, "node"),
        _head(0, "All activity", "", ""),
        _head(1, "Logged here", "tool_calls", f"{calls:,.0f} calls" if calls is not None else ""),
        _hidden(facts, unknown, logged),
    ]
    for place, (title, id) in enumerate(
        (("Monitored", "monitors.live_share"), ("Reviewed", "review.seen_share")), start=2
    ):
        marks.append(_stage(facts, place, title, id, logged))
    says = "; ".join(_told(facts, id, name) for name, id in (
        ("left no record", "coverage.unknown_share"), ("monitored by a model", "monitors.live_share"),
        ("seen by a person", "review.seen_share"),
    ))  # fmt: skip
    return drawing("flow", 206, "Coverage flow", f"Of all activity: {says}.", *marks)


def _told(facts: Facts, id: str, name: str) -> str:
    value = number(facts, id)
    told = percent(value) if value is not None else why_absent(facts, id)
    return f"{name} {told}{said(facts, id)}"


def _hidden(facts: Facts, unknown: float | None, logged: float) -> Markup:
    """The share that left no record, and that nobody can monitor or review."""
    id, y = "coverage.unknown_share", _TOP + logged
    if unknown is not None:
        words = f"{percent(unknown)} left no record{said(facts, id) and ' (stated)'}"
        return link(id, words, rect(_X[0], y, _WIDE, _HIGH - logged, f"bad{said(facts, id)}"),
                    text(_X[0], _TOP + _HIGH + 16, words, "bad-text"))  # fmt: skip
    state = why_absent(facts, id)
    return absent("flow", _X[0], y, _X[1] - _X[0] - 4, _HIGH - logged, id, state) + link(
        id, f"{id}: {state}",
        text(_X[0], _TOP + _HIGH + 16, f"Left no record: {state}. Nothing independent was counted,"),
        text(_X[0], _TOP + _HIGH + 30, "so the hatched height means nothing."),
    )  # fmt: skip


def _stage(facts: Facts, place: int, title: str, id: str, logged: float) -> Markup:
    """One later stage, as a share of what was logged."""
    share, x, before = number(facts, id), _X[place], _X[place - 1] + _WIDE
    if share is None:
        # The band up to an unknown stage is hatched too: how wide it is nobody knows.
        state = why_absent(facts, id)
        return _head(place, title, id, state) + absent(
            "flow", before + 4, _TOP, x - before - 4 + _WIDE, logged, id, state
        )
    high = logged * min(max(share, 0.0), 1.0)
    return Markup("").join((
        _head(place, title, id, percent(share) + said(facts, id)),
        _band(before, high, x, high),
        rect(x, _TOP + high, _WIDE, logged - high, "rest"),
        link(id, f"{title}: {percent(share)}", rect(x, _TOP, _WIDE, high, f"node{said(facts, id)}")),
    ))  # fmt: skip


def _head(place: int, title: str, id: str, words: str) -> Markup:
    last = place == len(_X) - 1
    x, anchor = (_X[place] + _WIDE + 30, "end") if last else (_X[place], "")
    name = text(x, 16, title, "strong", anchor)
    return name + (link(id, f"{title}: {words}", text(x, 32, words, "", anchor)) if words else "")


def _band(x1: float, high1: float, x2: float, high2: float) -> Markup:
    middle = (x1 + x2) / 2
    low1, low2 = _TOP + high1, _TOP + high2
    return path(
        f"M{x1:g} {_TOP:g}C{middle:g} {_TOP:g} {middle:g} {_TOP:g} {x2:g} {_TOP:g}V{low2:g}"
        f"C{middle:g} {low2:g} {middle:g} {low1:g} {x1:g} {low1:g}Z",
        "band",
    )
