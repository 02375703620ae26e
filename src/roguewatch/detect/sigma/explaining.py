"""Why a rule held on an event, or which part of it did not."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from roguewatch.detect.sigma.expression import And, Expression, Like, Not, Or
from roguewatch.detect.sigma.matching import compile_expression
from roguewatch.detect.sigma.view import View
from roguewatch.printable import printable


class Step(msgspec.Struct, frozen=True):
    """One part of a condition, judged."""

    depth: int
    holds: bool
    text: str


def explain(expression: Expression, view: View, at: int, depth: int = 0) -> Iterator[Step]:
    """Every part of the condition in order, outermost first.

    Args:
        view: the event.
        at: index of the command to judge it on, or -1.
    """
    holds = compile_expression(expression)(view, at)
    yield Step(depth, holds, _describe(expression, view, at))
    if isinstance(expression, And | Or):
        for arg in expression.args:
            yield from explain(arg, view, at, depth + 1)
    elif isinstance(expression, Not):
        yield from explain(expression.arg, view, at, depth + 1)


def _describe(expression: Expression, view: View, at: int) -> str:
    if isinstance(expression, And):
        return "all of"
    if isinstance(expression, Or):
        return "one of"
    if isinstance(expression, Not):
        return "not"
    if isinstance(expression, Like):
        wanted = "".join(p if isinstance(p, str) else "*?"[p] for p in expression.parts)
        test = f"is {wanted!r}"
    else:
        test = ", ".join(
            f"{name} {value!r}"
            for name, value in msgspec.structs.asdict(expression).items()
            if name not in ("field", "literals") and value not in (False, "")
        )
        test = f"{type(expression).__name__.lower()}: {test}"
    values = " | ".join(view.texts(expression.field, at)) or "(absent)"
    return printable(f"{expression.field or 'keyword'} {test}, has {values}", 240)
