"""Regular expressions that look at much text: RE2 with room for its automaton.

RE2 builds the states of its automaton as a text needs them and starts again when they
fill its budget. A long alternation fills the default of 8 MiB within one file of ordinary
output, and is then five times slower; with enough room the states of ordinary text are
built once. The answer is the same in either case.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

BUDGET = 64 << 20
"""Bytes that one expression may use, of which ordinary text takes a small part."""


def scanner(pattern: str) -> re2._Regexp:
    """An RE2 program for searching long texts; it finds no groups and logs nothing."""
    options = re2.Options()
    options.max_mem = BUDGET
    options.never_capture = True
    options.log_errors = False
    return re2.compile(pattern, options)


def spans(program: re2._Regexp, text: str) -> Iterator[tuple[int, int]]:
    """Where an expression matches, from left to right: (start, end) in characters of `text`.

    The library counts characters from bytes at every match; in ASCII they are the same.
    """
    for match in program.finditer(text.encode() if text.isascii() else text):
        yield match.span()
