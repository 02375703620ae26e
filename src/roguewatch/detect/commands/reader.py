"""Words of a shell script: quotes, escapes, expansions, as parts of the syntax tree.

Nothing is scanned more than a bounded number of times, so that time is linear.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from roguewatch.detect.commands.ansi import decode_ansi
from roguewatch.detect.commands.syntax import (
    Ansi,
    Arithmetic,
    Literal,
    Parameter,
    Part,
    Process,
    Script,
    Substitution,
    Word,
)

MAX_DEPTH = 30
"""Nested substitutions and groups; nobody writes ten."""

SCAN = 4096
"""Characters looked at for the end of `${…}` and `$((…))`."""
_GAP = re.compile(r"(?:[ \t\r\v\f]|\\\r?\n)*")
_BEGINS_GAP = frozenset(" \t\r\v\f\\")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,^=-]+(?=[ \t\n;|&)<>]|\Z)")
_RUN = re.compile(r"[^\s'\"\\$`|&;()<>]+")
_QUOTED_RUN = re.compile(r"[^\"\\$`]+")
_NAME = re.compile(r"[A-Za-z_]\w*|[0-9@*#?$!-]")
_BRACED = re.compile(
    r"\$\{([!#]?)([A-Za-z_]\w*(?:\[[^\]\n]{0,64}\])?|\d+|[@*#?$!-])"
    r"(:?[-=+?]|##?|%%?|//?[#%]?|\^\^?|,,?|:|@)?"
)
_ANSI = re.compile(r"\$'((?:[^'\\]|\\.)*)'?", re.S)
_BACKQUOTES = re.compile(r"`((?:[^`\\]|\\.)*)`?", re.S)
DELIMITERS = frozenset(" \t\r\v\f\n;|&()<>")


class TooDeep(Exception):  # noqa: N818 (a limit reached, caught within this package)
    """Nesting beyond `MAX_DEPTH`."""


class WordReader(ABC):
    """Reads words at `at`. What nests in them is read by the subclass that knows scripts."""

    def __init__(self, text: str, depth: int = 0, quick: bool = True) -> None:
        self.text = text
        self.quick = quick
        self.at = 0
        self.depth = depth
        self.sound = True
        self._scans = 0

    @abstractmethod
    def nested(self, closers: frozenset[str]) -> Script:
        """A script inside a word, up to its `)`."""

    @abstractmethod
    def parse(self) -> Script:
        """The whole text as a script."""

    @abstractmethod
    def expect(self, closer: str) -> None:
        """Step over `closer`, or note that it is missing."""

    def _next_word(self) -> Word | None:
        self._skip_gap()
        if self.at >= len(self.text) or self.text[self.at] in DELIMITERS:
            return None
        return self._word()

    def _word(self) -> Word | None:
        text = self.text
        plain = _PLAIN.match(text, self.at)
        if plain:
            self.at = plain.end()
            return plain.group()
        parts: list[Part] = []
        start = self.at
        while self.at < len(text):
            char = text[self.at]
            if char in "<>" and text.startswith("(", self.at + 1):
                begin = self.at
                self.at += 2
                script = self.nested(frozenset())
                self.expect(")")
                parts.append(Process(script, text[begin : self.at]))
            elif char in DELIMITERS:
                if char == "(" and parts and self._glob_group(parts):
                    continue
                break
            else:
                self._part(char, parts)
        if not parts:
            return "" if self.at > start else None
        return tuple(parts)

    def _glob_group(self, parts: list[Part]) -> bool:
        """`@(a|b)`: kept as a literal."""
        last = parts[-1]
        if not (isinstance(last, Literal) and not last.quoted and last.text[-1:] in tuple("?*+@!")):
            return False
        end = self.text.find(")", self.at, self.at + 256)
        if end < 0 or "\n" in self.text[self.at : end]:
            return False
        parts.append(Literal(self.text[self.at : end + 1], False))
        self.at = end + 1
        return True

    def _part(self, char: str, parts: list[Part]) -> None:
        text = self.text
        if char == "'":
            end = text.find("'", self.at + 1)
            if end < 0:
                self.sound = False
                end = len(text)
            parts.append(Literal(text[self.at + 1 : end], True))
            self.at = end + 1
        elif char == '"':
            self.at += 1
            parts.extend(self.quoted_parts('"') or [Literal("", True)])
        elif char == "\\":
            following = text[self.at + 1 : self.at + 2]
            if following != "\n" and following:
                parts.append(Literal(following, True))
            self.at += 2
        elif char == "$":
            self._dollar(parts, quoted=False)
        elif char == "`":
            self._backquotes(parts, quoted=False)
        else:
            run = _RUN.match(text, self.at)
            piece = run.group() if run else char
            parts.append(Literal(piece, False))
            self.at += len(piece)

    def quoted_parts(self, close: str) -> list[Part]:
        """What is inside double quotes (`close` is the quote) or a heredoc (empty)."""
        text = self.text
        parts: list[Part] = []
        while self.at < len(text):
            char = text[self.at]
            if char == '"' and close:
                self.at += 1
                return parts
            if char == "\\":
                following = text[self.at + 1 : self.at + 2]
                if following and following in '$`"\\':
                    parts.append(Literal(following, True))
                elif following != "\n":
                    parts.append(Literal("\\" + following, True))
                self.at += 2
            elif char == "$":
                self._dollar(parts, quoted=True)
            elif char == "`":
                self._backquotes(parts, quoted=True)
            else:
                run = _QUOTED_RUN.match(text, self.at)
                piece = run.group() if run else char
                parts.append(Literal(piece, True))
                self.at += len(piece)
        if close:
            self.sound = False
        return parts

    def _dollar(self, parts: list[Part], quoted: bool) -> None:
        text, begin = self.text, self.at
        following = text[begin + 1 : begin + 2]
        if following == "(":
            if text.startswith("$((", begin):
                end = _close_arithmetic(text, begin) if self._may_scan() else 0
                if end:
                    self.at = end
                    parts.append(Arithmetic(text[begin:end]))
                    return
            self.at += 2
            script = self.nested(frozenset())
            self.expect(")")
            parts.append(Substitution(script, quoted, text[begin : self.at]))
        elif following == "{":
            self._braced(parts, quoted)
        elif following == "'" and not quoted:
            match = _ANSI.match(text, begin)
            assert match is not None
            self.at = match.end()
            parts.append(Ansi(*decode_ansi(match.group(1))))
        elif following == '"' and not quoted:
            self.at += 2
            parts.extend(self.quoted_parts('"'))
        elif name := _NAME.match(text, begin + 1):
            self.at = name.end()
            parts.append(Parameter(name.group(), "", "", quoted, text[begin : self.at]))
        else:
            self.at += 1
            parts.append(Literal("$", quoted))

    def _braced(self, parts: list[Part], quoted: bool) -> None:
        text, begin = self.text, self.at
        match = _BRACED.match(text, begin)
        end = _close_brace(text, match.end()) if match and self._may_scan() else -1
        if match is None or end < 0:
            self.sound = False
            parts.append(Literal("${", quoted))
            self.at += 2
            return
        self.at = end + 1
        mark, name, operator = match.groups()
        if mark:
            operator = "length" if mark == "#" else "indirect"
        parts.append(
            Parameter(name, operator or "", text[match.end() : end], quoted, text[begin : self.at])
        )

    def _backquotes(self, parts: list[Part], quoted: bool) -> None:
        match = _BACKQUOTES.match(self.text, self.at)
        assert match is not None
        self.at = match.end()
        inner = type(self)(re.sub(r"\\([`\\$])", r"\1", match.group(1)), self.depth, self.quick)
        inner._enter()
        script = inner.parse()
        self.sound = self.sound and inner.sound
        parts.append(Substitution(script, quoted, match.group()))

    def _may_scan(self) -> bool:
        """Whether another look ahead of `SCAN` characters keeps the whole linear."""
        self._scans += 1
        return self._scans < 64 + len(self.text) // 64

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep

    def _skip_gap(self) -> None:
        if self.text[self.at : self.at + 1] in _BEGINS_GAP:
            self.at = _GAP.match(self.text, self.at).end()  # type: ignore[union-attr]


def _close_brace(text: str, at: int) -> int:
    """Index of the `}` that closes a `${` whose name ended at `at`; -1 where there is none."""
    depth, limit = 1, min(len(text), at + SCAN)
    while at < limit:
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "'":
            closing = text.find("'", at + 1, limit)
            at = closing if closing > 0 else at
        elif char == "{" and text[at - 1] == "$":
            depth += 1
        elif char == "}":
            depth -= 1
            if not depth:
                return at
        at += 1
    return -1


def _close_arithmetic(text: str, begin: int) -> int:
    """Index after the `))` of a `$((`; 0 where it is a nested substitution instead."""
    depth = 0
    for at in range(begin + 1, min(len(text), begin + SCAN)):
        char = text[at]
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
            if depth == 0:
                return at + 1 if text[at - 1] == ")" else 0
    return 0
