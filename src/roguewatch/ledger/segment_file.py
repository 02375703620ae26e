"""The file of a segment, from nothing to durable.

open(tmp) → (Parquet is written into it) → fsync(tmp) → rename(tmp, segment) → fsync(folder).
Only its registration in the hot store makes it part of the ledger; until then it is a
leftover that the next start removes.
"""

from __future__ import annotations

import os
from hashlib import file_digest
from pathlib import Path

from roguewatch.errors import LedgerError
from roguewatch.ledger.durable import TEMPORARY, sync_folder
from roguewatch.ledger.hot import SegmentRow
from roguewatch.printable import printable, printable_path


class SegmentFile:
    """One such file.

    Args:
        folder: the `segments` folder.
        number: the segment's number.
        first: its first leaf.

    Raises:
        LedgerError: it cannot be made.
    """

    def __init__(self, folder: Path, number: int, first: int) -> None:
        self._number, self._first = number, first
        self._path = folder / SegmentRow(number, first, 0, 0, b"").name
        self.temporary = folder / (self._path.name + TEMPORARY)
        """Where it is until it is settled."""
        try:
            self._stream = self.temporary.open("w+b")
        except OSError as error:
            raise self._failure(error) from error

    def fileno(self) -> int:
        """Its descriptor."""
        return self._stream.fileno()

    def settle(self, count: int) -> SegmentRow:
        """Make it durable under its name, now that it is written.

        Args:
            count: events in it.

        Returns:
            The row to register.

        Raises:
            LedgerError: the disk did not take it.
        """
        try:
            os.fsync(self.fileno())
            self._stream.seek(0)
            digest = file_digest(self._stream, "sha256").digest()
            size = self._stream.tell()
            self.temporary.rename(self._path)
            sync_folder(self._path.parent)
            self._stream.close()
        except OSError as error:
            raise self._failure(error) from error
        return SegmentRow(self._number, self._first, count, size, digest)

    def abort(self) -> None:
        """Remove it.

        Raises:
            OSError: it could not be; the next start after a kill does it.
        """
        self._stream.close()
        self.temporary.unlink(missing_ok=True)
        self._path.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> LedgerError:
        return LedgerError(
            f"{printable_path(self._path.parent)}: a segment cannot be written: "
            f"{printable(str(error))}"
        )
