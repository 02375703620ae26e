"""What must be in an event before a rule is worth judging.

A gate of a rule is a set of (field, exactly?, text) of which at least one must hold
whenever the rule does. Rules are filed under their gates, so that an event meets only
the rules it could satisfy, and the cost of an event hardly depends on how many rules
there are.
"""

from __future__ import annotations

import re

# The parser of `re` has no public name since `sre_parse` was deprecated.
import re._constants as sre  # type: ignore[import-not-found]
import re._parser as sre_parser  # type: ignore[import-not-found]
from functools import lru_cache
from typing import Any, NamedTuple, get_args

from roguewatch.detect.sigma.expression import (
    KEYWORD,
    And,
    Boolean,
    Exists,
    Expression,
    Leaf,
    Like,
    Not,
    Or,
    Regex,
    fold,
)
from roguewatch.detect.sigma.rule import Rule
from roguewatch.detect.tools import ToolClass
from roguewatch.errors import RuleError
from roguewatch.events import Kind


class Key(NamedTuple):
    """One way through a gate."""

    field: str
    exact: bool
    """Whether the value is the text, or else contains it."""
    text: str
    """Case folded. Contained and empty: the field has a value at all."""


Gate = frozenset[Key]

_CLOSED = {"kind": frozenset(get_args(Kind)), "tool.class": frozenset(get_args(ToolClass))}
_COMMON = frozenset(
    [
        "the",
        "and",
        "all",
        "not",
        "but",
        "for",
        "are",
        "was",
        "has",
        "this",
        "that",
        "with",
        "from",
        "you",
        "your",
        "out",
        "use",
        "new",
        "get",
        "set",
        "any",
        "error",
        "fail",
        "failed",
        "test",
        "tests",
        "file",
        "files",
        "code",
        "system",
        "user",
        "users",
        "return",
        "running",
        "without",
        "please",
        "prompt",
        "all",
        "done",
        "result",
        "name",
        "path",
        "type",
        "data",
        "text",
        "line",
        "value",
        "import",
        "print",
    ]
)
"""Words that most texts hold: a gate made of one lets nearly everything through."""
_MAX_KEYS = 400
_WEAK = {"kind": 0.5, "surface": 0.6, "sighting": 0.6, "tool.class": 1.0, "command.certain": 0.2}
_PRESENT = {"text": 0.1, "arguments": 0.3, "command.text": 0.7, "command.program": 0.7}
_RARE = ("command.decoded", "command.via", "command.redirects", "command.assignments", "detail.")
_MIN_LITERAL = 3


def gate(expression: Expression) -> Gate | None:
    """The most selective gate that could be shown, or None."""
    if isinstance(expression, And):
        found = [one for arg in expression.args if (one := gate(arg)) is not None]
        return max(found, key=_selectivity, default=None)
    if isinstance(expression, Or):
        union: set[Key] = set()
        for arg in expression.args:
            one = gate(arg)
            if one is None:
                return None
            union |= one
        return frozenset(union) if 0 < len(union) <= _MAX_KEYS else None
    if isinstance(expression, Not):
        return None
    return leaf_gate(expression)


def _selectivity(found: Gate) -> tuple[float, int]:
    def worth(key: Key) -> float:
        if key.exact:
            return 0.2 if key.text == "false" else _WEAK.get(key.field, 40.0)
        if not key.text:
            return 2.0 if key.field.startswith(_RARE) else _PRESENT.get(key.field, 0.9)
        return _worth(key.text)

    return min(worth(key) for key in found), -len(found)


def _worth(literal: str) -> float:
    """How much a literal tells texts apart: its length, next to nothing for common words."""
    word = literal.strip()
    return 3.0 + len(word) / 100 if word in _COMMON or len(word) < 3 else float(min(len(word), 30))


def leaf_gate(leaf: Leaf) -> Gate | None:
    """Every test but those that absence satisfies needs the field to have a value."""
    if (isinstance(leaf, Exists) and not leaf.value) or (
        leaf.field == KEYWORD and not _texts(leaf)
    ):
        return None
    if isinstance(leaf, Like):
        texts = _texts(leaf)
        if not leaf.parts or leaf.parts == ("",):
            return None
        if len(leaf.parts) == 1 and texts:
            return frozenset([Key(leaf.field, True, texts[0])])
        longest = max(texts, key=_worth, default="")
        if len(longest) >= _MIN_LITERAL:
            return frozenset([Key(leaf.field, False, longest)])
        if leaf.field == KEYWORD:
            return None
    if isinstance(leaf, Boolean):
        return frozenset([Key(leaf.field, True, "true" if leaf.value else "false")])
    if isinstance(leaf, Regex):
        literals = required_literals(leaf.pattern, leaf.flags)
        if literals:
            return frozenset(Key(leaf.field, False, text) for text in literals)
        if leaf.field == KEYWORD:
            return None
    return frozenset([Key(leaf.field, False, "")])


def _texts(leaf: Leaf) -> list[str]:
    """The literal parts of a string test; of a regular expression, itself."""
    if isinstance(leaf, Like):
        return [fold(part) for part in leaf.parts if isinstance(part, str)]
    return [leaf.pattern] if isinstance(leaf, Regex) else []


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


def _required(items: list[Any]) -> frozenset[str] | None:
    """The best set among the runs of literals and the groups of a sequence."""
    found: list[frozenset[str]] = []
    run = ""
    for op, value in items:
        if op is sre.LITERAL:
            run += chr(value)
            continue
        if op is sre.AT:
            # Anchors and boundaries have no width but end a run all the same.
            pass
        if run:
            found.append(frozenset([fold(run)]))
            run = ""
        inner = _inner(op, value)
        if inner:
            found.append(inner)
    if run:
        found.append(frozenset([fold(run)]))
    usable = [one for one in found if min(map(len, one)) >= _MIN_LITERAL and len(one) <= 60]
    return max(usable, key=lambda one: (min(map(_worth, one)), -len(one)), default=None)


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
