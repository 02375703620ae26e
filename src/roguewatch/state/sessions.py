"""Which files were read, which sessions they told of, and a summary of each session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, delete, or_, select, update

from roguewatch.errors import StateError
from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction
from roguewatch.state.findings import upsert
from roguewatch.state.summary import SessionSummary

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(SessionSummary).decode


class _Counted(msgspec.Struct):
    events: int = 0


_counted = msgspec.json.Decoder(_Counted).decode


class FileReading(msgspec.Struct, frozen=True, kw_only=True):
    """The last reading of one file."""

    path: str
    """Printable path."""
    source: str = ""
    """Format; empty where none was recognised."""
    size: int = 0
    modified: int = 0
    changed: int = 0
    """The inode's change time (ns), which a program cannot set back as it can `modified`."""
    inode: str = ""
    digest: str = ""
    """SHA-256 of the file's bytes as read; empty where it could not be read."""
    counts: str = ""
    """JSON of the source's counts."""
    error: str = ""
    """Why it, or the rest of it, was not read."""
    read: int = 0
    """When, ns UTC."""
    run: str = ""
    """The assessment that saw it last."""


class Sessions:
    """The readings and sessions of one store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = self.engine = engine

    def counted(self) -> dict[str, int | None]:
        """How many events the summary of each session counts; None where it is stale."""
        table = tables.sessions
        query = select(table.c.session, table.c.stale, table.c.body)
        with self._engine.connect() as connection:
            rows = connection.execution_options(yield_per=500).execute(query)
            return {row[0]: None if row[1] else _counted(row[2]).events for row in rows}

    def told(self) -> set[str]:
        """The ids of the sessions that some file told of; the others were only seen live."""
        with self._engine.connect() as connection:
            return set(connection.execute(select(tables.reading_sessions.c.session)).scalars())

    def outside(self, since: int | None, until: int | None) -> set[str]:
        """The ids of the sessions that `all` leaves out of a window."""
        table = tables.sessions
        out = []
        if since is not None:
            out.append(table.c.ended < since)
        if until is not None:
            out.append(table.c.started >= until)
        if not out:
            return set()
        with self._engine.connect() as connection:
            return set(connection.execute(select(table.c.session).where(or_(*out))).scalars())

    def paths(self, session: str) -> list[str]:
        """The files that told of a session, in order."""
        told = tables.reading_sessions
        query = select(told.c.path).where(told.c.session == session).order_by(told.c.path)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def reading(self, path: str) -> FileReading | None:
        """The last reading of a file, if there was one."""
        query = select(tables.readings).where(tables.readings.c.path == path)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return FileReading(**{str(name): value for name, value in row.items()}) if row else None

    def readings(self, run: str | None = None) -> Iterator[FileReading]:
        """All readings, or those that one assessment saw, by path."""
        query = select(tables.readings).order_by(tables.readings.c.path)
        if run is not None:
            query = query.where(tables.readings.c.run == run)
        with self._engine.connect() as connection:
            for row in connection.execution_options(yield_per=500).execute(query).mappings():
                yield FileReading(**{str(name): value for name, value in row.items()})

    def saw(self, path: str, run: str) -> None:
        """An assessment met a file that is as it was when last read."""
        table = tables.readings
        with transaction(self._engine) as connection:
            connection.execute(update(table).where(table.c.path == path).values(run=run))

    def keep_reading(
        self, connection: Connection, reading: FileReading, sessions: Iterable[str]
    ) -> None:
        """Write down that a file was read, and which sessions it told of.

        Sessions that have no finished summary are marked stale in the same transaction,
        so that an interruption between here and the summary is repaired by the next run.
        """
        upsert(connection, tables.readings, [msgspec.to_builtins(reading)])
        told = tables.reading_sessions
        connection.execute(delete(told).where(told.c.path == reading.path))
        rows = [{"path": reading.path, "session": session} for session in sessions]
        if rows:
            upsert(connection, told, rows)

    def mark_stale(self, connection: Connection, summaries: Iterable[SessionSummary]) -> None:
        """These sessions have events whose analysis is not finished.

        A summary that is there stays until the analysis is done again.
        """
        rows = [_row(summary, stale=True, analysed_with="") for summary in summaries]
        if rows:
            kept = ("surface", "started", "ended", "analysed_with", "body")
            upsert(connection, tables.sessions, rows, keep=kept)

    def keep(
        self, connection: Connection, summaries: Iterable[SessionSummary], analysed_with: str
    ) -> None:
        """Write down finished summaries.

        Args:
            connection: the transaction that also keeps the sessions' findings.
            summaries: one a session.
            analysed_with: digest of the detectors that looked at it.
        """
        rows = [_row(summary, stale=False, analysed_with=analysed_with) for summary in summaries]
        if rows:
            upsert(connection, tables.sessions, rows)

    def stale(self, analysed_with: str, run: str | None) -> list[str]:
        """Sessions to analyse again: unfinished ones, and those of an assessment's files
        (None: all) that other detectors looked at."""
        table, told, read = tables.sessions, tables.reading_sessions, tables.readings
        seen = (
            select(told.c.session)
            .join(read, read.c.path == told.c.path)
            .where(read.c.run == run, told.c.session == table.c.session)
        )
        outdated = table.c.analysed_with != analysed_with
        if run is not None:
            outdated &= seen.exists()
        query = select(table.c.session).where(or_(table.c.stale, outdated))
        with self._engine.connect() as connection:
            return list(connection.execute(query.order_by(table.c.session)).scalars())

    def all(
        self, *, run: str | None = None, since: int | None = None, until: int | None = None
    ) -> Iterator[SessionSummary]:
        """Summaries by start, those without a time last.

        Args:
            run: only sessions told of by files that this assessment saw.
            since: only sessions that went on at or after this time (ns UTC), and those
                whose time is not known.
            until: only sessions that began before this time (ns UTC), and those whose time
                is not known.
        """
        table, told, read = tables.sessions, tables.reading_sessions, tables.readings
        query = select(table.c.body).order_by(
            table.c.started.is_(None), table.c.started, table.c.session
        )
        if run is not None:
            seen = (
                select(told.c.session)
                .join(read, read.c.path == told.c.path)
                .where(read.c.run == run, told.c.session == table.c.session)
            )
            query = query.where(seen.exists())
        if since is not None:
            query = query.where(or_(table.c.ended.is_(None), table.c.ended >= since))
        if until is not None:
            query = query.where(or_(table.c.started.is_(None), table.c.started < until))
        with self._engine.connect() as connection:
            for (body,) in connection.execution_options(yield_per=200).execute(query):
                yield _decode(body)

    def find(self, prefix: str) -> SessionSummary:
        """The session of this id, or the one whose id begins so.

        Raises:
            StateError: none or several do.
        """
        table = tables.sessions
        with self._engine.connect() as connection:
            exact = select(table.c.body).where(table.c.session == prefix)
            body = connection.execute(exact).scalar()
            if body is not None:
                return _decode(body)
            begins = table.c.session.startswith(prefix, autoescape=True)
            query = select(table.c.session, table.c.body).where(begins).limit(6)
            found = connection.execute(query.order_by(table.c.session)).all()
        if len(found) == 1:
            return _decode(found[0].body)
        shown = printable(prefix, 80)
        if not found:
            raise StateError(f"no session begins with '{shown}': see roguewatch sessions")
        names = ", ".join(printable(row.session, 80) for row in found[:5])
        more = ", …" if len(found) > 5 else ""
        raise StateError(f"several sessions begin with '{shown}': {names}{more}")


def _row(summary: SessionSummary, *, stale: bool, analysed_with: str) -> dict[str, Any]:
    return {
        "session": summary.session,
        "surface": summary.surface,
        "started": summary.started,
        "ended": summary.ended,
        "stale": stale,
        "analysed_with": analysed_with,
        "body": _encode(summary).decode(),
    }
