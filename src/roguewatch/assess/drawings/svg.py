"""SVG from plain values: everything escaped, nothing but elements, attributes and classes.

Drawings are 380 units wide with text of 11: readable at 390 px, and in pairs on a desk or on
paper. Colours are classes of `templates/drawings.css`; the page's policy allows no style in
an element, and no script.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from markupsafe import Markup, escape

from roguewatch.assess.document import Fact
from roguewatch.printable import printable

WIDTH = 380.0
"""Units across, of all drawings but the safety case."""

Facts = Mapping[str, Fact]
"""Facts by id."""


def element(name: str, *children: Markup | str, **attributes: object) -> Markup:
    """One element. Text and attributes are escaped; `class_` is `class`, `a_b` is `a-b`."""
    written = Markup("").join(
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _plain(value))
        for key, value in attributes.items()
        if value is not None and value != ""
    )
    if not children:
        return Markup("<{}{}/>").format(name, written)
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, inside)


def text(x: float, y: float, words: object, class_: str = "", anchor: str = "") -> Markup:
    """A line of text; control characters are made visible."""
    return element("text", printable(str(words), 120), x=x, y=y, class_=class_, text_anchor=anchor)


def rect(x: float, y: float, width: float, height: float, class_: str) -> Markup:
    """A rectangle; never of negative size."""
    return element("rect", x=x, y=y, width=max(0.0, width), height=max(0.0, height), class_=class_)


def line(x1: float, y1: float, x2: float, y2: float, class_: str = "axis") -> Markup:
    """A straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(d: str, class_: str) -> Markup:
    """A path."""
    return element("path", d=d, class_=class_)


def circle(x: float, y: float, r: float, class_: str) -> Markup:
    """A circle."""
    return element("circle", cx=x, cy=y, r=r, class_=class_)


def titled(words: str, *children: Markup) -> Markup:
    """A group that says what it is when pointed at, or read aloud."""
    return element("g", element("title", printable(words, 300)), *children)


def link(fact: str, words: str, *children: Markup) -> Markup:
    """Marks that lead to the fact they show."""
    return element("a", element("title", printable(words, 300)), *children, href=f"#fact-{fact}")


def absent(
    name: str, x: float, y: float, width: float, height: float, fact: str, words: str
) -> Markup:
    """What stands in the place of a value that is not known: hatched, and it says so."""
    return link(
        fact, f"{fact}: {words}",
        element("rect", x=x, y=y, width=width, height=height, class_="gone",
                fill=f"url(#hatch-{name})"),
        text(x + width / 2, y + height / 2 + 4, words, "unknown-text", "middle"),
    )  # fmt: skip


def drawing(
    name: str, height: float, title: str, says: str, *children: Markup, width: float = WIDTH
) -> Markup:
    """A whole drawing.

    Args:
        name: unique on the page.
        height: units down.
        title: what it is called.
        says: what it shows, in a sentence, for who cannot see it.
        children: the marks.
        width: units across.
    """
    hatch = element(
        "pattern", element("path", d="M0 6L6 0", class_="hatch"), id=f"hatch-{name}", width=6,
        height=6, patternUnits="userSpaceOnUse",
    )  # fmt: skip
    return element(
        "svg", element("title", title, id=f"title-{name}"), element("desc", printable(says, 1000),
        id=f"desc-{name}"), element("defs", hatch), *children,
        class_="drawing", viewBox=f"0 0 {_plain(width)} {_plain(height)}", role="group",
        aria_labelledby=f"title-{name} desc-{name}",
    )  # fmt: skip


def why_absent(facts: Facts, id: str) -> str:
    """Why a fact has no value: unassessed, lapsed or redacted; empty where it has one."""
    fact = facts.get(id)
    if fact is None:
        return "unassessed"
    if fact.state in ("lapsed", "redacted"):
        return fact.state
    return "unassessed" if fact.value is None else ""


def number(facts: Facts, id: str) -> float | None:
    """A fact's value where it is a finite number."""
    fact = facts.get(id)
    value = fact.value if fact is not None and not why_absent(facts, id) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def said(facts: Facts, id: str) -> str:
    """` stated` where a value is only what a person said: it is never drawn as measured."""
    fact = facts.get(id)
    return " stated" if fact is not None and fact.state == "stated" else ""


def table(facts: Facts, id: str) -> dict[str, object]:
    """A fact's value where it is an object; empty otherwise."""
    fact = facts.get(id)
    return dict(fact.value) if fact is not None and isinstance(fact.value, dict) else {}


def numbers(value: object) -> list[float]:
    """The finite numbers of a list."""
    if not isinstance(value, list | tuple):
        return []
    return [float(one) for one in value
            if isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one)]  # fmt: skip


def logarithmic(low: float, high: float, left: float, right: float) -> Scale:
    """A logarithmic scale from seconds to units."""
    return Scale(low, max(high, low * 10), left, right)


class Scale:
    """A logarithmic scale; values outside are put at its ends."""

    def __init__(self, low: float, high: float, left: float, right: float) -> None:
        self.low, self.high, self.left, self.right = low, high, left, right

    def __call__(self, value: float) -> float:
        """Where a value stands."""
        inside = min(max(value, self.low), self.high)
        share = math.log(inside / self.low) / math.log(self.high / self.low)
        return self.left + share * (self.right - self.left)

    def axis(self, y: float, top: float) -> Markup:
        """Ticks at spoken times, with faint lines up to `top`."""
        marks, last = [], -math.inf
        for at, words in _TIMES:
            x = self(at)
            if self.low <= at <= self.high and x - last >= _TICK:
                last = x
                marks += [line(x, top, x, y, "rule"), text(x, y + 13, words, "label", "middle")]
        return Markup("").join(marks)


_TICK = 36.0
"""Ticks stand at least so far apart, so that their words do not touch."""
_TIMES: Iterable[tuple[float, str]] = (
    (0.01, "10 ms"), (0.1, "0.1 s"), (0.3, "0.3 s"), (1, "1 s"), (3, "3 s"), (10, "10 s"), (30, "30 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"),
    (14_400, "4 h"), (86_400, "1 d"), (604_800, "1 wk"), (2_592_000, "30 d"), (31_536_000, "1 y"),
)  # fmt: skip


def _plain(value: object) -> str:
    return f"{round(value, 2):g}" if isinstance(value, float) else str(value)
