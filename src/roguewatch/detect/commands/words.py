"""Word expansion: variables, substitutions, braces, look-alikes (bash manual 3.5).

What is not in the text stays as it was written (`$DIR/x`) and makes the word
uncertain, with two exceptions that bash's rules give: positional parameters of a
script without arguments are empty, and an unknown variable glued between letters
(`c${u}url`) is read as empty, because that is what it is written for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from typing import Protocol

from roguewatch.detect.commands.ansi import decode_ansi
from roguewatch.detect.commands.lookalikes import plain
from roguewatch.detect.commands.parser import Parser
from roguewatch.detect.commands.state import State, Text
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

MAX_WORD = 65_536
"""Characters of one expanded word."""

_MAX_BRACES = 64
_GLOB = re.compile(r"[*?\[]")
_BRACE = re.compile(r"\{([^{}\s]*(?:,|\.\.)[^{}\s]*)\}")
_PROTECTED = {char: chr(0xE100 + ord(char)) for char in "*?[]{},"}
"""Characters for special use that stand for those that braces and globs would take up."""
_SPECIAL = {"HOME": "~", "IFS": " ", "SHELL": "bash", "BASH": "bash", "0": "bash", "PS4": "+ "}
_ROOTED = frozenset(("PATH", "HOME", "PWD", "OLDPWD", "SHELL", "BASH"))
"""Variables whose first character is `/`, wherever the shell runs."""


class Runner(Protocol):
    """What expands a substitution: the interpreter."""

    state: State

    def substitute(self, script: Script, label: str) -> Text | None: ...

    def consult(self, script: Script, label: str) -> str: ...


class Expansion:
    """Expands the words of one command, and notes what it had to do for it."""

    def __init__(self, runner: Runner, positional: tuple[str, ...] = ()) -> None:
        self.runner = runner
        self.positional = positional
        self.certain = True
        self.decoded: list[str] = []

    def word(self, word: Word) -> str:
        """One string: an assignment's value, a redirect's target."""
        if isinstance(word, str):
            return word if word.isascii() else self._plain(word)
        return " ".join(self.fields(word))[:MAX_WORD]

    def fields(self, word: Word) -> list[str]:
        """The fields that a word becomes: none, one or several."""
        if isinstance(word, str):
            return [word] if word.isascii() else [self._plain(word)]
        if len(word) == 1 and isinstance(word[0], Literal) and "{" not in word[0].text:
            text = word[0].text
            return [text] if text.isascii() else [self._plain(text)]
        braced = any(
            isinstance(part, Literal) and not part.quoted and "{" in part.text for part in word
        )
        fields = self._join(word, _protected if braced else str)
        if braced:
            fields = [_restored(piece) for field in fields for piece in _braces(field)]
        return [field if field.isascii() else self._plain(field) for field in fields]

    def _plain(self, text: str) -> str:
        normal = plain(text)
        if normal != text:
            self.decoded.append(text)
        return normal

    def _join(self, word: tuple[Part, ...], kept: Callable[[str], str]) -> list[str]:
        """The parts put together; `kept` guards those that expand no further."""
        fields: list[str] = []
        current: list[str] = []
        some = False
        for index, part in enumerate(word):
            if isinstance(part, Literal):
                current.append(kept(part.text) if part.quoted else part.text)
                some = some or part.quoted or bool(part.text)
                continue
            if isinstance(part, Parameter) and part.name == "@" and not part.operator:
                for place, positional in enumerate(self.positional[:256]):
                    if place:
                        fields.append("".join(current))
                        current = []
                    current.append(kept(positional))
                    some = True
                continue
            following = word[index + 1] if index + 1 < len(word) else None
            value, split = self._part(part, current, following)
            if len(value) > MAX_WORD:
                value = value[:MAX_WORD]
                self.certain = False
            if not split:
                current.append(kept(value))
                some = True
                continue
            separators = self.runner.state.variables.get("IFS")
            if separators is not None:
                value = value.translate({ord(char): " " for char in separators.value[:8]})
            pieces = value.split()
            if value[:1].isspace() and some:
                fields.append("".join(current))
                current, some = [], False
            for piece in pieces[:-1]:
                fields.append("".join(current) + piece)
                current = []
            if pieces:
                current.append(pieces[-1])
                some = True
            if value[-1:].isspace() and some:
                fields.append("".join(current))
                current, some = [], False
        if some:
            fields.append("".join(current))
        return fields

    def _part(self, part: Part, before: list[str], after: Part | None) -> tuple[str, bool]:
        """The value of a part, and whether it is split into fields."""
        if isinstance(part, Ansi):
            if part.hidden:
                self.decoded.append(part.text)
            return part.text, False
        if isinstance(part, Parameter):
            value = self._parameter(part)
            if value is None:
                self.certain = False
                if _glued(before, after):
                    return "", False
                return part.raw, False
            return value, not part.quoted
        if isinstance(part, Substitution):
            known = self.runner.substitute(part.script, "$( )")
            if known is None:
                self.certain = False
                return part.raw, False
            self.decoded.extend(known.decoded)
            self.certain = self.certain and known.certain
            return known.value.rstrip("\n"), not part.quoted
        if isinstance(part, Process):
            return self.runner.consult(part.script, part.raw), False
        assert isinstance(part, Arithmetic)
        self.certain = False
        return part.raw, False

    # Parameters

    def _parameter(self, part: Parameter) -> str | None:
        value = self.variable(part.name)
        operator = part.operator
        if not operator:
            return value
        if operator == "length":
            return str(len(value)) if value is not None else None
        if operator == "indirect":
            return self.variable(value) if value else None
        if operator in (":-", "-", ":=", "="):
            if value:
                return value
            default = self._argument(part.argument)
            if "=" in operator:
                self.runner.state.variables[part.name] = Text(default)
            return default
        if operator in (":+", "+"):
            return self._argument(part.argument) if value else ""
        if operator == ":":
            if part.name in _ROOTED and re.match(r"\s*0\s*:\s*1\s*$", part.argument):
                return "/"
            return _slice(value, part.argument)
        if value is None:
            return None
        if operator in ("^^", "^"):
            return value.upper() if operator == "^^" else value[:1].upper() + value[1:]
        if operator in (",,", ","):
            return value.lower() if operator == ",," else value[:1].lower() + value[1:]
        if operator == "@":
            return decode_ansi(value)[0] if part.argument == "E" else value
        return self._edit(value, operator, part.argument)

    def _edit(self, value: str, operator: str, argument: str) -> str | None:
        """Removal and replacement by pattern; patterns with `*` only on short values."""
        if operator.startswith("/"):
            pattern, _, replacement = argument.partition("/")
            pattern, replacement = self._argument(pattern), self._argument(replacement)
            if _GLOB.search(pattern):
                if len(value) > 512:
                    return None
                expression = re.compile(translate(pattern).removesuffix("\\Z").removesuffix("\\z"))
                edited = expression.sub(lambda _: replacement, value, count=operator != "//")
                return edited[:MAX_WORD]
            return value.replace(pattern, replacement, -1 if operator == "//" else 1)[:MAX_WORD]
        pattern = self._argument(argument)
        if not _GLOB.search(pattern):
            if operator.startswith("#"):
                return value.removeprefix(pattern)
            return value.removesuffix(pattern) if operator.startswith("%") else value
        if len(value) > 512:
            return None
        matches = re.compile(translate(pattern)).match
        cuts = range(len(value) + 1)
        if operator.startswith("#"):
            order = cuts if operator == "#" else reversed(cuts)
            return next((value[cut:] for cut in order if matches(value[:cut])), value)
        order = reversed(cuts) if operator == "%" else cuts
        return next((value[:cut] for cut in order if matches(value[cut:])), value)

    def _argument(self, text: str) -> str:
        if not re.search(r"[$`'\"\\]", text):
            return text
        inner = Parser(text, depth=20)
        return self.word(tuple(inner.quoted_parts(""))).replace("'", "").replace('"', "")

    def variable(self, name: str) -> str | None:
        """The value of a variable, where it is known."""
        known = self.runner.state.variables.get(name.partition("[")[0])
        if known is not None:
            self.decoded.extend(known.decoded)
            self.certain = self.certain and known.certain
            return known.value
        if name.isdigit() and name != "0":
            index = int(name) - 1 if len(name) < 4 else 10_000
            return self.positional[index] if index < len(self.positional) else ""
        if name in ("@", "*"):
            return " ".join(self.positional)
        if name == "PWD":
            return self.runner.state.cwd or self.runner.state.start or None
        return _SPECIAL.get(name)


def _protected(text: str) -> str:
    """A text whose special characters stand for themselves, until the word is whole."""
    for char, private in _PROTECTED.items():
        if char in text:
            text = text.replace(char, private)
    return text


def _restored(text: str) -> str:
    if not text.isascii():
        for char, private in _PROTECTED.items():
            text = text.replace(private, char)
    return text


def _glued(before: list[str], after: Part | None) -> bool:
    return (
        bool(before)
        and before[-1][-1:].isalpha()
        and isinstance(after, Literal)
        and after.text[:1].isalpha()
    )


def _slice(value: str | None, argument: str) -> str | None:
    match = re.match(r"\s*(-?\d{1,6})\s*(?::\s*(-?\d{1,6})\s*)?$", argument)
    if value is None or match is None:
        return None
    start = int(match.group(1))
    rest = value[start:]
    if match.group(2) is None:
        return rest
    return rest[: int(match.group(2))]


def _braces(text: str, budget: int = _MAX_BRACES) -> list[str]:
    """Brace expansion, innermost first; at most 64 results."""
    done: list[str] = []
    waiting = [text]
    steps = 0
    while waiting and len(done) < budget and steps < 4 * budget:
        steps += 1
        current = waiting.pop(0)
        match = _BRACE.search(current)
        if match is None:
            done.append(current)
            continue
        inside = match.group(1)
        if "," in inside:
            choices = inside.split(",")[:budget]
        else:
            choices = _range(inside)
        head, tail = current[: match.start()], current[match.end() :]
        waiting[:0] = [f"{head}{choice}{tail}" for choice in choices]
    return [piece for piece in done if piece] or [text]


def _range(text: str) -> list[str]:
    first, _, last = text.partition("..")
    last = last.partition("..")[0]
    if first.isdigit() and last.isdigit() and len(first + last) < 12:
        low, high = int(first), int(last)
        step = 1 if high >= low else -1
        return [str(number) for number in range(low, high + step, step)[:_MAX_BRACES]]
    if len(first) == 1 and len(last) == 1 and first.isalpha() and last.isalpha():
        low, high = ord(first), ord(last)
        step = 1 if high >= low else -1
        return [chr(code) for code in range(low, high + step, step)[:_MAX_BRACES]]
    return [f"\x00{text}\x00".replace("\x00", "")]
