"""One writer: an flock(2) that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from roguewatch.errors import LedgerBusyError
from roguewatch.ledger.durable import write_all
from roguewatch.printable import printable_path


class WriterLock:
    """The right to write to a ledger.

    The file names the holder's process id while it is held, and is empty after a
    clean close; a process id in a file that nobody locks says that the writer was
    killed. The file is never removed: two processes could then lock two files.

    Raises:
        LedgerBusyError: another process (or another ledger object here) holds it.
    """

    def __init__(self, path: Path) -> None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            _take(handle)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise LedgerBusyError(
                f"{printable_path(path.parent)}: process {holder} is writing to this ledger; "
                "there can be one writer (readers are always welcome)"
            ) from error
        self._handle = handle
        self.interrupted = os.fstat(handle).st_size > 0
        """The last writer did not close."""

    def claim(self) -> None:
        """Name this process as the holder, durably."""
        os.ftruncate(self._handle, 0)
        os.lseek(self._handle, 0, os.SEEK_SET)
        write_all(self._handle, b"%d\n" % os.getpid())
        os.fsync(self._handle)

    def abandon(self) -> None:
        """Let go without a word, where the ledger could not be opened."""
        os.close(self._handle)

    def release(self, *, clean: bool) -> None:
        """Let go.

        Args:
            clean: everything is stored and sealed off by the closing signature; else
                the file keeps the process id, as if this process had been killed.
        """
        if clean:
            os.ftruncate(self._handle, 0)
            os.fsync(self._handle)
        os.close(self._handle)


def _take(handle: int) -> None:
    """Lock, with a moment's patience for a reader that looks whether a writer is there."""
    for _ in range(5):
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
    return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def writer_state(path: Path) -> str:
    """`closed`, `live` (a writer holds it now) or `interrupted`, without disturbing a writer."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return "live"
        return "interrupted" if os.fstat(handle).st_size else "closed"
    finally:
        os.close(handle)
