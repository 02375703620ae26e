"""What must be in an event for one test of a rule to hold, and where.

Every test but those that absence satisfies needs something to be there: a literal in a
field, a value, or any value at all. `prefilter` puts these together for a whole condition.
"""

from __future__ import annotations

import re

# The parser of `re` has no public name since `sre_parse` was deprecated.
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as sre_parser  # type: ignore[import-not-found]
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal, NamedTuple, get_args

from roguewatch.detect.sigma.expression import (
    KEYWORD,
    And,
    Boolean,
    Exists,
    Expression,
    Leaf,
    Like,
    Or,
    Regex,
    fold,
)
from roguewatch.detect.sigma.rule import Rule
from roguewatch.detect.tools import ToolClass
from roguewatch.errors import RuleError
from roguewatch.events import Kind


class Key(NamedTuple):
    """One thing that an event may show."""

    how: Literal["in", "is", "has"]
    """A value contains the text, is the text, or is there at all."""
    field: str
    """The field that is looked into, which may be a wider one than the rule names."""
    text: str = ""
    """Case folded."""


Keys = frozenset[Key]

_CLOSED = {"kind": frozenset(get_args(Kind)), "tool.class": frozenset(get_args(ToolClass))}
_COMMON = frozenset(
    """the and all not but for are was has this that with from you your out use new get set any
    error fail failed test tests file files code system user users return running without
    please prompt done result name path type data text line value import print""".split()
)
"""Words that most texts hold: needing one of them lets nearly everything through."""
LEAST = 3
"""A shorter literal is in nearly every text."""

_UNSEARCHED = frozenset(
    """surface sighting session agent parent_agent author model permission_mode cwd exit_status
    failed usage.total kind tool.class command.background command.certain
    command.pipeline""".split()
)
LOOKED_UP = _UNSEARCHED | {"command.program", "command.via", "command.piped_from"}
"""Fields of few and short values: whole ones are looked up. In all but the unsearched the
literals of all rules are searched for at once."""

_COVERED_BY = {"command.arguments": "command.text"}
"""Fields whose values always stand within another field's: that one is searched."""


def worth(key: Key) -> float:
    """How much a key tells events apart."""
    if key.how == "has":
        return 2.0 if key.field.startswith(_RARE) else _PRESENT.get(key.field, 0.9)
    if key.how == "is":
        return 0.2 if key.text == "false" else 40.0
    return _worth(key.text)


_PRESENT = {"text": 0.1, "arguments": 0.3, "command.text": 0.7, "command.program": 0.7}
_RARE = ("command.decoded", "command.via", "command.redirects", "command.assignments", "detail.")


def _worth(literal: str) -> float:
    """How much a literal tells texts apart: its length, next to nothing for common words."""
    word = literal.strip()
    return 3.0 + len(word) / 100 if word in _COMMON or len(word) < 3 else float(min(len(word), 30))


def keys_of(leaf: Leaf) -> Keys | None:
    """What of which one must be there for a test to hold; None: nothing need be."""
    if isinstance(leaf, Exists) and not leaf.value:
        return None
    # Of all commands or of one: the same values, but only the latter say which command.
    scope = "commands." if leaf.field.startswith("commands.") else ""
    name = f"command.{leaf.field[9:]}" if scope else leaf.field
    name = "arguments" if name.startswith("arguments.") else name
    literals: frozenset[str] | None = None
    if isinstance(leaf, Like):
        texts = [fold(part) for part in leaf.parts if isinstance(part, str)]
        if not leaf.parts or leaf.parts == ("",):
            return None
        if len(leaf.parts) == 1 and texts and name in LOOKED_UP:
            return _keys("is", scope, name, texts)
        longest = max(texts, key=_worth, default="")
        literals = frozenset([longest]) if len(longest) >= LEAST else None
    elif isinstance(leaf, Regex):
        literals = required_literals(leaf.pattern, leaf.flags)
    elif isinstance(leaf, Boolean) and name in _UNSEARCHED:
        return _keys("is", scope, name, ["true" if leaf.value else "false"])
    if name == KEYWORD:
        fields = ("text", "arguments")
        return (
            frozenset(Key("in", f, one) for f in fields for one in literals) if literals else None
        )
    name = _COVERED_BY.get(name, name)
    if literals is None or name in _UNSEARCHED:
        return _keys("has", scope, name, [""])
    return _keys("in", scope, name, literals)


def _keys(how: Literal["in", "is", "has"], scope: str, name: str, texts: Iterable[str]) -> Keys:
    field = scope + name.partition(".")[2] if scope else name
    return frozenset(Key(how, field, text) for text in texts)


@lru_cache(maxsize=4096)  # a rule's gate and its skeleton ask the same
def required_literals(pattern: str, flags: str = "") -> frozenset[str] | None:
    """Folded texts of which one is in every match; None where none could be shown.

    Python's parser reads the expression; it is never run.
    """
    try:
        parsed = sre_parser.parse(pattern)
    except (re.error, RecursionError, OverflowError):
        return None
    return _required(list(parsed))


_MOST = 60
"""Literals of which one must be there: with more, they are no telling set."""


def _required(items: list[Any]) -> frozenset[str] | None:
    """The best set among the runs of known texts and the groups of a sequence."""
    found: list[frozenset[str]] = []
    run = frozenset([""])
    for op, value in items:
        if op is sre.AT:  # an anchor has no width: what stands around it is adjacent
            continue
        texts = _texts(op, value)
        if texts is not None and len(texts) * len(run) <= _MOST:
            run = frozenset(before + after for before in run for after in texts)
            continue
        found.append(run)
        run = frozenset([""]) if texts is None else texts
        inner = _inner(op, value)
        if inner:
            found.append(inner)
    found.append(run)
    shortest = (_shortest(one) for one in found)
    usable = [one for one in shortest if min(map(len, one)) >= LEAST and len(one) <= _MOST]
    return max(usable, key=lambda one: (min(map(_worth, one)), -len(one)), default=None)


def _shortest(texts: frozenset[str]) -> frozenset[str]:
    """Folded, without those that contain another: where they stand, it stands too."""
    kept: list[str] = []
    for text in sorted(map(fold, texts), key=len):
        if not any(one in text for one in kept):
            kept.append(text)
    return frozenset(kept)


def _texts(op: Any, value: Any) -> frozenset[str] | None:
    """All texts that a part of an expression matches, where they are few."""
    if op is sre.LITERAL:
        return frozenset([chr(value)])
    if op is sre.SUBPATTERN:
        return _sequence(list(value[3]))
    if op is sre.BRANCH:
        branches = [_sequence(list(branch)) for branch in value[1]]
        known = [one for one in branches if one is not None]
        union = frozenset(text for one in known for text in one)
        return union if len(known) == len(branches) and len(union) <= _MOST else None
    if op is sre.IN and len(value) <= 4 and all(kind is sre.LITERAL for kind, _ in value):
        return frozenset(chr(code) for _, code in value)
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT) and value[1] == 1:
        inner = _sequence(list(value[2]))
        return inner and (inner | {""} if value[0] == 0 else inner)
    return None


def _sequence(items: list[Any]) -> frozenset[str] | None:
    known = frozenset([""])
    for op, value in items:
        texts = frozenset([""]) if op is sre.AT else _texts(op, value)
        if texts is None or len(texts) * len(known) > _MOST:
            return None
        known = frozenset(before + after for before in known for after in texts)
    return known


def _inner(op: Any, value: Any) -> frozenset[str] | None:
    if op is sre.SUBPATTERN:
        return _required(list(value[3]))
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        least, _, body = value
        return _required(list(body)) if least >= 1 else None
    if op is sre.BRANCH:
        union: set[str] = set()
        for branch in value[1]:
            one = _required(list(branch))
            if one is None:
                return None
            union |= one
        return frozenset(union)
    return None


def allowed(expression: Expression, field: str) -> frozenset[str] | None:
    """The values that a field with a closed set must have one of; None: any."""
    closed = _CLOSED[field]
    if isinstance(expression, And):
        sets = [one for arg in expression.args if (one := allowed(arg, field)) is not None]
        return frozenset.intersection(*sets) if sets else None
    if isinstance(expression, Or):
        union: frozenset[str] = frozenset()
        for arg in expression.args:
            one = allowed(arg, field)
            if one is None:
                return None
            union |= one
        return union
    if isinstance(expression, Like) and expression.field == field:
        return closed & {str(expression.parts[0])} if len(expression.parts) == 1 else None
    return None


def kinds(rule: Rule) -> frozenset[str]:
    """The kinds of event that the rule can hold on."""
    explicit = allowed(rule.condition, "kind")
    return _CLOSED["kind"] if explicit is None else explicit


def check_possible(rule: Rule) -> None:
    """Refuse a rule that no event can satisfy.

    Raises:
        RuleError: it asks for kinds or tool classes that do not exist or exclude each other.
    """
    for field in _CLOSED:
        if allowed(rule.condition, field) == frozenset():
            raise RuleError(
                f"{rule.meta.file}: {rule.meta.title}: {field}: no event can satisfy what the "
                f"rule asks of it; it is one of {', '.join(sorted(_CLOSED[field] - {''}))}"
            )
