"""One text of a session, and where in it a value stands."""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Literal

import msgspec

from roguewatch.detect.passages import orders_somewhere, sentences
from roguewatch.detect.scanning import Scanner
from roguewatch.detect.values import Value, normalise

Trust = Literal["user", "context", "tool", "agent"]
"""`user`: a person, the system prompt or the task. `context`: files and reminders that the
harness puts before the agent. `tool`: output that anybody may have written."""


def size_of(text: str) -> int:
    """Bytes that Python holds a text in, at most."""
    return len(text) * (1 if text.isascii() else 4)


_LOOKS = 4
"""First looks at one text, after which it is sooner normalised."""


class Span(msgspec.Struct):
    """One text of the session."""

    event: str
    trust: Trust
    source: str
    """Tool name, or who wrote it."""
    lines: str
    """As it came; normalised from the first use on, lines kept apart."""
    size: int
    """Bytes, as it came."""
    _normal: bool = False
    _screened: int = 0

    def may_hold(self, value: Value) -> bool:
        """Whether a value may stand in it: a first look, no false no.

        Most texts are never asked for more, and to normalise one takes long. What stands in
        a normalised text stands in it as it came, but for what `normalise` joins.
        """
        if self._normal or self._screened >= _LOOKS:
            return True
        self._screened += 1
        piece = value.piece()
        if not piece or "\\\n" in self.lines or ("%" in self.lines and "://" in self.lines):
            return True
        return piece in self.lines.lower() or _BLOB.found(self.lines)

    def text(self) -> str:
        """Normalised, on one line."""
        if not self._normal:
            self.lines = normalise(opened(self.lines))
            self._normal = True
        return self.lines.replace("\n", " ")


_BLOB = Scanner(r"[A-Za-z0-9+/]{28,}={0,2}")
_TOKEN = re.compile(r"[A-Za-z0-9+/]{28,4096}={0,2}")
MAX_BLOBS = 8


def opened(text: str) -> str:
    """A text with what stands in it in base64 (RFC 4648) put beside it, where that is text."""
    if not _BLOB.found(text):
        return text
    parts, last, left = [], 0, MAX_BLOBS
    for match in _TOKEN.finditer(text):
        plain = _decoded(match.group())
        if plain:
            parts += [text[last : match.end()], " ", plain]
            last, left = match.end(), left - 1
            if not left:
                break
    return "".join([*parts, text[last:]])


def _decoded(blob: str) -> str:
    if blob.isdigit() or "/" in blob[:1]:
        return ""
    blob = blob.rstrip("=")
    try:
        plain = b64decode(blob + "=" * (-len(blob) % 4)).decode()
    except ValueError:
        return ""
    return plain if plain.isprintable() and " " in plain else ""


class Appearance(msgspec.Struct, frozen=True):
    """Where a value was first seen."""

    trust: Trust
    source: str
    event: str
    sentence: str
    """The sentence around it, normalised."""
    order: bool
    """Whether that sentence tells its reader to act."""
    near: str = ""
    """What stands on either side of the value, normalised, to the end of its paragraph."""

    def told(self) -> bool:
        """Whether its sentence or one beside it tells a reader to act, in whatever position."""
        return self.order or any(orders_somewhere(one.strip()) for one in sentences(self.near))


def beside(span: Span, at: int, value: Value) -> str:
    """What stands around a value of a span, already searched, at a place."""
    before = span.lines[max(0, at - 240) : at].rpartition("\n\n")[2]
    after = span.lines[at : at + len(value.text) + 200].partition("\n\n")[0]
    return before + after


def around(span: Span, at: int, value: Value) -> str:
    """The sentence of a span, already searched, that holds a value at a place."""
    low = max(0, at - 400)
    window = span.lines[low : at + len(value.text) + 200]
    position = 0
    for sentence in sentences(window):
        position += len(sentence)
        if position >= at - low:
            return sentence.strip()
    return window.strip()
