"""A rule's condition as data: what the compiled cache stores and the matcher runs."""

from __future__ import annotations

from typing import Literal

import msgspec

Part = str | Literal[0, 1]
"""A piece of a Sigma string: literal text, 0 for `*`, 1 for `?`."""


class Like(msgspec.Struct, frozen=True, tag="like"):
    """The whole value is this string; `*` any text, `?` any one character.

    Case is ignored by comparing Unicode case foldings (`str.casefold`) unless `cased`.
    """

    field: str
    parts: tuple[Part, ...]
    cased: bool = False


class Regex(msgspec.Struct, frozen=True, tag="regex"):
    """The RE2 expression is found in the value."""

    field: str
    pattern: str
    flags: str = ""
    """Some of `ims`."""
    literals: tuple[str, ...] = ()
    """Case folded texts of which one is in everything that it matches; none: not known."""


class Number(msgspec.Struct, frozen=True, tag="number"):
    field: str
    op: Literal["eq", "lt", "lte", "gt", "gte", "neq"]
    value: int | float


class Boolean(msgspec.Struct, frozen=True, tag="boolean"):
    field: str
    value: bool


class Exists(msgspec.Struct, frozen=True, tag="exists"):
    """The field has a value (or, with False, has none: Sigma's `null` too)."""

    field: str
    value: bool


class Network(msgspec.Struct, frozen=True, tag="network"):
    """The value is an IP address, or a URL or host:port with one, in this network."""

    field: str
    cidr: str


class Reference(msgspec.Struct, frozen=True, tag="reference"):
    """The value is, begins with or ends with a value of the other field."""

    field: str
    other: str
    starts_with: bool = False
    ends_with: bool = False


class And(msgspec.Struct, frozen=True, tag="and"):
    args: tuple[Expression, ...]


class Or(msgspec.Struct, frozen=True, tag="or"):
    args: tuple[Expression, ...]


class Not(msgspec.Struct, frozen=True, tag="not"):
    arg: Expression


Leaf = Like | Regex | Number | Boolean | Exists | Network | Reference
Expression = And | Or | Not | Like | Regex | Number | Boolean | Exists | Network | Reference

KEYWORD = ""
"""The field of a value without field: the event's text and all strings of its arguments."""


def fold(text: str) -> str:
    """How text is compared where case does not count."""
    return text.casefold()


def leaves(expression: Expression) -> list[Leaf]:
    """The tests of an expression, in order."""
    if isinstance(expression, And | Or):
        return [leaf for arg in expression.args for leaf in leaves(arg)]
    if isinstance(expression, Not):
        return leaves(expression.arg)
    return [expression]
