"""What must be in an event for a rule to hold, as a formula over literals.

A rule's condition implies a weaker one that only asks whether literals stand in the
event: a conjunction needs what all its parts need, a choice what one of them needs, and
a negation nothing. It is evaluated on the literals that one pass over the event found,
and spares judging nearly every rule. What the kind of event decides is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from roguewatch.detect.sigma.expression import And, Expression, Leaf, Like, Not, Or, fold
from roguewatch.detect.sigma.gates import leaf_gate

Found = Collection[str]
Formula = Callable[[set[str]], bool]
Need = bool | frozenset[str] | tuple[str, tuple["Need", ...]]
"""True: nothing. False: it cannot hold. A set: one of these literals. `("and", …)`, `("or", …)`."""

LEAST = 3
"""A shorter literal is in nearly every text."""

COVERED_BY = {"command.arguments": "command.text", "command.program": "command.text"}
"""Fields whose values always stand within another field's: that one is searched."""


def need(expression: Expression, known: Mapping[str, str], empty: tuple[str, ...]) -> Need:
    """What must be there for the expression to hold.

    Args:
        expression: a condition or a part of one.
        known: values of fields that are the same in all events in question.
        empty: beginnings of the names of fields that those events do not have.
    """
    if isinstance(expression, And):
        parts: list[Need] = []
        for arg in expression.args:
            one = need(arg, known, empty)
            if one is False:
                return False
            if one is not True:
                parts.append(one)
        return _joined("and", parts) if parts else True
    if isinstance(expression, Or):
        parts = []
        for arg in expression.args:
            one = need(arg, known, empty)
            if one is True:
                return True
            if one is not False:
                parts.append(one)
        literals: frozenset[str] = frozenset()
        rest: list[Need] = []
        for one in parts:
            if isinstance(one, frozenset):
                literals |= one
            else:
                rest.append(one)
        return _joined("or", [literals, *rest] if literals else rest)
    if isinstance(expression, Not):
        return True
    return _leaf(expression, known, empty)


def _leaf(leaf: Leaf, known: Mapping[str, str], empty: tuple[str, ...]) -> Need:
    if leaf.field in known:
        if isinstance(leaf, Like) and len(leaf.parts) == 1 and isinstance(leaf.parts[0], str):
            return fold(leaf.parts[0]) == known[leaf.field]
        return True
    keys = leaf_gate(leaf)
    if keys is None:
        return True
    if leaf.field and leaf.field.startswith(empty):
        return False
    if any(len(key.text) < LEAST or not searched(key.field) for key in keys):
        return True
    return frozenset(key.text for key in keys)


def searched(name: str) -> bool:
    """Whether a field is text that is searched for literals."""
    return name not in _UNSEARCHED


_UNSEARCHED = frozenset(
    """kind surface sighting session agent parent_agent author model permission_mode cwd
    tool.class exit_status failed usage.total command.background command.certain
    command.pipeline commands.background commands.certain commands.pipeline""".split()
)


def fields_of(expression: Expression, empty: tuple[str, ...]) -> set[str]:
    """The fields that a formula's literals must be searched in."""
    if isinstance(expression, And | Or):
        return {name for arg in expression.args for name in fields_of(arg, empty)}
    if isinstance(expression, Not):
        return set()
    keys = leaf_gate(expression) or ()
    return {
        COVERED_BY.get(key.field, key.field)
        for key in keys
        if len(key.text) >= LEAST and searched(key.field) and not key.field.startswith(empty)
    }


def literals_of(expression: Expression) -> set[tuple[str, str]]:
    """(field to search, literal) of everything that a formula may ask for."""
    if isinstance(expression, And | Or):
        return {pair for arg in expression.args for pair in literals_of(arg)}
    if isinstance(expression, Not):
        return set()
    return {
        (COVERED_BY.get(key.field, key.field), key.text)
        for key in leaf_gate(expression) or ()
        if len(key.text) >= LEAST and searched(key.field)
    }


def formula(wanted: Need) -> Formula | None:
    """A need as a test of the literals found; None: it always holds."""
    if wanted is True:
        return None
    if wanted is False:
        return lambda found: False
    if isinstance(wanted, frozenset):
        if len(wanted) == 1:
            (only,) = wanted
            return lambda found: only in found
        return lambda found: not wanted.isdisjoint(found)
    how, parts = wanted
    tests = [test for part in parts if (test := formula(part)) is not None]
    if how == "and":

        def every(found: set[str]) -> bool:
            for test in tests:  # noqa: SIM110 (a generator costs as much as the tests)
                if not test(found):
                    return False
            return True

        return every

    def some(found: set[str]) -> bool:
        for test in tests:  # noqa: SIM110
            if test(found):
                return True
        return False

    return some


def _joined(how: str, parts: list[Need]) -> Need:
    if not parts:
        return False
    return parts[0] if len(parts) == 1 else (how, tuple(parts))
