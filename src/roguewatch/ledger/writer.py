"""The one writer of a ledger: append and seal.

What `append` does, and where a crash may fall (each arrow is one system call or
SQLite commit; acknowledgement is `append` returning):

    few events    encode, hash, sign → commit(hot rows + checkpoint) → acknowledged
                  → write(witness), at most once a second
    enough hot    (`sealing.py`, while few events go on being stored) the same files as
    rows          for many events → commit(register segment, checkpoint) → replace
                  `checkpoint` → commit(delete some of its hot rows) …
    many events   per segment: write(segment.tmp) → fsync → rename → fsync(folder)
                  → write, fsync, rename tiles → commit(register segment, remove the hot
                  rows it holds, checkpoint) → acknowledged → replace `checkpoint`
                  → write, fsync(witness)

A kill before a commit leaves files that nothing registers: the next writer removes
them. A kill after it leaves events that were stored but not acknowledged: reading
again adds nothing, since ids are known. Known sad paths: between a commit and the
witness line (at most a second, or until the seal) a store exchanged for an earlier
copy of itself goes unnoticed; everything that remains in it is always signed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import count
from typing import TYPE_CHECKING

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger.batches import Appended, apart, encoded, take
from roguewatch.ledger.durable import sync_folder, write_file
from roguewatch.ledger.hot import Hot, SegmentRow, SessionPart
from roguewatch.ledger.known import Known
from roguewatch.ledger.layout import Layout
from roguewatch.ledger.lock import WriterLock
from roguewatch.ledger.merkle import Edge, leaf_hash, subtree_root
from roguewatch.ledger.note import (
    NO_SEGMENTS,
    Checkpoint,
    Signer,
    issue,
    open_checkpoint,
    segments_digest,
)
from roguewatch.ledger.sealer import Sealer
from roguewatch.ledger.sealing import Sealing, hot_groups
from roguewatch.ledger.segment_file import SegmentFile
from roguewatch.ledger.testimony import Testimony
from roguewatch.ledger.tiles import Tiles
from roguewatch.ledger.wal import Backfill, reserve
from roguewatch.ledger.witness import FileWitness, HttpWitness

if TYPE_CHECKING:
    from roguewatch.ledger.segment import SegmentWriter

SEGMENT_EVENTS = 32 * 1024
SEGMENT_BYTES = 64 << 20
"""A segment holds no more than these (one event may be larger), and as many hot rows are
sealed."""

MOST_HOT = 4
"""Times as many hot rows may there be, while the disk is too slow to seal them as fast."""

SWEPT = 512
"""Rows deleted in one commit, which is not synced: a millisecond."""

SWEPT_HURRIED = 16 * 1024
"""The same where nobody but the one who waits for all of it could be held up."""


class Writer:
    """The writing side of one ledger. Not for several threads at once: `Ledger` sees to that.

    Args:
        layout: where the files are.
        lock: the writer's lock, held.
        signer: the ledger's key.
        witness: where checkpoints are witnessed.
        new_witness: accept that it has nothing, and start it.

    Raises:
        TamperError: the store is not what was signed or witnessed.
        LedgerError: it cannot be opened.
    """

    def __init__(
        self,
        layout: Layout,
        lock: WriterLock,
        signer: Signer,
        witness: FileWitness | HttpWitness,
        *,
        new_witness: bool = False,
    ) -> None:
        self.testimony = Testimony(witness)
        self._layout = layout
        self._lock = lock
        self._signer = signer
        self._tiles = Tiles(layout.tiles)
        self._known = Known()
        self._unswept = False
        self._backfill = Backfill(layout.hot)
        self._sealer = Sealer()
        self._edge = Edge()
        self._segments = 0
        self._digest = NO_SEGMENTS
        self._sealed = 0
        self._behind = False
        """A published file is behind the hot store: to be mended as after a kill."""
        self._start(new_witness)

    def _start(self, new_witness: bool) -> None:
        layout = self._layout
        new = not layout.hot.exists()
        witnessed = self.testimony.witness.latest()
        if new and (witnessed is not None or any(layout.segments.iterdir())):
            raise TamperError("hot.sqlite is missing")
        self._lock.claim()
        layout.closed.unlink(missing_ok=True)
        sync_folder(layout.folder)
        self.hot = Hot(layout.hot, write=True)
        try:
            sync_folder(layout.folder)
            note = self.hot.get("checkpoint")
            if note is not None:
                self._resume(open_checkpoint(self._signer.verifier, note.decode()))
                self._recover()
                self.testimony.confront(
                    witnessed,
                    self._signer.verifier,
                    self.checkpoint,
                    self._root_of,
                    new=new_witness,
                )
            elif witnessed is not None or self.hot.segments() or self.hot.rows(0, 1):
                raise TamperError("hot.sqlite: its checkpoint is missing")
            else:
                self._begin()
        except BaseException:
            self.hot.close()
            raise

    def _begin(self) -> None:
        """The first checkpoint: of nothing."""
        self.checkpoint = self._issue()
        note = self.checkpoint.note.encode()
        with self.hot.transaction():
            self.hot.put("checkpoint", note)
            self.hot.put("sealed", note)
            self.hot.put("edge", b"")
        write_file(self._layout.checkpoint, note)
        self.testimony.give(self.checkpoint, sync=True)

    def _resume(self, checkpoint: Checkpoint) -> None:
        """Take up the tree where the last writer left it."""
        for row in self.hot.segments():
            self._sealed += row.count
            self._segments += 1
            self._digest = segments_digest(self._digest, row.first, row.count, row.size, row.sha256)
            self._known.keys.add(self.hot.index(row.number))
        self._edge = Edge.load(self._sealed, self.hot.get("edge") or b"")
        rows = self.hot.hashes()
        self._edge.extend([row[2] for row in rows])
        self._known.add((row[1] for row in rows), 0)
        edge = self._edge
        if (checkpoint.size, checkpoint.root) != (edge.size, edge.root()) or (
            checkpoint.segments,
            checkpoint.digest,
        ) != (self._segments, self._digest):
            raise TamperError(
                "hot.sqlite: its rows are not those that its checkpoint signs; "
                "`roguewatch ledger fsck` says which"
            )
        self.checkpoint = checkpoint

    def _recover(self) -> None:
        """Clear away what a killed writer left; after a clean close, insist on order."""
        sealed = self.hot.get("sealed") or b""
        published = self._layout.checkpoint
        if self._lock.interrupted:
            self._unswept = True
            self._sweep_all()
            self._layout.clear_leftovers(self.hot.segments(), self._sealed)
            write_file(published, sealed)
        elif not published.exists() or published.read_bytes() != sealed:
            raise TamperError("checkpoint: not the one that was signed at the last seal")

    def _root_of(self, size: int) -> bytes:
        fresh, sealed = self._edge.fresh, self._sealed
        return subtree_root(self._tiles.nodes(sealed, lambda n: fresh[0][n - sealed]), 0, size)

    def append_segments(self, batch: list[Event], iterator: Iterator[Event]) -> Appended:
        """Store the hot rows, a row group of events and all that follow as segments.
        Nothing may be being sealed."""
        seen = added = 0
        while batch:
            count, new, batch = self._append_segment(batch, iterator)
            seen, added = seen + count, added + new
        return Appended(added, seen - added)

    def known(self, ids: list[str]) -> set[str]:
        """See `Ledger.known`."""
        return self._known.among(ids)

    def append_rows(self, batch: Sequence[Event]) -> Appended:
        """Store a few events as hot rows."""
        fresh, leaves = encoded(self._known.fresh(batch))
        if fresh:
            mark, first = self._edge.mark(), self._edge.size
            hashes = [leaf_hash(leaf) for leaf in leaves]
            ids, raws = [event.id for event in fresh], [event.raw for event in fresh]
            sessions = [event.session for event in fresh]
            try:
                self._edge.extend(hashes)
                checkpoint = self._issue()
                with self.hot.transaction():
                    self.hot.insert(
                        list(zip(count(first), ids, sessions, hashes, leaves, raws, strict=False))
                    )
                    self.hot.put("checkpoint", checkpoint.note.encode())
            except BaseException:
                self._edge.reset(mark)
                raise
            self.checkpoint = checkpoint
            size = sum(map(len, leaves)) + sum(map(len, raws))
            self._known.add(ids, size)
            self._backfill.wrote(len(fresh), size)
            if self.testimony.due():
                self.testimony.give(self.checkpoint, sync=False)
        return Appended(len(fresh), len(batch) - len(fresh))

    def reserve(self) -> None:
        """Have blocks on the disk for what will be committed next."""
        reserve(self.hot)

    def fullness(self) -> float:
        """How full a segment of the hot rows that are not being sealed would be; 1: full."""
        return max(len(self._known.hot) / SEGMENT_EVENTS, self._known.bytes / SEGMENT_BYTES)

    def begin(self) -> Sealing:
        """Set about sealing the hot rows of now; `switch` or `give_up` must follow."""
        self._known.begin()
        edge = self._edge.copy()
        return Sealing(
            self._layout, self._segments, self._sealed, edge, self._known.keys, self._sealer
        )

    def switch(self, sealing: Sealing) -> None:
        """Put a built segment in the place of its hot rows.

        Raises:
            LedgerError: it could not be; `give_up` then.
        """
        self._register(sealing.row, sealing.ids, sealing.parts, sealing.edge)
        self._known.sealed(sealing.keys)
        self._publish(sealing.first, sync=False)

    def give_up(self, sealing: Sealing) -> None:
        """Let the rows of a sealing that failed be hot ones as before."""
        self._known.give_up()
        # What cannot be cleared now is left to the next start after a kill.
        with suppress(OSError):
            sealing.clear()

    def sweep(self, *, hurried: bool = False) -> bool:
        """Delete some of the hot rows that are sealed; whether there may be more.

        Args:
            hurried: many at once, since somebody waits for all of them.

        Raises:
            LedgerError: they could not be deleted, which harms nothing.
        """
        if self._unswept:
            self._unswept = self.hot.sweep(SWEPT_HURRIED if hurried else SWEPT)
        return self._unswept

    def _sweep_all(self) -> None:
        while self.sweep(hurried=True):
            continue

    def seal(self) -> Checkpoint:
        """See `Ledger.seal`. Nothing may be being sealed."""
        if self._known.hot:
            self._append_segment([], iter(()))
        self.testimony.give(self.checkpoint, sync=True)
        return self.checkpoint

    def _append_segment(
        self, batch: list[Event], iterator: Iterator[Event]
    ) -> tuple[int, int, list[Event]]:
        """Store the hot rows and as many events as fit one segment.

        Returns:
            Events taken, events added, and a batch that is still to do.
        """
        # PyArrow is loaded for the first segment, not at start-up.
        from roguewatch.ledger.segment import SegmentWriter

        seen = added = 0
        taken: set[str] = set()
        mark = self._edge.mark()
        file = SegmentFile(self._layout.segments, self._segments, self._sealed)
        try:
            with closing(SegmentWriter(file.temporary, self._segments, self._sealed)) as segment:
                self._add_hot(segment)
                while batch and segment.count < SEGMENT_EVENTS and segment.bytes < SEGMENT_BYTES:
                    seen += len(batch)
                    fresh, leaves = encoded(self._known.fresh(batch, taken))
                    if fresh:
                        taken.update(event.id for event in fresh)
                        hashes = [leaf_hash(leaf) for leaf in leaves]
                        del leaves  # as long as the events are, where one is a file's worth
                        for events in apart(fresh):
                            segment.add(events)
                        self._edge.extend(hashes)
                        added += len(fresh)
                    batch, _ = take(iterator)
                if not segment.count:
                    file.abort()
                    return seen, added, batch
                ids, parts = segment.finish()
            old, row = self._sealed, file.settle(self._edge.size - self._sealed)
            try:
                self._tiles.extend(old, self._edge.fresh)
            except OSError as error:
                raise LedgerError(f"the tiles cannot be written: {error}") from error
            self._register(row, ids, parts, self._edge)
        except BaseException:
            self._edge.reset(mark)
            with suppress(OSError):
                # What cannot be cleared now is left to the next start after a kill.
                file.abort()
                self._tiles.clear_beyond(self._sealed)
            raise
        self._known.all_sealed(ids)
        self._publish(old, sync=True)
        self._sweep_all()
        return seen, added, batch

    def _add_hot(self, segment: SegmentWriter) -> None:
        """Put the hot rows into a segment."""
        committed = self._edge.fresh[0] if self._edge.fresh else []
        for events, hashes in hot_groups(self.hot, self._sealed, self._edge.size):
            if hashes != committed[segment.count : segment.count + len(hashes)]:
                raise TamperError("hot.sqlite: its rows are not those that were committed")
            segment.add(events)

    def _register(self, row: SegmentRow, ids: bytes, parts: list[SessionPart], edge: Edge) -> None:
        """Make a written segment part of the ledger; `edge`: the tree up to its end."""
        digest = segments_digest(self._digest, row.first, row.count, row.size, row.sha256)
        number = self._segments + 1
        sealed = issue(self._signer, edge.size, edge.root(), number, digest)
        whole = sealed
        if self._edge.size > edge.size:  # rows were committed meanwhile
            whole = issue(self._signer, self._edge.size, self._edge.root(), number, digest)
        with self.hot.transaction():
            self.hot.register(row, ids, parts)
            self.hot.put("checkpoint", whole.note.encode())
            self.hot.put("sealed", sealed.note.encode())
            self.hot.put("edge", edge.dump())
        self.checkpoint = whole
        self._edge.take(self._sealed, edge.size)
        self._digest, self._segments, self._sealed = digest, number, edge.size
        self._unswept = True

    def _publish(self, old: int, *, sync: bool) -> None:
        """Show what is durable already: failing here loses nothing."""
        try:
            write_file(self._layout.checkpoint, self.hot.get("sealed") or b"")
            self._tiles.prune(old, self._sealed)
        except OSError:
            self._behind = True
        self.testimony.give(self.checkpoint, sync=sync)

    def _issue(self) -> Checkpoint:
        edge = self._edge
        return issue(self._signer, edge.size, edge.root(), self._segments, self._digest)

    def close(self) -> None:
        """See `Ledger.close`."""
        try:
            self._sweep_all()
        except LedgerError:
            self._behind = True
        self.testimony.give(self.checkpoint, sync=True)
        self._backfill.close()
        self._sealer.close()
        settled = self.hot.close(settle=True)
        try:
            if settled and not self._behind:
                text = self._layout.closing_text(self._signer.verifier.name, self.checkpoint.size)
                write_file(self._layout.closed, self._signer.sign(text).encode())
        except OSError as error:
            settled = False
            raise LedgerError(f"the ledger could not be closed off: {error}") from error
        finally:
            self._lock.release(clean=settled and not self._behind)
