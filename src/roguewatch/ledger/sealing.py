"""Hot rows on their way into a segment while more are committed.

Building a segment takes a second or so, and nothing of it touches what the ledger stands
on: a process of its own reads the rows and writes the file (`sealer.py`); here its leaves are
held against those that were committed, and the file and the tiles are made durable. Nothing
registers them yet. Only the switch (`Writer.switch`) is a commit like any other: segment
registered, rows from then on not counted as hot, checkpoint. A kill before it leaves files
that the next start removes; a kill after it leaves rows that are sealed already, which readers
pass over and the next start deletes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger.hot import Hot, SegmentRow, SessionPart
from roguewatch.ledger.ids import KnownKeys
from roguewatch.ledger.layout import GROUP_BYTES, GROUP_EVENTS, Layout
from roguewatch.ledger.merkle import Edge, leaf_hash
from roguewatch.ledger.record import decode
from roguewatch.ledger.sealer import Order, Sealer
from roguewatch.ledger.segment_file import SegmentFile
from roguewatch.ledger.tiles import Tiles

REST_SECONDS = 0.01
"""Between two commits that delete rows: whoever decides or commits needs the interpreter and
the disk. At this pace 40,000 rows a second go; where more come for long, those who bring them
wait (`Ledger.append`), and nobody rests."""


class Sealing:
    """One segment to be made of hot rows.

    Args:
        layout: where the files are.
        number: of the segment.
        first: leaf of the first of the rows.
        edge: the tree up to the last of them, with the nodes that are in no tile yet; kept.
        keys: the sealed ids so far; not changed.
        sealer: who writes the segment.
    """

    def __init__(
        self, layout: Layout, number: int, first: int, edge: Edge, keys: KnownKeys, sealer: Sealer
    ) -> None:
        self.first = first
        self.edge = edge
        self.keys = keys
        """When built: with the ids of the segment."""
        self.row: SegmentRow
        self.ids = b""
        self.parts: list[SessionPart] = []
        self.hurried = threading.Event()
        """Set: somebody waits until this has ended."""
        self._layout = layout
        self._number = number
        self._sealer = sealer

    def build(self) -> None:
        """Write the segment and its tiles, durably; nothing of it is registered.

        Raises:
            LedgerError: they could not be written; nothing remains.
            TamperError: the rows are not those that were committed.
        """
        file = SegmentFile(self._layout.segments, self._number, self.first)
        try:
            end = self.edge.size
            order = Order(str(self._layout.hot), self._number, self.first, end)
            built = self._sealer.build(order, file.fileno())
            if built.leaves != sha256(b"".join(self.edge.fresh[0])).digest():
                raise TamperError("hot.sqlite: its rows are not those that were committed")
            self.row = file.settle(end - self.first)
            self.ids, self.parts = built.ids, built.parts
            self.keys = self.keys.with_index(self.ids)
            Tiles(self._layout.tiles).extend(self.first, self.edge.fresh)
        except BaseException as error:
            with suppress(OSError):
                file.abort()
            if isinstance(error, OSError):
                raise LedgerError(f"the tiles cannot be written: {error}") from error
            raise

    def rest(self) -> None:
        """Leave the rest of the work for a moment, unless somebody waits for it."""
        self.hurried.wait(REST_SECONDS)

    def clear(self) -> None:
        """Remove what was written; for a segment that will not be registered.

        Raises:
            OSError: not all could be; the next start after a kill does it.
        """
        row = SegmentRow(self._number, self.first, 0, 0, b"")
        (self._layout.segments / row.name).unlink(missing_ok=True)
        Tiles(self._layout.tiles).clear_beyond(self.first)


def hot_groups(hot: Hot, first: int, end: int) -> Iterator[tuple[list[Event], list[bytes]]]:
    """The events of the hot rows [first, end) in order with their leaf hashes, computed from
    the records, a row group at a time.

    Raises:
        TamperError: they cannot be read, or one is missing.
    """
    events: list[Event] = []
    hashes: list[bytes] = []
    size = 0
    while first < end:
        rows = hot.rows(first, min(256, end - first))
        if not rows or [row[0] for row in rows] != list(range(first, first + len(rows))):
            raise TamperError(f"hot.sqlite: a row of leaf {first} or soon after is missing")
        for _, _, _, _, record, raw in rows:
            events.append(decode(record, raw))
            hashes.append(leaf_hash(record))
            size += len(record) + len(raw)
            if len(events) >= GROUP_EVENTS or size >= GROUP_BYTES:
                yield events, hashes
                events, hashes, size = [], [], 0
        first += len(rows)
    if events:
        yield events, hashes
