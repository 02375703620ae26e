"""Sealed segments: Parquet files that any query engine reads as they are.

One row per event in leaf order, one column per field, zstd. The leaf itself is not
stored: it is the canonical record that the columns give (`record.encode`), so a
changed column is a changed leaf. `leaf` is the event's index in the tree.
What makes such a file durable stands in `segment_file.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger.columns import LOW, SCHEMA, array, batch_of, events_of, scalar
from roguewatch.ledger.hot import SessionPart
from roguewatch.ledger.ids import index_of, pack
from roguewatch.ledger.layout import GROUP_BYTES as GROUP_BYTES
from roguewatch.ledger.layout import GROUP_EVENTS as GROUP_EVENTS
from roguewatch.printable import printable

_SLICE = 256
"""Rows that are read into events at once."""

_NARROWING = ["leaf", "session", "kind", "time"]
"""Columns that tell which rows are asked for."""

Seen = tuple[str, str, int | None]
"""Session, surface and time of an event."""


class SegmentWriter:
    """The rows of one segment being written. Compression and disk run on a thread of their own.

    Args:
        path: of the file, which is there and empty.
        number: the segment's number.
        first: its first leaf.

    Raises:
        LedgerError: it cannot be opened.
    """

    def __init__(self, path: Path, number: int, first: int) -> None:
        self.count = 0
        self.bytes = 0
        """Bytes taken in so far, uncompressed."""
        self._number = number
        self._first = first
        self._ids: list[bytes] = []
        self._rows: list[list[Seen]] = []
        self._pending: list[Future[None]] = []
        try:
            self._file = pq.ParquetWriter(
                path,
                SCHEMA,
                compression="zstd",
                compression_level=1,
                use_dictionary=LOW,
                write_statistics=["leaf", "session", "kind", "time"],
                data_page_version="2.0",
            )
        except OSError as error:
            raise _failure(error) from error
        self._thread = ThreadPoolExecutor(1, "segment")

    def add(self, events: Sequence[Event]) -> None:
        """Add one row group: at most `GROUP_EVENTS` events.

        Raises:
            LedgerError: the disk did not take an earlier group.
        """
        batch = batch_of(events, self._first + self.count)
        self._rows.append([(event.session, event.surface, event.time) for event in events])
        self.count += len(events)
        self.bytes += batch.nbytes
        self._ids.append(pack([event.id for event in events]))
        while len(self._pending) > 1:
            _await(self._pending.pop(0))
        # One call, without Python in between: the thread would wait for the interpreter.
        self._pending.append(self._thread.submit(self._file.write_batch, batch, GROUP_EVENTS))

    def finish(self) -> tuple[bytes, list[SessionPart]]:
        """Write the rest; what is written is not durable yet.

        Returns:
            The id index of the segment, and its sessions.

        Raises:
            LedgerError: the disk did not take it.
        """
        for pending in self._pending:
            _await(pending)
        _await(self._thread.submit(self._file.close))
        if self.bytes > 32 * GROUP_BYTES:
            pa.default_memory_pool().release_unused()  # it keeps what a giant took
        return index_of(b"".join(self._ids)), session_parts(self._number, self._rows)

    def close(self) -> None:
        """Let go of the file, finished or not."""
        self._thread.shutdown(cancel_futures=True)
        try:
            self._file.close()
        except (OSError, pa.ArrowException):
            self._file.is_open = False  # a full disk: the file is removed next anyway


def _await(pending: Future[None]) -> None:
    try:
        pending.result()
    except (OSError, pa.ArrowException) as error:
        raise _failure(error) from error


def _failure(error: Exception) -> LedgerError:
    return LedgerError(f"a segment cannot be written: {printable(str(error))}")


def session_parts(number: int, groups: Sequence[Sequence[Seen]]) -> list[SessionPart]:
    """What a segment's row groups hold of each session.

    Args:
        number: the segment.
        groups: (session, surface, time) of the events of each row group.
    """
    found: dict[str, list[Any]] = {}
    part: list[Any] | None
    for group, rows in enumerate(groups):
        for session, surface, time in rows:
            part = found.get(session)
            if part is None:
                found[session] = [surface, time, time, 1, [group]]
                continue
            if time is not None:
                part[1] = time if part[1] is None or time < part[1] else part[1]
                part[2] = time if part[2] is None or time > part[2] else part[2]
            part[3] += 1
            if part[4][-1] != group:
                part[4].append(group)
    return [
        SessionPart(
            session, number, surface, first, last, events,
            b"".join(group.to_bytes(2, "big") for group in chosen),
        )
        for session, (surface, first, last, events, chosen) in found.items()
    ]  # fmt: skip


class Segment:
    """A sealed segment, for reading.

    Args:
        path: the file.

    Raises:
        TamperError: it cannot be read as a segment.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = f"segments/{printable(path.name)}"
        try:
            self._file = pq.ParquetFile(path)
            schema = self._file.schema_arrow
        except (OSError, pa.ArrowException) as error:
            raise self._damage(error) from error
        if not schema.equals(SCHEMA):
            self.close()
            raise TamperError(f"{self.name}: has other columns than a segment")

    def groups(self) -> int:
        """Number of row groups."""
        count: int = self._file.num_row_groups
        return count

    def events(
        self,
        groups: Sequence[int],
        *,
        session: str | None = None,
        kinds: Collection[str] | None = None,
        since: int | None = None,
        until: int | None = None,
        first: int = 0,
    ) -> Iterator[tuple[int, Event]]:
        """(leaf, event) of those row groups, in order, narrowed as `Ledger.events` says.

        Raises:
            TamperError: a row group cannot be read.
        """
        narrowed = kinds is not None or since is not None or until is not None
        for group in groups:
            try:
                if narrowed:  # by a few small columns first: texts and bytes may be long
                    table = self._file.read_row_group(group, columns=_NARROWING)
                    keep = _mask(table, session, kinds, since, until, first)
                    if not pc.any(keep).as_py():
                        continue
                table = self._file.read_row_group(group)
                keep = _mask(table, session, kinds, since, until, first)
                if keep is not None:
                    table = table.filter(keep)
                    keep = None
            except (OSError, pa.ArrowException, ValueError) as error:
                raise self._damage(error) from error
            # As Python objects a row group is several times as large: a few at a time.
            for start in range(0, table.num_rows, _SLICE):
                try:
                    pairs = events_of(table.slice(start, _SLICE))
                except (OSError, pa.ArrowException, ValueError) as error:
                    raise self._damage(error) from error
                yield from pairs

    def event(self, row: int) -> Event:
        """The event in a row.

        Raises:
            TamperError: there is no such row, or it cannot be read.
        """
        try:
            for group in range(self._file.num_row_groups):
                rows = self._file.metadata.row_group(group).num_rows
                if row < rows:
                    return events_of(self._file.read_row_group(group).slice(row, 1))[0][1]
                row -= rows
        except (OSError, pa.ArrowException, ValueError) as error:
            raise self._damage(error) from error
        raise TamperError(f"{self.name}: has no row {row}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Segment:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _damage(self, error: Exception) -> TamperError:
        return TamperError(f"{self.name}: cannot be read: {printable(str(error), 300)}")


def _mask(
    table: pa.Table,
    session: str | None,
    kinds: Collection[str] | None,
    since: int | None,
    until: int | None,
    first: int,
) -> Any:
    masks = []
    if session is not None:
        masks.append(pc.equal(table["session"], scalar(session, "session")))
    if kinds is not None:
        masks.append(pc.is_in(table["kind"], array(list(kinds), SCHEMA.field("kind"))))
    if since is not None or until is not None:
        time = table["time"].cast(pa.int64())
        never = scalar(False, "truncated")
        if since is not None:
            masks.append(pc.fill_null(pc.greater_equal(time, scalar(since, "leaf")), never))
        if until is not None:
            masks.append(pc.fill_null(pc.less(time, scalar(until, "leaf")), never))
    if first:
        masks.append(pc.greater_equal(table["leaf"], scalar(first, "leaf")))
    keep = None
    for mask in masks:
        keep = mask if keep is None else pc.and_(keep, mask)
    return keep
