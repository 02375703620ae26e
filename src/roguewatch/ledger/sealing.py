"""Hot rows on their way into a segment while more are committed.

Building a segment takes a second or so, and nothing of it touches what the ledger stands
on: the rows are read over a connection of its own, the segment and the tiles are files
that nothing registers yet. Only the switch (`Writer.switch`) is a commit like any other:
segment registered, rows from then on not counted as hot, checkpoint. A kill before it
leaves files that the next start removes; a kill after it leaves rows that are sealed
already, which readers pass over and the next start deletes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger.hot import Hot, SegmentRow, SessionPart
from roguewatch.ledger.ids import KnownKeys, pack
from roguewatch.ledger.layout import GROUP_BYTES, GROUP_EVENTS, Layout
from roguewatch.ledger.merkle import Edge
from roguewatch.ledger.record import decode
from roguewatch.ledger.tiles import Tiles

REST_SECONDS = 0.02
"""After every few rows, which take a quarter of it: whoever decides or commits needs the
interpreter and the disk. At this pace 10,000 rows a second are sealed; where more come for
long, those who bring them wait (`Ledger.append`), and nobody rests."""


class Sealing:
    """One segment to be made of hot rows.

    Args:
        layout: where the files are.
        number: of the segment.
        edge: the tree up to the first of the rows; taken over.
        end: the leaf after the last of them.
        keys: the sealed ids so far; not changed.
    """

    def __init__(self, layout: Layout, number: int, edge: Edge, end: int, keys: KnownKeys) -> None:
        self.first = edge.size
        self.end = end
        self.edge = edge
        """When built: the tree up to `end`, from the leaf hashes of the rows."""
        self.keys = keys
        """When built: with the ids of the segment."""
        self.row: SegmentRow
        self.ids = b""
        self.parts: list[SessionPart] = []
        self.hurried = threading.Event()
        """Set: somebody waits until this has ended."""
        self._layout = layout
        self._number = number

    def build(self) -> None:
        """Write the segment and its tiles, durably; nothing of it is registered.

        Raises:
            LedgerError: they could not be written; nothing remains.
            TamperError: the rows are not those that were committed.
        """
        # PyArrow is loaded for the first segment, not at start-up.
        from roguewatch.ledger.segment import SegmentWriter

        segment = SegmentWriter(self._layout.segments, self._number, self.first)
        try:
            hot = Hot(self._layout.hot, write=False)
            try:
                for events, hashes in hot_groups(hot, self.first, self.end, self.rest):
                    segment.add(events, pack([event.id for event in events]))
                    self.edge.extend(hashes)
            finally:
                hot.close()
            if self.edge.size != self.end:
                raise TamperError(f"hot.sqlite: rows before leaf {self.end} are missing")
            self.row, self.ids, self.parts = segment.finish()
            self.keys = self.keys.with_index(self.ids)
            Tiles(self._layout.tiles).extend(self.first, self.edge.fresh)
        except OSError as error:
            segment.abort()
            raise LedgerError(f"the tiles cannot be written: {error}") from error
        except BaseException:
            segment.abort()
            raise

    def rest(self) -> None:
        """Leave the interpreter to others for a while, unless somebody waits for this."""
        self.hurried.wait(REST_SECONDS)

    def clear(self) -> None:
        """Remove what was written; for a segment that will not be registered.

        Raises:
            OSError: not all could be; the next start after a kill does it.
        """
        row = SegmentRow(self._number, self.first, 0, 0, b"")
        (self._layout.segments / row.name).unlink(missing_ok=True)
        Tiles(self._layout.tiles).clear_beyond(self.first)


def hot_groups(
    hot: Hot, first: int, end: int, rest: Callable[[], None] = lambda: None
) -> Iterator[tuple[list[Event], list[bytes]]]:
    """The events of the hot rows [first, end) in order with their leaf hashes, a row group
    at a time; `rest` is called after every few rows."""
    events: list[Event] = []
    hashes: list[bytes] = []
    size = 0
    while first < end and (rows := hot.rows(first, min(256, end - first))):
        for leaf, _, _, digest, record, raw in rows:
            if leaf >= end:
                break
            events.append(decode(record, raw))
            hashes.append(digest)
            size += len(record) + len(raw)
            if len(events) >= GROUP_EVENTS or size >= GROUP_BYTES:
                yield events, hashes
                events, hashes, size = [], [], 0
        first = rows[-1][0] + 1
        rest()
    if events:
        yield events, hashes
