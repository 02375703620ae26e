"""Who assessed, what was left out of a public version, and who approved it."""

from __future__ import annotations

from typing import Literal

import msgspec

Importance = Literal["low", "medium", "high"]


class Redaction(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the private version holds and this one does not."""

    what: str
    """What was left out, in words or as the id of a fact or finding."""
    importance: Importance
    """How much it could change a reader's mind."""
    reason: str
    """Why it was left out."""
    count: int
    """How many values were left out."""


class Independence(msgspec.Struct, frozen=True, kw_only=True):
    """One item of the assessor's record of independence."""

    item: str
    """What is declared."""
    answer: str
    """What the assessor declares; empty where nothing was declared."""
    by: str
    """Who declares it."""


class Disclosure(msgspec.Struct, frozen=True, kw_only=True):
    """Which version this is and how it came about."""

    version: Literal["private", "public"]
    """`public` where something was left out."""
    of: str
    """SHA-256 of the private version that it was made from; empty for that one itself."""
    redactions: tuple[Redaction, ...]
    """Everything that was left out; a public version without any says so."""
    independence: tuple[Independence, ...]
    """What the assessor declares of independence, item by item."""
