"""Expressions compiled to closures over a `View`.

Every text test is a string operation or RE2, both linear in the text whatever it says;
Python's backtracking `re` never sees an agent's text.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection

import re2

from roguewatch.detect.addresses import in_network, network
from roguewatch.detect.fields import Value
from roguewatch.detect.scanning import searcher
from roguewatch.detect.sigma.expression import (
    And,
    Boolean,
    Exists,
    Expression,
    Leaf,
    Like,
    Network,
    Not,
    Number,
    Or,
    Part,
    Reference,
    Regex,
    fold,
)
from roguewatch.detect.sigma.view import View

Match = Callable[[View, int], bool]
"""(view, index of the command or -1) to whether it holds."""

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


def regex(pattern: str, flags: str = "") -> re2._Regexp:
    """An RE2 program that finds no groups and logs nothing."""
    options = re2.Options()
    options.never_capture = True
    options.log_errors = False
    return re2.compile(f"(?{flags}){pattern}" if flags else pattern, options)


def compile_expression(expression: Expression) -> Match:
    """The expression as a function. Cheap tests of a conjunction come first."""
    if isinstance(expression, And):
        return _every(tuple(map(compile_expression, sorted(expression.args, key=_cost))))
    if isinstance(expression, Or):
        return _some(tuple(map(compile_expression, sorted(expression.args, key=_cost))))
    if isinstance(expression, Not):
        test = compile_expression(expression.arg)
        return lambda view, at: not test(view, at)
    return _leaf(expression)


# Loops and no generators: entering one costs as much as a test.


def _every(tests: tuple[Match, ...]) -> Match:
    def test(view: View, at: int) -> bool:
        for one in tests:  # noqa: SIM110
            if not one(view, at):
                return False
        return True

    return test


def _some(tests: tuple[Match, ...]) -> Match:
    def test(view: View, at: int) -> bool:
        for one in tests:  # noqa: SIM110
            if one(view, at):
                return True
        return False

    return test


def _cost(expression: Expression) -> int:
    if isinstance(expression, And | Or):
        return max(_cost(arg) for arg in expression.args)
    if isinstance(expression, Not):
        return _cost(expression.arg)
    return 2 if isinstance(expression, Regex) else int(isinstance(expression, Like))


def _leaf(leaf: Leaf) -> Match:
    name = leaf.field
    if isinstance(leaf, Like):
        return _like(name, leaf.parts, leaf.cased)
    if isinstance(leaf, Regex):
        return _search(name, leaf.pattern, leaf.flags, View.encoded, leaf.literals)
    if isinstance(leaf, Exists):
        wanted = leaf.value
        return lambda view, at: bool(view.values(name, at)) is wanted
    if isinstance(leaf, Boolean):
        truth = leaf.value
        return lambda view, at: any(_is(value, truth) for value in view.values(name, at))
    if isinstance(leaf, Number):
        compare, bound = _COMPARE[leaf.op], leaf.value
        return lambda view, at: any(
            (number := _number(value)) is not None and compare(number, bound)
            for value in view.values(name, at)
        )
    if isinstance(leaf, Network):
        net = network(leaf.cidr)
        return lambda view, at: any(in_network(text, net) for text in view.texts(name, at))
    return _reference(leaf)


def _is(value: Value, truth: bool) -> bool:
    if isinstance(value, bool):
        return value is truth
    return isinstance(value, str) and fold(value) == ("true" if truth else "false")


def _number(value: Value) -> float | int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    # Longer digit strings are refused by int() anyway and are no number of a rule's.
    if len(value) > 40 or not value.isascii():
        return None
    try:
        return int(value)
    except ValueError:
        pass
    try:
        return float(value)
    except ValueError:
        return None


def _reference(leaf: Reference) -> Match:
    name, other = leaf.field, leaf.other
    if leaf.starts_with and leaf.ends_with:
        holds: Callable[[bytes, bytes], bool] = bytes.__contains__
    elif leaf.starts_with:
        holds = bytes.startswith
    elif leaf.ends_with:
        holds = bytes.endswith
    else:
        holds = operator.eq

    def test(view: View, at: int) -> bool:
        others = view.folded(other, at)
        return any(holds(text, part) for text in view.folded(name, at) for part in others)

    return test


Texts = Callable[[View, str, int], tuple[bytes, ...]]


def _like(name: str, parts: tuple[Part, ...], cased: bool) -> Match:
    texts: Texts = View.encoded if cased else View.folded
    shape = tuple("s" if isinstance(part, str) else part for part in parts)
    if shape in ((), ("s",)):
        whole = str(parts[0]).encode("utf-8", "replace") if parts else b""
        if not whole:
            # Empty text is how an event says that it has none.
            return lambda view, at: not view.values(name, at) or b"" in texts(view, name, at)
        return lambda view, at: whole in texts(view, name, at)
    text = next((part for part in parts if isinstance(part, str)), "")
    literal = text.encode("utf-8", "replace")
    if shape == (0,):
        return lambda view, at: bool(view.values(name, at))
    if shape == (0, "s", 0):
        return _of_any(texts, name, bytes.__contains__, literal)
    if shape == ("s", 0):
        return _of_any(texts, name, bytes.startswith, literal)
    if shape == (0, "s"):
        return _of_any(texts, name, bytes.endswith, literal)
    return _search(name, like_pattern(parts), "", texts)


def _of_any(
    texts: Texts, name: str, holds: Callable[[bytes, bytes], bool], literal: bytes
) -> Match:
    def test(view: View, at: int) -> bool:
        for text in texts(view, name, at):  # noqa: SIM110
            if holds(text, literal):
                return True
        return False

    return test


def like_pattern(parts: tuple[Part, ...]) -> str:
    """A Sigma string with wildcards as a regular expression over the whole value."""
    pieces = [re2.escape(part) if isinstance(part, str) else (".*", ".")[part] for part in parts]
    return "(?s)^(?:" + "".join(pieces) + r")\z"


_FEW = 4
"""Literals that are sooner looked for than a program is run."""


def _search(
    name: str, pattern: str, flags: str, texts: Texts, literals: Collection[str] = ()
) -> Match:
    search: Callable[[bytes], bool] | None = None
    wanted = [literal.encode("utf-8", "replace") for literal in literals]
    few = 0 < len(wanted) <= _FEW

    def test(view: View, at: int) -> bool:
        nonlocal search
        found = texts(view, name, at)
        if wanted and (few or search is None) and not _shows(view.folded(name, at), wanted):
            view.scanned += sum(map(len, found))
            return False
        if search is None:
            # Compiled when first needed, which takes longer than many events do: most rules
            # meet nothing that they need for a long time.
            search = searcher(regex(pattern, flags))
        for text in found:
            view.scanned += len(text)
            if search(text):
                return True
        return False

    return test


def _shows(texts: tuple[bytes, ...], literals: list[bytes]) -> bool:
    for text in texts:
        for literal in literals:
            if literal in text:
                return True
    return False


__all__ = ["Match", "compile_expression", "like_pattern", "regex"]
