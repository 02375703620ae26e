"""Open the state database: SQLite in the store, or PostgreSQL by URL, migrated.

`ROGUEWATCH_STATE_URL` moves the state to another database, for instance
`postgresql+psycopg://…`; without it the state is `STORE/state.sqlite`.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from roguewatch.errors import StateError
from roguewatch.printable import printable, printable_path
from roguewatch.sqlite_files import read_only_query

_MIGRATION_LOCK = 0x726F6775655F7761  # "rogue_wa": the advisory lock's key on PostgreSQL


def connect(store: Path, *, url: str | None = None) -> Engine:
    """The state of a store, created or migrated to the newest revision where needed.

    A store that may not be written (a read-only mount, an auditor's copy) is read as it is;
    transactions that write are then refused.

    Args:
        store: the store's directory; made (mode 0700) where it is not there.
        url: SQLAlchemy URL of another database; defaults to `ROGUEWATCH_STATE_URL`.

    Raises:
        StateError: the database cannot be opened, or comes from a newer roguewatch; or it
            is read-only and has to be migrated first.
    """
    url = url or os.environ.get("ROGUEWATCH_STATE_URL")
    path = store.absolute() / "state.sqlite"
    if not url and store.is_dir() and (query := read_only_query(path)):
        return _connect_read_only(path, query)
    url = url or _sqlite_url(store)
    try:
        engine = sqlalchemy.create_engine(url)
        if engine.dialect.name == "sqlite":
            sqlalchemy.event.listen(engine, "connect", _set_pragmas)
            sqlalchemy.event.listen(engine, "begin", _begin)
        if _revision(engine) != newest_revision():
            with _migration_lock(engine, store):
                _migrate(engine)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise StateError(f"{_shown(url)}: the state cannot be opened: {_reason(error)}") from error
    return engine


def _connect_read_only(path: Path, query: str) -> Engine:
    if not path.exists():
        raise StateError(
            f"{printable_path(path.parent)}: is read-only, and no state was kept in it yet"
        )
    url = sqlalchemy.URL.create("sqlite", database=str(path))
    uri = f"{path.as_uri()}?{query}"

    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=10)
        connection.isolation_level = None
        return connection

    try:
        engine = sqlalchemy.create_engine(url, creator=opened)
        sqlalchemy.event.listen(engine, "begin", _begin)
        revision = _revision(engine)
    except (SQLAlchemyError, sqlite3.Error) as error:
        hint = "" if "immutable" in query else (
            ": its log (state.sqlite-wal) is not empty; copy the store to where it can be "
            "written, or run a command where it is writable first"
        )  # fmt: skip
        raise StateError(
            f"{printable_path(path)}: is read-only and cannot be opened: {_reason(error)}{hint}"
        ) from error
    if revision != newest_revision():
        raise StateError(
            f"{printable_path(path)}: is read-only, and its schema is {revision or 'empty'} where "
            f"{newest_revision()} is needed: run a command once where it can be written"
        )
    return engine


@contextmanager
def transaction(engine: Engine, *, write: bool = False) -> Iterator[Connection]:
    """A connection whose work is committed at the end, or not at all.

    Args:
        engine: the database.
        write: it reads before it writes. SQLite's write lock is then taken at once, and
            waited for: one that only later finds that it must write is refused.

    Raises:
        StateError: what the database refused, in one line (a full disk, a lock).
    """
    try:
        with engine.execution_options(write=write).begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        reason = _reason(error)
        if "readonly database" in reason:
            reason = f"is read-only: nothing was written ({reason})"
        raise StateError(f"{_shown(str(engine.url))}: {reason}") from error


@cache
def newest_revision() -> str:
    """The revision that this code expects, from the names of the migration files."""
    names = [
        entry.name for entry in files("roguewatch.state").joinpath("migrations/versions").iterdir()
    ]
    return max(name.partition("_")[0] for name in names if name[:4].isdigit())


def _sqlite_url(store: Path) -> str:
    try:
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(
            f"{printable_path(store)}: the store cannot be made: {error.strerror}"
        ) from error
    path = store.absolute() / "state.sqlite"
    return sqlalchemy.URL.create("sqlite", database=str(path)).render_as_string()


def _set_pragmas(connection: Any, record: object) -> None:
    """WAL so that readers never wait; FULL so that a commit survives a power cut."""
    connection.isolation_level = None  # sqlite3 would leave table changes out of transactions
    cursor = connection.cursor()
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def _revision(engine: Engine) -> str:
    """The revision that the database is at; empty where it is new."""
    with engine.connect() as connection:
        if not sqlalchemy.inspect(connection).has_table("alembic_version"):
            return ""
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


@contextmanager
def _migration_lock(engine: Engine, store: Path) -> Iterator[None]:
    """Two processes that start at once must not both migrate."""
    if engine.dialect.name == "sqlite":
        store.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (store / "state.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})


def _migrate(engine: Engine) -> None:
    from alembic import command  # imported here: it takes longer than everything else
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", "roguewatch.state:migrations")
    config.attributes["engine"] = engine
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StateError(
            f"{_shown(str(engine.url))}: made by another version of roguewatch: {_reason(error)}"
        ) from error


def _reason(error: Exception) -> str:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    return printable(str(cause).splitlines()[0] if str(cause) else type(cause).__name__, 300)


def _shown(url: str) -> str:
    try:
        shown = sqlalchemy.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "the state's URL"
    return printable(shown.removeprefix("sqlite:///"))
