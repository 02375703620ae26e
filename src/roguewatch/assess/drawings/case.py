"""The safety case drawn in goal structuring notation.

Goals are rectangles, strategies parallelograms, solutions circles (drawn as stadiums, to hold
their words), contexts rounded, assumptions and justifications ovals with A and J. An
undeveloped node has the diamond below it, a defeated one a cross.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from markupsafe import Markup

from roguewatch.assess.document.safety import CaseNode, SafetyCase
from roguewatch.assess.drawings.svg import drawing, element, line, path, rect, text, titled

_WIDE, _HIGH, _GAP, _DROP, _INDENT = 176.0, 52.0, 20.0, 26.0, 14.0
MAX_COLUMNS = 8
"""Branches drawn; the list below the drawing has all."""


class _Placed:
    """Where nodes stand, and the lines between them."""

    def __init__(self, case: SafetyCase) -> None:
        self.below: dict[str, list[CaseNode]] = {}
        for node in case.nodes:
            self.below.setdefault(node.under, []).append(node)
        self.boxes: list[Markup] = []
        self.lines: list[Markup] = []
        self.bottom = 0.0

    def support(self, node: CaseNode) -> list[CaseNode]:
        return [one for one in self.below.get(node.id, ()) if one.kind in _SUPPORT]

    def beside(self, node: CaseNode) -> list[CaseNode]:
        return [one for one in self.below.get(node.id, ()) if one.kind not in _SUPPORT]

    def put(self, node: CaseNode, x: float, y: float) -> None:
        self.boxes.append(_box(node, x, y))
        self.bottom = max(self.bottom, y + _HIGH + 14)


_SUPPORT = ("goal", "strategy", "solution")


def case(given: SafetyCase) -> Markup:
    """The tree: the trunk in the middle, each branch a column whose nodes stand in order."""
    placed = _Placed(given)
    trunk = [given.nodes[0]]
    while len(placed.support(trunk[-1])) == 1:
        trunk += placed.support(trunk[-1])
    branches = placed.support(trunk[-1])[:MAX_COLUMNS]
    columns = max(len(branches), 3)
    width = columns * (_WIDE + _GAP + _INDENT) + _GAP
    y = _trunk(placed, trunk, width)
    _branches(placed, branches, trunk[-1], width, y)
    says = "; ".join(f"{node.id} {node.title}: {node.state}" for node in given.nodes)
    return drawing("case", placed.bottom + 4, f"{given.name}, drawn", says,
                   *placed.lines, *placed.boxes, width=width)  # fmt: skip


def _trunk(placed: _Placed, trunk: Sequence[CaseNode], width: float) -> float:
    """The nodes from the top down to where it branches, what is beside them on both sides."""
    middle, y = width / 2, 8.0
    for place, node in enumerate(trunk):
        others = placed.beside(node)
        placed.put(node, middle - _WIDE / 2, y)
        left, right = others[::2], others[1::2]
        rows = max(len(left), len(right), 1)
        for side, nodes in ((-1, left), (1, right)):
            for row, one in enumerate(nodes):
                x = middle + side * (_WIDE + 2 * _GAP) - _WIDE / 2
                at = y + row * (_HIGH + 12)
                placed.put(one, x, at)
                end = x + _WIDE if side < 0 else x
                start = middle + side * _WIDE / 2
                placed.lines.append(line(start, y + _HIGH / 2, end, at + _HIGH / 2, "beside"))
        y += rows * (_HIGH + 12) - 12 + _DROP + 6
        if place < len(trunk) - 1:
            placed.lines.append(
                line(middle, y - _DROP - 6 - (rows - 1) * (_HIGH + 12), middle, y, "edge")
            )
    return y


def _branches(
    placed: _Placed, branches: Sequence[CaseNode], above: CaseNode, width: float, y: float
) -> None:
    """Columns of goals, with everything under each goal below it."""
    room = width / max(len(branches), 1)
    rows = max((len(placed.beside(above)) + 1) // 2, 1)
    start = y - _DROP - 6 - (rows - 1) * (_HIGH + 12)
    for place, node in enumerate(branches):
        x = room * (place + 0.5) - (_WIDE + _INDENT) / 2
        placed.lines.append(
            path(f"M{width / 2:g} {start:g}V{y - 12:g}H{x + _WIDE / 2:g}V{y:g}", "edge")
        )
        placed.put(node, x, y)
        _stack(placed, node, x, y)


def _stack(placed: _Placed, node: CaseNode, x: float, y: float) -> float:
    """What is under and beside a node, one below the other and indented. Returns the end."""
    at, spine = y + _HIGH + _DROP - 8, x + 4
    for one in (*placed.beside(node), *placed.support(node)):
        class_ = "edge" if one.kind in _SUPPORT else "beside"
        placed.lines.append(
            path(f"M{spine:g} {y + _HIGH:g}V{at + _HIGH / 2:g}H{x + _INDENT:g}", class_)
        )
        placed.put(one, x + _INDENT, at)
        at = _stack(placed, one, x + _INDENT, at) if placed.below.get(one.id) else at + _HIGH + 20
    return at


def _box(node: CaseNode, x: float, y: float) -> Markup:
    """One node in its shape, with its state; it leads to its place in the list."""
    class_ = f"gsn {node.state}"
    words = textwrap.wrap(node.title, 24, max_lines=2, placeholder=" …")
    first = y + 32 - 6.5 * (len(words) - 1)
    marks = [_shape(node, x, y, class_), text(x + _WIDE / 2, y + 13, node.id, "label id", "middle")]
    marks += [text(x + _WIDE / 2, first + 13 * row + 4, one, "", "middle")
              for row, one in enumerate(words)]  # fmt: skip
    if node.kind in ("assumption", "justification"):
        marks.append(text(x + _WIDE - 4, y + _HIGH - 2, node.kind[0].upper(), "strong", "end"))
    marks.append(_sign(node, x, y))
    inside = titled(f"{node.kind} {node.id}, {node.state}: {node.title}", *marks)
    return element("a", inside, href=f"#case-{node.id}")


def _shape(node: CaseNode, x: float, y: float, class_: str) -> Markup:
    w, h = _WIDE, _HIGH
    if node.kind == "strategy":
        return path(f"M{x + 12:g} {y:g}H{x + w:g}L{x + w - 12:g} {y + h:g}H{x:g}Z", class_)
    rounded = {"goal": 0, "context": 14, "solution": h / 2}.get(node.kind)
    if rounded is None:
        return element("ellipse", cx=x + w / 2, cy=y + h / 2, rx=w / 2, ry=h / 2, class_=class_)
    if not rounded:
        return rect(x, y, w, h, class_)
    return element("rect", x=x, y=y, width=w, height=h, rx=rounded, class_=class_)


def _sign(node: CaseNode, x: float, y: float) -> Markup:
    """The undeveloped diamond below a node, or the cross of a defeated one."""
    middle, low = x + _WIDE / 2, y + _HIGH
    if node.state == "undeveloped":
        return path(f"M{middle:g} {low:g}l7 7l-7 7l-7 -7Z", "diamond")
    if node.state == "defeated":
        return path(f"M{x + _WIDE - 30:g} {y + 7:g}l9 9m0 -9l-9 9", "cross")
    return Markup("")
