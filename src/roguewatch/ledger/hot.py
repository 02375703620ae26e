"""The hot rows: a SQLite file whose commit is the acknowledgement.

WAL with `synchronous=FULL`: a commit is write(wal) → fsync(wal), and only then does
`commit` return. The same transaction holds the rows and the signed checkpoint over
them, so there is no moment at which a committed row is not covered by a signature.
Moving rows into a segment is one transaction too: the segment's registration and the
new checkpoint (`Hot.register`). Rows of registered segments are passed over from then
on, and deleted a few at a time (`Hot.sweep`), so that no commit waits for it.

Known sad paths: a disk that says it synced and did not; a full disk (SQLite rolls
the transaction back and nothing of it is acknowledged).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import msgspec

from roguewatch.errors import LedgerError, TamperError
from roguewatch.printable import printable, printable_path
from roguewatch.sqlite_files import read_only_query

SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE hot (
  leaf INTEGER PRIMARY KEY, id TEXT NOT NULL, session TEXT NOT NULL,
  hash BLOB NOT NULL, record BLOB NOT NULL, raw BLOB NOT NULL) STRICT;
CREATE INDEX hot_session ON hot (session);
CREATE TABLE segments (
  number INTEGER PRIMARY KEY, first INTEGER NOT NULL, count INTEGER NOT NULL,
  size INTEGER NOT NULL, sha256 BLOB NOT NULL, ids BLOB NOT NULL) STRICT;
CREATE TABLE segment_sessions (
  session TEXT NOT NULL, segment INTEGER NOT NULL, surface TEXT NOT NULL,
  first INTEGER, last INTEGER, events INTEGER NOT NULL, groups BLOB NOT NULL,
  PRIMARY KEY (session, segment)) STRICT, WITHOUT ROWID;
"""
"""There is no index of ids. They are random, so that every commit and every sweep would write
most of its pages again; who looks ids up has them in memory (`Reader`, `Writer`)."""

VERSION = 2
"""The `user_version` of a file of that schema."""

_WITH_IDS = "CREATE UNIQUE INDEX hot_id ON hot (id)"
"""Version 1 has it besides; a writer drops it."""

_BORDER = """
CREATE TEMP VIEW border AS SELECT
  coalesce((SELECT first + count FROM segments ORDER BY number DESC LIMIT 1), 0) AS leaf
"""
"""The leaf after the last segment: of this connection, not of the file. Rows before it are on
their way out (`sweep`)."""

CACHE = -16384
"""Of pages, in KiB, as SQLite wants it said."""

_INSERT = {
    size: "INSERT INTO hot VALUES " + ", ".join(["(?, ?, ?, ?, ?, ?)"] * size)  # noqa: S608
    for size in (64, 32, 16, 8, 4, 2, 1)
}
"""By how many rows it adds. Each statement gives the interpreter away, and has to wait to get
it back where others work: so few are wanted."""

HotRow = tuple[int, str, str, bytes, bytes, bytes]
"""(leaf, id, session, leaf hash, record, raw)"""


class SegmentRow(msgspec.Struct, frozen=True):
    """A sealed segment as registered."""

    number: int
    first: int
    """Its first leaf."""
    count: int
    size: int
    """Bytes of the file."""
    sha256: bytes
    """Of the whole file."""

    @property
    def name(self) -> str:
        """File name: number, then first leaf."""
        return f"{self.number:06d}-{self.first:012d}.parquet"


class SessionPart(msgspec.Struct, frozen=True):
    """What one segment holds of one session."""

    session: str
    segment: int
    surface: str
    first: int | None
    """Earliest time, ns since 1970."""
    last: int | None
    events: int
    groups: bytes
    """Row groups with events of it: big-endian 16-bit numbers, rising."""


class Hot:
    """The hot store of one ledger.

    Args:
        path: the SQLite file.
        write: open for writing (the caller holds the writer's lock).
        still: nobody writes and the file was closed off: read it without touching
            anything, not even a shared-memory file. A file that may not be written (a
            read-only mount) is read so too.
    """

    def __init__(self, path: Path, *, write: bool, still: bool = False) -> None:
        self.path = path
        query = "mode=ro&immutable=1" if still else read_only_query(path)
        if write or not query:
            query = "mode=rwc" if write else "mode=rw"
        try:
            self.db = sqlite3.connect(
                f"{path.absolute().as_uri()}?{query}",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=10,
            )
            self.db.execute("PRAGMA trusted_schema=OFF")
            self.db.execute("PRAGMA temp_store=MEMORY")
            if write:
                self._prepare()
            self.db.execute(_BORDER)
            if not write:
                self.db.execute("PRAGMA query_only=ON")
                self.db.execute("SELECT count(*) FROM meta").fetchone()
        except sqlite3.Error as error:
            advice = (
                "it is read-only and its log is not empty: copy the ledger to where it can be "
                "written" if query == "mode=ro" else
                "it is read-only" if write and read_only_query(path) else
                "`roguewatch ledger fsck` says what is damaged"
            )  # fmt: skip
            raise LedgerError(
                f"{printable_path(path)}: the hot store cannot be opened: {printable(str(error))}; "
                f"{advice}"
            ) from error

    def _prepare(self) -> None:
        version = self.db.execute("PRAGMA user_version").fetchone()[0]
        if not version:
            self.db.execute("PRAGMA page_size=8192")
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute(f"PRAGMA cache_size={CACHE}")
        # Pages; `wal.Backfill` has done nearly all of it by then.
        self.db.execute("PRAGMA wal_autocheckpoint=6000")
        if not version:
            self.db.executescript(f"BEGIN;{SCHEMA}PRAGMA user_version={VERSION};COMMIT;")
        elif version == 1:
            self.db.executescript(
                f"BEGIN;DROP INDEX IF EXISTS hot_id;PRAGMA user_version={VERSION};COMMIT;"
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; durable when the block has ended.

        Raises:
            LedgerError: it could not be stored (disk full, …); nothing of it was.
        """
        try:
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise self._not_stored(error) from error

    def _not_stored(self, error: sqlite3.Error) -> LedgerError:
        return LedgerError(f"{printable_path(self.path)}: not stored: {printable(str(error))}")

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Several reads of one state."""
        with self.reading():
            if self.db.in_transaction:
                yield
                return
            self.db.execute("BEGIN")
            try:
                yield
            finally:
                self.db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[None]:
        """SQLite's complaints about a damaged file become ours."""
        try:
            yield
        except (sqlite3.Error, OverflowError, UnicodeDecodeError) as error:
            raise TamperError(
                f"{printable_path(self.path)}: damaged: {printable(str(error))}"
            ) from error

    def get(self, key: str) -> bytes | None:
        """A value of the meta table."""
        with self.reading():
            row = self.db.execute("SELECT value FROM meta WHERE key=?", (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def put(self, key: str, value: bytes) -> None:
        """Set a value, within a transaction."""
        self.db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def insert(self, rows: Sequence[HotRow]) -> None:
        """Add rows, within a transaction."""
        start = 0
        for size, statement in _INSERT.items():
            while len(rows) - start >= size:
                some = rows[start : start + size]
                self.db.execute(statement, list(chain.from_iterable(some)))
                start += size

    def rows(self, first: int, limit: int) -> list[HotRow]:
        """Up to `limit` rows from leaf `first` on that no segment holds, in order."""
        # One lower bound: of two, SQLite seeks to the one and steps over rows to the other.
        return self._rows(
            "SELECT * FROM hot WHERE leaf >= max(?, (SELECT leaf FROM border)) "
            "ORDER BY leaf LIMIT ?",
            (first, limit),
        )

    def session_rows(self, session: str, first: int) -> list[HotRow]:
        """All such rows of one session from leaf `first` on, in order."""
        return self._rows(
            "SELECT * FROM hot WHERE session = ? "
            "AND leaf >= max(?, (SELECT leaf FROM border)) ORDER BY leaf",
            (session, first),
        )

    def sealed_rows(self, first: int, limit: int) -> list[HotRow]:
        """Up to `limit` rows from leaf `first` on that are in a segment already, in order."""
        return self._rows(
            "SELECT * FROM hot WHERE leaf >= ? AND leaf < (SELECT leaf FROM border) "
            "ORDER BY leaf LIMIT ?",
            (first, limit),
        )

    def _rows(self, query: str, values: tuple[object, ...]) -> list[HotRow]:
        with self.reading():
            found = self.db.execute(query, values).fetchall()
        return [_typed(row) for row in found]

    def holds(self, session: str) -> bool:
        """Whether there is a row or a segment with events of a session."""
        with self.reading():
            found = self.db.execute(
                "SELECT EXISTS (SELECT 1 FROM hot WHERE session = ?1) "
                "OR EXISTS (SELECT 1 FROM segment_sessions WHERE session = ?1)",
                (session,),
            ).fetchone()
        return bool(found[0])

    def sealed(self) -> int:
        """The leaf after the last segment."""
        with self.reading():
            leaf: int = self.db.execute("SELECT leaf FROM border").fetchone()[0]
        return leaf

    def count(self) -> int:
        """Number of rows that no segment holds."""
        with self.reading():
            found = self.db.execute(
                "SELECT count(*) FROM hot WHERE leaf >= (SELECT leaf FROM border)"
            )
            count: int = found.fetchone()[0]
        return count

    def end(self) -> int:
        """The leaf after the last row, sealed or not; 0 where there is none. Found by the
        key, in the same time however many rows there are."""
        with self.reading():
            last: int | None = self.db.execute("SELECT max(leaf) FROM hot").fetchone()[0]
        return 0 if last is None else last + 1

    def ids(self, first: int) -> list[tuple[int, str]]:
        """(leaf, id) of every row from leaf `first` on, sealed or not, in order."""
        with self.reading():
            return self.db.execute(
                "SELECT leaf, id FROM hot WHERE leaf >= ? ORDER BY leaf", (first,)
            ).fetchall()

    def hashes(self) -> list[tuple[int, str, bytes]]:
        """(leaf, id, leaf hash) of every row that no segment holds, in order."""
        with self.reading():
            return self.db.execute(
                "SELECT leaf, id, hash FROM hot WHERE leaf >= (SELECT leaf FROM border) ORDER BY leaf"
            ).fetchall()

    def schema(self) -> tuple[set[str], set[str]]:
        """The statements that made the tables and indices of this file, and those that make
        a hot store of its version."""
        with self.reading():
            found = {sql for (sql,) in self.db.execute("SELECT sql FROM sqlite_master") if sql}
            (version,) = self.db.execute("PRAGMA user_version").fetchone()
        expected = {part.strip() for part in SCHEMA.split(";") if part.strip()}
        return found, expected | {_WITH_IDS} if version == 1 else expected

    def segments(self, first: int = 0) -> list[SegmentRow]:
        """Registered segments that hold leaves from `first` on, in order."""
        with self.reading():
            found = self.db.execute(
                "SELECT number, first, count, size, sha256 FROM segments "
                "WHERE first + count > ? ORDER BY number",
                (first,),
            ).fetchall()
        return [SegmentRow(*row) for row in found]

    def index(self, number: int) -> bytes:
        """The id index of a segment (`ids.index_of`)."""
        with self.reading():
            row = self.db.execute("SELECT ids FROM segments WHERE number=?", (number,)).fetchone()
        return bytes(row[0]) if row else b""

    def parts(self, session: str | None = None, segment: int | None = None) -> list[SessionPart]:
        """What the segments hold of one session, or of all."""
        with self.reading():
            found = self.db.execute(
                "SELECT session, segment, surface, first, last, events, groups "
                "FROM segment_sessions WHERE (?1 IS NULL OR session = ?1) "
                "AND (?2 IS NULL OR segment = ?2) ORDER BY segment, session",
                (session, segment),
            ).fetchall()
        return [SessionPart(*row) for row in found]

    def register(self, row: SegmentRow, ids: bytes, parts: Iterable[SessionPart]) -> None:
        """Within a transaction: a segment takes the place of the hot rows it holds. They
        count no more; `sweep` removes them."""
        self.db.execute(
            "INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?)",
            (row.number, row.first, row.count, row.size, row.sha256, ids),
        )
        self.db.executemany(
            "INSERT INTO segment_sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
            ((p.session, p.segment, p.surface, p.first, p.last, p.events, p.groups) for p in parts),
        )

    def sweep(self, limit: int) -> bool:
        """Delete up to `limit` rows that are sealed; whether there may be more. Within no
        transaction, and not synced: what a cut of power brings back is deleted again."""
        try:
            self.db.execute("PRAGMA synchronous=NORMAL")
            swept = self.db.execute(
                "DELETE FROM hot WHERE leaf < min((SELECT leaf FROM border), "
                "(SELECT coalesce(min(leaf), 0) + ? FROM hot))",
                (limit,),
            )
        except sqlite3.Error as error:
            raise self._not_stored(error) from error
        finally:
            self.db.execute("PRAGMA synchronous=FULL")
        return swept.rowcount >= limit

    def close(self, *, settle: bool = False) -> bool:
        """Close the file.

        Args:
            settle: move everything from the log into the file first.

        Returns:
            Whether the file alone now holds everything.
        """
        settled = False
        try:
            if settle:
                settled = not self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error:
            settled = False
        self.db.close()
        return settled


def _typed(row: HotRow) -> HotRow:
    """SQLite stores what it is given, and more so when someone edits its pages."""
    if [type(value) for value in row] != [int, str, str, bytes, bytes, bytes]:
        raise TamperError(f"hot.sqlite: row of leaf {row[0]!r}: holds values of other types")
    return row
