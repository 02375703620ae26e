"""Regular expressions that look at much text: RE2 with room for its automaton.

RE2 builds the states of its automaton as a text needs them and starts again when they
fill its budget. A long alternation fills the default of 8 MiB within one file of ordinary
output, and is then five times slower; with enough room the states of ordinary text are
built once. The answer is the same in either case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

import re2

BUDGET = 64 << 20
"""Bytes that one expression may use, of which ordinary text takes a small part."""

_ANYWHERE = re2._Anchor.UNANCHORED
_NOWHERE = (-1, -1)


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = BUDGET
    options.never_capture = True
    options.log_errors = False
    return options


def searcher(program: re2._Regexp) -> Callable[[bytes], bool]:
    """Whether a program matches anywhere in UTF-8 text.

    The wrapper's own `search` makes a generator and a match object for every call, which
    takes longer than looking at a sentence.
    """
    match = program._regexp.Match
    return lambda data: bool(match(_ANYWHERE, data, 0, len(data))[0] != _NOWHERE)


class Scanner:
    """One expression without groups.

    Args:
        pattern: in RE2's syntax. Its `\\b`, `\\w` and `\\s` know ASCII only.

    Raises:
        re2.error: RE2 cannot read the pattern.
    """

    __slots__ = ("_match", "pattern")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self._match = re2.compile(pattern, _options())._regexp.Match

    def found(self, text: str) -> bool:
        """Whether the expression matches anywhere. Lone surrogates are read as `?`."""
        data = text.encode("utf-8", "replace")
        return bool(self._match(_ANYWHERE, data, 0, len(data))[0] != _NOWHERE)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it matches, from left to right: (start, end) in characters of `text`."""
        data = text.encode("utf-8", "replace")
        # In ASCII, bytes are characters; else they are counted from match to match.
        same = len(data) == len(text)
        at = counted = characters = 0
        while (found := self._match(_ANYWHERE, data, at, len(data))[0]) != _NOWHERE:
            begin, end = found
            if same:
                yield found
            else:
                first = characters + len(data[counted:begin].decode())
                characters = first + len(data[begin:end].decode())
                counted = end
                yield first, characters
            at = end if end > begin else end + 1
            if at > len(data):
                return

    def lines(self, text: str) -> set[int]:
        """The lines of a text that one match or another touches, by their number from 0.

        A line that would match by itself is among them, for either its match or one that
        began before it is met.
        """
        found: set[int] = set()
        at = line = 0
        for begin, end in self.spans(text):
            line += text.count("\n", at, begin)
            last = line + text.count("\n", begin, end)
            found.update(range(line, last + 1))
            at, line = end, last
        return found


class Scanners:
    """Which of several expressions match, found in one pass.

    Args:
        patterns: as for `Scanner`.
        union: finds what any of them finds.
    """

    __slots__ = ("_patterns", "_set", "_union")

    def __init__(self, patterns: Iterable[str], union: Scanner) -> None:
        self._patterns = tuple(patterns)
        self._union = union
        self._set: re2.Set | None = None

    def matching(self, text: str) -> list[int]:
        """Their numbers, in the order given."""
        if self._set is None:  # compiled when the first text comes, not at start
            compiled = re2.Set.SearchSet(_options())
            for pattern in self._patterns:
                compiled.Add(pattern)
            compiled.Compile()
            self._set = compiled  # whole: other threads may look at texts meanwhile
        found = self._set.Match(text.encode("utf-8", "replace"))
        if found:
            return sorted(found)
        # A set whose budget is used up says "nothing", without a word.
        if not self._union.found(text):
            return []
        return [n for n, pattern in enumerate(self._patterns) if Scanner(pattern).found(text)]


_LOOKAROUND = re.compile(r"\(\?<?[!=](?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")
_COUNTED = re.compile(r"\{\d+,(?:[5-9]|\d{2,})\}")


def _looser(pattern: str) -> str:
    """A pattern of `re` for RE2, which in ASCII text finds some more and never less.

    Without looking around, and without counting far: a count of 80 is 80 states.
    """
    pattern = _COUNTED.sub("*", _LOOKAROUND.sub("", pattern))
    return pattern.replace(r"\s", r"[\s\x0b\x1c-\x1f]")


class Screen:
    """Tells in one pass which texts none of many expressions of `re` matches.

    Args:
        patterns: in the syntax of `re`, without flags, without `\\s` inside brackets, and in
            what looks around with parentheses no deeper than two. Of texts that end in a
            line break, none may ask for the end.
    """

    __slots__ = ("_patterns", "_scanner")

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(patterns)
        self._scanner: Scanner | None = None

    def may_match(self, text: str) -> bool:
        """Whether one of them may match. The two engines read other scripts differently, so
        that of texts in those nothing is told."""
        if not text.isascii():
            return True
        if self._scanner is None:  # compiled when the first text comes, not at start
            self._scanner = Scanner("|".join(f"(?:{_looser(one)})" for one in self._patterns))
        return self._scanner.found(text)


__all__ = ["Scanner", "Scanners", "Screen", "searcher"]
