"""What must be in an event for a rule to hold, as a formula over literals.

A rule's condition implies a weaker one that only asks whether literals stand in the
event: a conjunction needs what all its parts need, a choice what one of them needs, and
a negation nothing. It is evaluated on the literals that one pass over the event found,
and spares judging nearly every rule. What the kind of event decides is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from roguewatch.detect.sigma.expression import And, Expression, Like, Not, Or, fold
from roguewatch.detect.sigma.gates import leaf_gate

Formula = Callable[[set[str]], bool]
Need = bool | frozenset[str] | tuple[str, tuple["Need", ...]]
"""True: nothing. False: it cannot hold. A set: one of these literals. `("and", …)`, `("or", …)`."""

LEAST = 3
"""A shorter literal is in nearly every text."""

COVERED_BY = {"command.arguments": "command.text", "command.program": "command.text"}
"""Fields whose values always stand within another field's: that one is searched."""


class Asked(NamedTuple):
    """What a test needs to see."""

    field: str
    whole: str | None
    """The one value, folded, that the field must have; None: not that simple."""
    texts: frozenset[str] | None
    """Literals of which one must be in the field; None: not that simple."""
    absent: bool
    """Whether it may hold where the field has no value."""
    searched: str
    """The field whose text shows the literals."""


Skeleton = Asked | tuple[str, tuple["Skeleton", ...]] | None
"""A condition reduced to what it needs; None: nothing. Made once for each rule."""


def skeleton(expression: Expression) -> Skeleton:
    """Reduce a condition."""
    if isinstance(expression, And | Or):
        how = "and" if isinstance(expression, And) else "or"
        return how, tuple(skeleton(arg) for arg in expression.args)
    if isinstance(expression, Not):
        return None
    name = expression.field
    whole = None
    if isinstance(expression, Like) and len(expression.parts) == 1:
        part = expression.parts[0]
        whole = fold(part) if isinstance(part, str) else None
    keys = leaf_gate(expression)
    simple = keys and name not in _UNSEARCHED and all(len(key.text) >= LEAST for key in keys)
    texts = frozenset(key.text for key in keys) if keys and simple else None
    shown = f"command.{name[9:]}" if name.startswith("commands.") else name
    return Asked(name, whole, texts, keys is None or not name, COVERED_BY.get(shown, shown))


def need(asked: Skeleton, known: Mapping[str, str], empty: tuple[str, ...]) -> Need:
    """What must be there for a condition to hold.

    Args:
        asked: the condition, or a part of it.
        known: values of fields that are the same in all events in question.
        empty: beginnings of the names of fields that those events do not have.
    """
    if asked is None:
        return True
    if isinstance(asked, Asked):
        if asked.field in known:
            return asked.whole is None or asked.whole == known[asked.field]
        if not asked.absent and asked.field.startswith(empty):
            return False
        return True if asked.texts is None else asked.texts
    how, args = asked
    # What decides a conjunction or a choice at once, and what adds nothing to it.
    decides = how == "or"
    literals: frozenset[str] = frozenset()
    parts: list[Need] = []
    for arg in args:
        one = need(arg, known, empty)
        if one is decides:
            return decides
        if isinstance(one, frozenset) and decides:
            literals |= one
        elif not isinstance(one, bool):
            parts.append(one)
    if literals:
        parts.insert(0, literals)
    if not parts:
        return not decides
    return parts[0] if len(parts) == 1 else (how, tuple(parts))


def literals_of(asked: Skeleton) -> Iterator[tuple[str, str]]:
    """(field to search, literal) of everything that a need may ask for."""
    if isinstance(asked, Asked):
        for text in asked.texts or ():
            yield asked.searched, text
    elif asked is not None:
        for arg in asked[1]:
            yield from literals_of(arg)


_UNSEARCHED = frozenset(
    """kind surface sighting session agent parent_agent author model permission_mode cwd
    tool.class exit_status failed usage.total command.background command.certain
    command.pipeline commands.background commands.certain commands.pipeline""".split()
)


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
