"""Findings kept, and suppressed by a named owner for a stated time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, and_, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from roguewatch.errors import StateError
from roguewatch.findings import LEVELS, Finding, Level
from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Finding).decode


class Suppression(msgspec.Struct, frozen=True, kw_only=True):
    """A finding set aside: by whom, why, and until when (ns UTC)."""

    finding: str
    owner: str
    reason: str
    until: int
    created: int


class Findings:
    """The findings of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, findings: Iterable[Finding], connection: Connection | None = None) -> int:
        """Keep findings; one that is known is brought up to date.

        Args:
            connection: an open transaction to work in; its own where none is given.

        Returns:
            How many were not known before.
        """
        rows = {finding.id: _row(finding) for finding in findings}
        if not rows:
            return 0
        if connection is None:
            with transaction(self._engine, write=True) as own:
                return self._record(rows, own)
        return self._record(rows, connection)

    def _record(self, rows: dict[str, dict[str, Any]], connection: Connection) -> int:
        known = 0
        ids = list(rows)
        for start in range(0, len(ids), 500):  # SQLite's limit on variables is 999 in old builds
            chosen = tables.findings.c.id.in_(ids[start : start + 500])
            known += len(connection.execute(select(tables.findings.c.id).where(chosen)).all())
        upsert(connection, tables.findings, list(rows.values()), keep=("recorded",))
        return len(rows) - known

    def replace(
        self,
        session: str,
        findings: Iterable[Finding],
        connection: Connection,
        stands: Callable[[Finding], bool],
    ) -> None:
        """Keep what a whole analysis of a session found, and withdraw what no longer stands.

        A suppressed finding is never withdrawn: somebody decided on it.

        Args:
            stands: whether an earlier finding, not found again, is kept all the same.
        """
        kept = list(findings)
        self.record(kept, connection)
        table, given = tables.findings, tables.suppressions
        ids = {finding.id for finding in kept}
        decided = select(given.c.finding).where(given.c.finding == table.c.id).exists()
        before = select(table.c.body).where(table.c.session == session, ~decided)
        for body in connection.execute(before).scalars().all():
            finding = _decode(body)
            if finding.id not in ids and not stands(finding):
                connection.execute(delete(table).where(table.c.id == finding.id))

    def all(
        self,
        session: str | None = None,
        *,
        behaviour: str | None = None,
        level: Level | None = None,
        suppressed: bool | None = None,
        now: int | None = None,
    ) -> Iterator[Finding]:
        """Findings in the order of their time, those without a time last.

        Args:
            session: only those of one session.
            behaviour: only one code, or a family by its letter.
            level: only this level or above.
            suppressed: only those that are (True) or are not (False) suppressed now.
            now: the time that suppressions are judged at, ns UTC; the clock's where None.
        """
        table = tables.findings
        query = select(table.c.body).order_by(table.c.time.is_(None), table.c.time, table.c.id)
        if session is not None:
            query = query.where(table.c.session == session)
        if behaviour is not None:
            exact = table.c.behaviour == behaviour
            family = table.c.behaviour.startswith(behaviour, autoescape=True)
            query = query.where(family if len(behaviour) == 1 else exact)
        if level is not None:
            query = query.where(table.c.level.in_(LEVELS[LEVELS.index(level) :]))
        if suppressed is not None:
            given = tables.suppressions
            until = time.time_ns() if now is None else now
            active = select(given.c.finding).where(
                and_(given.c.finding == table.c.id, given.c.until > until)
            )
            query = query.where(active.exists() if suppressed else ~active.exists())
        with self._engine.connect() as connection:
            for (body,) in connection.execution_options(yield_per=500).execute(query):
                yield _decode(body)

    def counts(self) -> dict[str, int]:
        """How many findings each session has, suppressed ones included."""
        table = tables.findings
        query = select(table.c.session, func.count()).group_by(table.c.session)
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def find(self, prefix: str) -> Finding:
        """The one finding whose id begins so.

        Raises:
            StateError: none or several do.
        """
        table = tables.findings
        query = select(table.c.body).where(table.c.id.startswith(prefix, autoescape=True)).limit(2)
        with self._engine.connect() as connection:
            found = connection.execute(query).scalars().all()
        if len(found) != 1:
            many = "several findings begin" if found else "no finding begins"
            raise StateError(f"{many} with '{printable(prefix, 64)}': see roguewatch findings")
        return _decode(found[0])

    def suppress(
        self, finding: str, *, owner: str, reason: str, until: int, now: int | None = None
    ) -> Suppression:
        """Set a finding aside until a time, after which it comes back.

        Args:
            finding: its id, or the beginning of it.
            owner: who answers for this.
            reason: why it is no concern.
            until: when it comes back, ns UTC.

        Raises:
            StateError: no such finding, no owner, no reason, or `until` has passed.
        """
        now = time.time_ns() if now is None else now
        if not owner.strip() or not reason.strip():
            raise StateError("a suppression needs an owner and a reason")
        if until <= now:
            raise StateError("a suppression must end in the future")
        kept = Suppression(
            finding=self.find(finding).id,
            owner=printable(owner.strip(), 200),
            reason=printable(reason.strip(), 2000),
            until=until,
            created=now,
        )
        with transaction(self._engine) as connection:
            connection.execute(tables.suppressions.insert(), msgspec.to_builtins(kept))
        return kept

    def suppressions(self, *, now: int | None = None) -> Iterator[Suppression]:
        """Every suppression that is in force, or all that ever were where `now` is 0."""
        table = tables.suppressions
        now = time.time_ns() if now is None else now
        columns = [table.c[name] for name in Suppression.__struct_fields__]
        query = select(*columns).where(table.c.until > now).order_by(table.c.id)
        with self._engine.connect() as connection:
            for row in connection.execute(query).mappings():
                yield Suppression(**{str(name): value for name, value in row.items()})


def upsert(
    connection: Connection, table: Table, rows: list[dict[str, Any]], keep: tuple[str, ...] = ()
) -> None:
    """Insert rows; where the primary key is there, replace all columns but `keep`."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table)
    key = [column.name for column in table.primary_key]
    changed = {
        column.name: statement.excluded[column.name]
        for column in table.columns
        if column.name not in key and column.name not in keep
    }
    if changed:
        statement = statement.on_conflict_do_update(index_elements=key, set_=changed)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=key)
    connection.execute(statement, rows)


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.id,
        "session": finding.session,
        "behaviour": finding.behaviour,
        "level": finding.level,
        "detector": finding.detector,
        "time": finding.time if 0 <= (finding.time or 0) < 1 << 63 else None,
        "recorded": time.time_ns(),
        "body": _encode(finding).decode(),
    }
