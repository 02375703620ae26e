"""Text columns that take whatever a source names: PostgreSQL's take no NUL characters.

An agent chooses its session's id. One with U+0000 in it must not end an assessment, and must
stay another id than the same without it.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy.types import TypeDecorator

_ESCAPE = "\ue000"
"""A private-use character: itself written as `_ESCAPE` 1, and U+0000 as `_ESCAPE` 0."""


class Escaped(TypeDecorator[str]):
    """Text without NUL characters, from any text and back."""

    impl = sqlalchemy.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        if value is None or ("\x00" not in value and _ESCAPE not in value):
            return value
        return value.replace(_ESCAPE, f"{_ESCAPE}1").replace("\x00", f"{_ESCAPE}0")

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        if value is None or _ESCAPE not in value:
            return value
        return value.replace(f"{_ESCAPE}0", "\x00").replace(f"{_ESCAPE}1", _ESCAPE)


TEXT = sqlalchemy.Text().with_variant(Escaped(), "postgresql")
"""What every text column is."""
