"""How much a literal tells texts apart."""

from __future__ import annotations

_COMMON = frozenset(
    """the and all not but for are was has this that with from you your out use new get set any
    error fail failed test tests file files code system user users return running without
    please prompt done result name path type data text line value import print""".split()
)
"""Words that most texts hold: needing one of them lets nearly everything through."""

COMMON_PROGRAMS = frozenset(
    "git gh python python3 node npm bash sh cat sed grep rg ls cd echo find head tail rm cp".split()
)
"""Programs that most sessions run: needing one of them tells little."""

LEAST = 3
"""A shorter literal is in nearly every text."""


def telling(literal: str) -> float:
    """How much a literal tells texts apart: its length, next to nothing for common words, and
    much where it is not ASCII, which most texts are."""
    if not literal.isascii():
        return 12.0
    word = literal.strip()
    return 3.0 + len(word) / 100 if word in _COMMON or len(word) < 3 else float(min(len(word), 30))
