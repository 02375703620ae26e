"""Moving what is committed from SQLite's log into its file, beside those who commit.

A commit is durable in the log; some time it must also go into the file, which costs as
much writing again and an fsync of the file. Left to SQLite, the one commit that fills the
log does it, and all others wait. A passive checkpoint over a connection of its own blocks
nobody (https://www.sqlite.org/wal.html, "Checkpointing"); what it leaves, because rows
were committed meanwhile, is little, and the next pass does that. Once all is moved SQLite
begins the log anew, over its old blocks: an fsync then has no new length of a file and no
new blocks to write besides, and costs half (`reserve` makes it so from the first on).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import suppress
from pathlib import Path

from roguewatch.ledger.hot import CACHE, Hot

BACKFILL_BYTES = 16 << 20
"""Of the log, after which it is done."""

RESERVED_BYTES = 20 << 20
"""Of the log: what is committed until all before has been moved."""

PAGE = 8192
PAGES_OF_A_COMMIT = 3
"""Pages that every commit changes, besides those of the records and of the index of sessions:
the checkpoint's, the one that the records begin on and, now and then, one above it."""

MOST_INDEX_PAGES = 8
"""Of the sessions of one commit, which are few."""

PASSES = 4


def reserve(hot: Hot) -> None:
    """Lengthen the log of a hot store that is open for writing to `RESERVED_BYTES` or so,
    durably, so that commits write over blocks that are there. A transaction that outgrows the
    cache goes to the log before it ends; rolled back, it leaves the blocks. Whatever fails here
    (a full disk) harms nothing."""
    log, db = hot.path.with_name(hot.path.name + "-wal"), hot.db
    with suppress(sqlite3.Error, OSError):
        if log.stat().st_size >= RESERVED_BYTES:
            return
        try:
            db.execute("PRAGMA cache_size=-256")
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT INTO meta VALUES ('reserved', zeroblob(?))", (RESERVED_BYTES,))
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
            db.execute(f"PRAGMA cache_size={CACHE}")
        handle = os.open(log, os.O_RDWR)
        try:
            os.fdatasync(handle)
        finally:
            os.close(handle)


class Backfill:
    """The log of one hot store. `wrote` and `close` may not be called at the same time.

    Args:
        path: the SQLite file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = 0
        self._thread: threading.Thread | None = None

    def wrote(self, rows: int, size: int) -> None:
        """Note a commit of so many rows and bytes; begins to move them once it is due."""
        self._bytes += size + PAGE * (PAGES_OF_A_COMMIT + min(rows, MOST_INDEX_PAGES))
        running = self._thread is not None and self._thread.is_alive()
        if self._bytes >= BACKFILL_BYTES and not running:
            self._bytes = 0
            self._thread = threading.Thread(target=self._move, name="backfill")
            self._thread.start()

    def close(self) -> None:
        """Wait for what is under way."""
        if self._thread is not None:
            self._thread.join()

    def _move(self) -> None:
        try:
            place = f"{self._path.absolute().as_uri()}?mode=rw"
            db = sqlite3.connect(place, uri=True, isolation_level=None)
            try:
                for _ in range(PASSES):
                    _, logged, moved = db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                    if moved == logged:
                        break
            finally:
                db.close()
        except sqlite3.Error:
            # As on a full disk: the rows stay in the log, where they are durable, and
            # SQLite tries again by itself when the log has grown.
            self._bytes = 0
