"""One text of a session, and where in it a value stands."""

from __future__ import annotations

from typing import Literal

import msgspec

from roguewatch.detect.passages import sentences
from roguewatch.detect.values import Value, find, normalise

Trust = Literal["user", "context", "tool", "agent"]
"""`user`: a person, the system prompt or the task. `context`: files and reminders that the
harness puts before the agent. `tool`: output that anybody may have written."""


class Span(msgspec.Struct):
    """One text of the session."""

    event: str
    trust: Trust
    source: str
    """Tool name, or who wrote it."""
    raw: str
    plain: str | None = None
    """Normalised on first use."""

    def text(self) -> str:
        if self.plain is None:
            self.plain = normalise(self.raw).replace("\n", " ")
        return self.plain


class Appearance(msgspec.Struct, frozen=True):
    """Where a value was first seen."""

    trust: Trust
    source: str
    event: str
    sentence: str
    """The sentence around it, normalised."""
    order: bool
    """Whether that sentence tells its reader to act."""


def around(span: Span, at: int, value: Value) -> str:
    """The sentence of a span that holds a value. Line ends are those of the source."""
    plain = normalise(span.raw) if len(span.raw) < (1 << 18) else span.text()
    at = find(value, plain, max(0, at - 200)) if plain is not span.plain else at
    low = max(0, at - 400)
    window = plain[low : at + len(value.text) + 200]
    position = 0
    for sentence in sentences(window):
        position += len(sentence)
        if position >= at - low:
            return sentence.strip()
    return window.strip()
