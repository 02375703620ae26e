"""What must be in an event for a rule to hold, as a formula over keys.

A rule's condition implies a weaker one that only asks whether literals stand in certain
fields: a conjunction needs what all its parts need, a choice what one of them needs, and
a negation nothing. It is evaluated on the keys that one pass over the event found, and
spares judging nearly every rule. What the kind of event decides is decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import NamedTuple

from roguewatch.detect.sigma.expression import And, Expression, Like, Not, Or, fold
from roguewatch.detect.sigma.gates import CLOSED, Key, Keys, field_of, keys_of, worth

Formula = Callable[[Set[int]], bool]
"""Whether the keys found, by number, suffice."""
Need = bool | Keys | tuple[str, tuple["Need", ...]]
"""True: nothing. False: it cannot hold. A set: one of these keys. `("and", …)`, `("or", …)`."""


class Asked(NamedTuple):
    """What a test needs to see."""

    field: str
    whole: str | None
    """The one value, folded, that the field must have; None: not that simple."""
    keys: Keys | None
    """Keys of which one must be there; None: it may hold where nothing is."""


Skeleton = Asked | tuple[str, tuple["Skeleton", ...]] | None
"""A condition reduced to what it needs; None: nothing. Made once for each rule."""


def skeleton(expression: Expression) -> Skeleton:
    """Reduce a condition."""
    if isinstance(expression, And | Or):
        how = "and" if isinstance(expression, And) else "or"
        return how, tuple(skeleton(arg) for arg in expression.args)
    if isinstance(expression, Not):
        return None
    whole = None
    if isinstance(expression, Like) and len(expression.parts) == 1:
        part = expression.parts[0]
        whole = fold(part) if isinstance(part, str) else None
    return Asked(expression.field, whole, keys_of(expression))


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
        if asked.keys is None:
            return True
        if asked.field and asked.field.startswith(empty):
            return False
        return asked.keys
    how, args = asked
    # What decides a conjunction or a choice at once, and what adds nothing to it.
    decides = how == "or"
    keys: Keys = frozenset()
    parts: list[Need] = []
    for arg in args:
        one = need(arg, known, empty)
        if one is decides:
            return decides
        if isinstance(one, frozenset) and decides:
            keys |= one
        elif not isinstance(one, bool):
            parts.append(one)
    if keys:
        parts.insert(0, keys)
    if not parts:
        return not decides
    return parts[0] if len(parts) == 1 else (how, tuple(parts))


def keys_in(wanted: Need) -> Iterator[Key]:
    """Every key of a need."""
    if isinstance(wanted, frozenset):
        yield from wanted
    elif isinstance(wanted, tuple):
        for part in wanted[1]:
            yield from keys_in(part)


def keys_asked(asked: Skeleton) -> Iterator[Key]:
    """Every key that a need of this condition may have."""
    if isinstance(asked, Asked):
        yield from asked.keys or ()
    elif asked is not None:
        for arg in asked[1]:
            yield from keys_asked(arg)


def fields_asked(asked: Skeleton) -> Iterator[str]:
    """The field of every test that is not denied."""
    if isinstance(asked, Asked):
        yield asked.field
    elif asked is not None:
        for arg in asked[1]:
            yield from fields_asked(arg)


class Case(NamedTuple):
    """What a rule needs of events that are alike in what `Needs` is told of them."""

    fields: frozenset[str]
    """Where the keys that it may need are looked for."""
    of_text: Keys
    """Those that are looked for in texts."""
    first: tuple[int, ...] | None
    """Keys of which one must be there, by number; None: none must."""
    rest: Formula | None
    """What else it needs."""
    placed: bool
    """Whether the keys say on which commands it may hold."""


class Needs:
    """What a condition needs, worked out once for all kinds of event that it tells apart.

    A rule that speaks neither of the class of tool nor of what such events lack needs the
    same of most of them.
    """

    def __init__(self, condition: Expression) -> None:
        self.asked = skeleton(condition)
        self.keys = frozenset(keys_asked(self.asked))
        """Every key that it may need."""
        self._fields = frozenset(fields_asked(self.asked))
        self.named_arguments = [one for one in self._fields if one.startswith("arguments.")]
        self._told = [(n, values) for n, values in _wholes(self.asked).items() if n in CLOSED]
        self._lacks: dict[str, bool] = {}
        """Beginning of a field's name: whether it asks for such a field."""
        self._lacking: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._cases: dict[tuple[object, ...], Case | None] = {}

    def case(
        self, known: Mapping[str, str], empty: tuple[str, ...], numbers: Mapping[Key, int]
    ) -> Case | None:
        """What it needs of such events (as in `need`), or None where it cannot hold."""
        lacking = self._lacking.get(empty)
        if lacking is None:
            lacking = self._lacking[empty] = tuple([one for one in empty if self._asks(one)])
        told = tuple(
            [known[name] if known[name] in wholes else None for name, wholes in self._told]
        )
        key = (lacking, told)
        if key not in self._cases:
            self._cases[key] = self._worked_out(known, lacking, numbers)
        return self._cases[key]

    def _asks(self, beginning: str) -> bool:
        known = self._lacks.get(beginning)
        if known is None:
            known = any(field.startswith(beginning) for field in self._fields)
            self._lacks[beginning] = known
        return known

    def _worked_out(
        self, known: Mapping[str, str], empty: tuple[str, ...], numbers: Mapping[Key, int]
    ) -> Case | None:
        wanted = need(self.asked, known, empty)
        if wanted is False:
            return None
        first = clause(wanted)
        placed = first is not None and all(key.field.startswith("command.") for key in first)
        filed = None if first is None else tuple(numbers[key] for key in first)
        keys = frozenset(keys_in(wanted))
        fields = frozenset(map(field_of, keys))
        of_text = frozenset(key for key in keys if key.field == "text")
        return Case(fields, of_text, filed, formula(wanted, numbers, first), placed)


def _wholes(asked: Skeleton) -> dict[str, set[str]]:
    """By field, the whole values that a condition names."""
    found: dict[str, set[str]] = {}
    waiting = [asked]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Asked):
            if one.whole is not None:
                found.setdefault(one.field, set()).add(one.whole)
        elif one is not None:
            waiting += one[1]
    return found


_MOST_KEYS = 400


def clause(wanted: Need) -> Keys | None:
    """The most telling set of keys of which one must be there, or None."""
    if isinstance(wanted, bool):
        return None
    if isinstance(wanted, frozenset):
        return wanted
    how, parts = wanted
    found = [clause(part) for part in parts]
    if how == "and":
        return max((one for one in found if one), key=_telling, default=None)
    union: Keys = frozenset()
    for one in found:
        if one is None:
            return None
        union |= one
    return union if len(union) <= _MOST_KEYS else None


def _telling(keys: Keys) -> tuple[float, bool, int]:
    of_command = all(key.field.startswith("command.") for key in keys)
    return min(map(worth, keys)), of_command, -len(keys)


def formula(wanted: Need, numbers: Mapping[Key, int], but: Keys | None = None) -> Formula | None:
    """A need as a test of the keys found; None: it always holds.

    Args:
        wanted: the need.
        numbers: the number of each key.
        but: keys of which one is known to be there.
    """
    if wanted is True or wanted == but:
        return None
    if wanted is False:
        return lambda found: False
    if isinstance(wanted, frozenset):
        any_of = frozenset(numbers[key] for key in wanted)
        if len(any_of) == 1:
            (only,) = any_of
            return lambda found: only in found
        return lambda found: not any_of.isdisjoint(found)
    how, parts = wanted
    some = how == "or"
    tests = [
        test
        for part in parts
        if (test := formula(part, numbers, None if some else but)) is not None
    ]
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    return _some(tests) if some else _every(tests)


# Loops and no generators: entering one costs as much as a test.


def _every(tests: list[Formula]) -> Formula:
    def every(found: Set[int]) -> bool:
        for test in tests:  # noqa: SIM110
            if not test(found):
                return False
        return True

    return every


def _some(tests: list[Formula]) -> Formula:
    def some(found: Set[int]) -> bool:
        for test in tests:  # noqa: SIM110
            if test(found):
                return True
        return False

    return some
