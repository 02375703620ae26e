"""Answers that people give: kept with who gave them and until when they hold."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
from sqlalchemy import Engine, insert, select

from roguewatch.errors import StateError
from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction

MAX_VALUE = 10_000


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. Times are ns UTC."""

    id: int
    subject: str
    """Id of a fact or question."""
    value: Any
    by: str
    until: int
    created: int


class Statements:
    """The statements of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, subject: str, value: Any, *, by: str, until: int, now: int | None = None
    ) -> Statement:
        """Keep an answer.

        Args:
            subject: id of the fact or question.
            value: anything that JSON can hold.
            by: who says so.
            until: when it must be given again, ns UTC.
            now: when it is said; the clock's time where None.

        Raises:
            StateError: nobody says it, it ends in the past, or is too long.
        """
        now = time.time_ns() if now is None else now
        encoded = json.dumps(_clean(value))
        if not by.strip():
            raise StateError("a statement needs the name of who makes it: --by NAME")
        if until <= now:
            raise StateError("a statement must hold until a time in the future")
        if len(encoded) > MAX_VALUE:
            raise StateError(f"a statement of {len(encoded)} characters: at most {MAX_VALUE}")
        row = {
            "subject": printable(subject, 200), "value": encoded,
            "by": printable(by.strip(), 200), "until": until, "created": now,
        }  # fmt: skip
        with transaction(self._engine) as connection:
            key = connection.execute(insert(tables.statements).values(row)).inserted_primary_key
        assert key is not None
        return Statement(id=int(key[0]), **{**row, "value": json.loads(encoded)})

    def all(self) -> list[Statement]:
        """Every statement ever made, oldest first."""
        with transaction(self._engine) as connection:
            rows = connection.execute(select(tables.statements).order_by(tables.statements.c.id))
            return [Statement(**{**row._mapping, "value": json.loads(row.value)}) for row in rows]


def _clean(value: Any) -> Any:
    """The value with everything in it printable; numbers that JSON lacks become text."""
    if isinstance(value, str):
        return printable(value, 5000)
    if isinstance(value, dict):
        return {printable(str(key), 200): _clean(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(one) for one in value]
    if isinstance(value, float) and value - value != 0:
        return str(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
