"""The syntax tree of a shell script: what `parser` gives and `interpreter` walks.

A word is a plain `str` where nothing in it expands, else a tuple of parts.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Literal(msgspec.Struct, frozen=True, gc=False):
    text: str
    quoted: bool
    """Whether globs, braces and tildes in it are plain characters."""


class Ansi(msgspec.Struct, frozen=True, gc=False):
    """`$'…'`, decoded."""

    text: str
    hidden: bool
    """Whether its escapes spelled letters or digits (rather than a tab or newline)."""


class Parameter(msgspec.Struct, frozen=True, gc=False):
    """`$name` or `${name operator argument}`."""

    name: str
    operator: str
    argument: str
    quoted: bool
    raw: str


class Substitution(msgspec.Struct, frozen=True, gc=False):
    """`$(…)` or backquotes."""

    script: Script
    quoted: bool
    raw: str


class Process(msgspec.Struct, frozen=True, gc=False):
    """`<(…)` or `>(…)`."""

    script: Script
    raw: str


class Arithmetic(msgspec.Struct, frozen=True, gc=False):
    raw: str


Part: TypeAlias = Literal | Ansi | Parameter | Substitution | Process | Arithmetic
Word: TypeAlias = str | tuple[Part, ...]


class Redirect(msgspec.Struct, gc=False):
    """Not frozen: the body of a heredoc is read when its line has ended."""

    operator: str
    """With its descriptor, `2>`, `>>`, `<<`, `<<<`."""
    target: Word
    """For a heredoc: its body."""


class Assignment(msgspec.Struct, frozen=True, gc=False):
    name: str
    value: Word
    append: bool


class Simple(msgspec.Struct, frozen=True, gc=False):
    assignments: tuple[Assignment, ...]
    words: tuple[Word, ...]
    redirects: tuple[Redirect, ...]
    plain: bool = False
    """Whether nothing in its words expands or is disguised."""


class Group(msgspec.Struct, frozen=True, gc=False):
    """`(…)`, `{…}`, if, while, for, case: its branches in the order of the text. All of
    them are looked at: which one runs is not decided here."""

    branches: tuple[Script, ...]
    redirects: tuple[Redirect, ...]
    subshell: bool = False
    variable: str = ""
    values: tuple[Word, ...] = ()
    """`for variable in values`"""


class Function(msgspec.Struct, frozen=True, gc=False):
    name: str
    body: Node


Node: TypeAlias = Simple | Group | Function


class Pipeline(msgspec.Struct, frozen=True, gc=False):
    stages: tuple[Node, ...]
    background: bool = False


Script: TypeAlias = tuple[Pipeline, ...]
