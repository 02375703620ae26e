"""What must be in an event for one test of a rule to hold, and where.

Every test but those that absence satisfies needs something to be there: a literal in a
field, a value, or any value at all. `prefilter` puts these together for a whole condition.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

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
from roguewatch.detect.sigma.words import COMMON_PROGRAMS, LEAST, telling
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


def field_of(key: Key) -> str:
    """Where a key is looked for: of all commands or of one, the values are the same."""
    return key.field.replace("commands.", "command.", 1)


CLOSED = {"kind": frozenset(get_args(Kind)), "tool.class": frozenset(get_args(ToolClass))}
"""Fields with few values, which all events that are alike in them share."""
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
        if key.text in COMMON_PROGRAMS:
            return 4.5
        return 0.2 if key.text == "false" else 40.0
    return telling(key.text)


_PRESENT = {"text": 0.1, "arguments": 0.3, "command.text": 0.7, "command.program": 0.7}
_RARE = ("command.decoded", "command.via", "command.redirects", "command.assignments", "detail.")


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
        longest = max(texts, key=telling, default="")
        literals = frozenset([longest]) if len(longest) >= LEAST else None
    elif isinstance(leaf, Regex):
        literals = frozenset(leaf.literals) or None
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


def allowed(expression: Expression, field: str) -> frozenset[str] | None:
    """The values that a field with a closed set must have one of; None: any."""
    closed = CLOSED[field]
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
    return CLOSED["kind"] if explicit is None else explicit


def check_possible(rule: Rule) -> None:
    """Refuse a rule that no event can satisfy.

    Raises:
        RuleError: it asks for kinds or tool classes that do not exist or exclude each other.
    """
    for field in CLOSED:
        if allowed(rule.condition, field) == frozenset():
            raise RuleError(
                f"{rule.meta.file}: {rule.meta.title}: {field}: no event can satisfy what the "
                f"rule asks of it; it is one of {', '.join(sorted(CLOSED[field] - {''}))}"
            )
