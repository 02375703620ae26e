"""The ledger: the evidence, opened for reading or for reading and writing."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger.durable import make_folder
from roguewatch.ledger.fsck import Check, Fault
from roguewatch.ledger.hot import Hot, SegmentRow
from roguewatch.ledger.ids import find
from roguewatch.ledger.layout import Layout
from roguewatch.ledger.lock import WriterLock
from roguewatch.ledger.merkle import Node, consistency, inclusion, verify_consistency
from roguewatch.ledger.note import Checkpoint, open_checkpoint
from roguewatch.ledger.places import signing_key, witness_place
from roguewatch.ledger.proof import ConsistencyProof, Proof
from roguewatch.ledger.record import decode, encode
from roguewatch.ledger.sealing import Sealing
from roguewatch.ledger.tiles import Tiles
from roguewatch.ledger.witness import FileWitness, HttpWitness, witness_at
from roguewatch.ledger.writer import MOST_HOT, Appended, Writer, take
from roguewatch.printable import printable, printable_path

if TYPE_CHECKING:
    from roguewatch.ledger.segment import Segment


SEAL_AGAIN_SECONDS = 10.0
"""After a sealing in the background has failed, as on a full disk."""


class SessionRow(msgspec.Struct):
    """One session in the ledger."""

    session: str
    surface: str
    first: int | None
    """Earliest time, ns since 1970; None where no event has one."""
    last: int | None
    events: int


class Ledger:
    """A ledger, opened by `Ledger.open`. Its methods may be called from several threads."""

    def __init__(
        self,
        layout: Layout,
        hot: Hot,
        witness: FileWitness | HttpWitness,
        writer: Writer | None = None,
    ) -> None:
        self.layout = layout
        self.identity = layout.identity()
        self.witness = witness
        self.hot = hot
        self.tiles = Tiles(layout.tiles)
        self._writer = writer
        self._mutex = threading.RLock()
        self._settled = threading.Condition(self._mutex)
        """Is told when a sealing in the background has ended."""
        self._sealing: Sealing | None = None
        self._seal_again = 0.0
        self.seal_error = ""
        """Why hot rows could not be sealed in the background; empty where they were. They
        are durable all the same, and it is tried again."""
        self._closed = False

    @staticmethod
    def open(
        store: Path,
        *,
        create: bool = True,
        readonly: bool = False,
        witness: Path | str | None = None,
        new_witness: bool = False,
    ) -> Ledger:
        """Open the ledger of a store.

        Args:
            store: the store's folder.
            create: make a ledger where there is none.
            readonly: only read; a writer may be at work meanwhile.
            witness: a file, a folder, or an http(s) address; default as `places` says.
            new_witness: accept that the witness has nothing, and start it.

        Raises:
            LedgerError: there is none, it cannot be opened, or its key is missing.
            LedgerBusyError: someone else is writing to it.
            TamperError: it is not what was signed or witnessed.
        """
        layout = Layout(Path(store))
        if readonly:
            identity = layout.identity()
            seen = witness_at(witness_place(identity.id, witness))
            return Ledger(layout, Hot(layout.hot, write=False), seen)
        if not create:
            layout.identity()
        try:
            for folder in (layout.folder, layout.segments, layout.tiles):
                make_folder(folder)
            lock = WriterLock(layout.lock)
        except OSError as error:
            shown = printable_path(layout.folder)
            raise LedgerError(f"{shown}: cannot be written: {error}") from error
        try:
            if not layout.identity_file.exists():
                layout.create()
            identity = layout.identity()
            signer = signing_key(identity.id)
            if signer.verifier.public != identity.verifier().public:
                raise TamperError("ledger.json: names another key than the one that signs")
            place = witness_at(witness_place(identity.id, witness))
            writer = Writer(layout, lock, signer, place, new_witness=new_witness)
        except OSError as error:
            lock.abandon()
            raise LedgerError(f"{printable_path(layout.folder)}: {error}") from error
        except BaseException:
            lock.abandon()
            raise
        return Ledger(layout, writer.hot, place, writer)

    @property
    def witness_error(self) -> str:
        """Why the witness did not take the last checkpoint; empty where it did."""
        return self._writer.witness_error if self._writer else ""

    def append(self, events: Iterable[Event]) -> Appended:
        """Store events, in order. What this returned for is durable.

        Args:
            events: any number; more than fit a segment are stored segment by segment,
                so that memory stays bounded. One long iterable is much faster than
                many short ones.

        Returns:
            How many were added, and how many the ledger had already.

        Raises:
            LedgerError: they could not be stored (disk full, …). Full segments before
                that may have been; appending all again is harmless.
        """
        iterator = iter(events)
        with self._mutex:
            self._writing()
            batch, many = take(iterator)
            if many:
                self._settle()
                return self._writing().append_segments(batch, iterator)
            appended = self._writing().append_rows(batch)
            self._seal_in_time()
        return appended

    def seal(self) -> Checkpoint:
        """Move the hot rows into a segment, sign, publish and witness.

        Returns:
            The checkpoint over everything.

        Raises:
            LedgerError: the segment could not be written; the rows stay hot.
        """
        with self._mutex:
            self._settle()
            return self._writing().seal()

    def _settle(self) -> None:
        """Wait, without the mutex, until nothing is being sealed in the background."""
        while self._sealing is not None:
            self._sealing.hurried.set()
            self._settled.wait()

    def _seal_in_time(self) -> None:
        """Begin to seal the hot rows once they fill a segment; where that is too slow for
        what comes in, let those wait who bring more."""
        fullness = self._writing().fullness()
        if fullness >= MOST_HOT:
            self._settle()
            if not self._closed and self._writing().fullness() >= MOST_HOT:
                self._writing().seal()
        elif fullness >= 1 and self._sealing is None and time.monotonic() >= self._seal_again:
            writer = self._writing()
            self._sealing = writer.begin()
            behind = threading.Thread(
                target=self._seal_behind, args=(writer, self._sealing), name="seal"
            )
            try:
                behind.start()
            except RuntimeError as error:  # no thread to be had: as if it had failed
                writer.give_up(self._sealing)
                self._sealing, self.seal_error = None, str(error)
                self._seal_again = time.monotonic() + SEAL_AGAIN_SECONDS

    def _seal_behind(self, writer: Writer, sealing: Sealing) -> None:
        """Seal while events go on being stored; the mutex is held for a commit at a time."""
        switched = False
        try:
            sealing.build()
            with self._mutex:
                writer.switch(sealing)
                switched = True
            more = True
            while more:
                with self._mutex:
                    more = writer.sweep()
                sealing.rest()
            self.seal_error = ""
        except (LedgerError, OSError) as error:
            self.seal_error = printable(str(error), 500)
            self._seal_again = time.monotonic() + SEAL_AGAIN_SECONDS
        finally:
            with self._mutex:
                if not switched:
                    writer.give_up(sealing)
                self._sealing = None
                self._settled.notify_all()

    def _writing(self) -> Writer:
        if self._closed:
            raise LedgerError("this ledger is closed")
        if self._writer is None:
            raise LedgerError("this ledger is open for reading only")
        return self._writer

    def known(self, ids: Collection[str]) -> set[str]:
        """Those of `ids` that the ledger has.

        Raises:
            LedgerError: one is not 32 lower-case hexadecimal digits.
        """
        with self._mutex:
            if self._writer:
                return self._writer.known(list(ids))
            return {identity for identity in ids if self._find(identity) is not None}

    def size(self) -> int:
        """Number of events."""
        with self._mutex, self.hot.snapshot():
            rows = self.hot.segments()
            sealed = rows[-1].first + rows[-1].count if rows else 0
            # Not by counting rows: that reads all of them, and the gate asks at each new session.
            return max(sealed, self.hot.end())

    def events(
        self,
        *,
        session: str | None = None,
        kinds: Collection[str] | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[Event]:
        """Events in the order in which they were stored.

        Args:
            session: only those of this session.
            kinds: only those of these kinds.
            since, until: only those with since <= time < until (ns since 1970).

        Raises:
            TamperError: what is stored cannot be read.
        """
        chosen = None if kinds is None else frozenset(kinds)
        for _, event in self.leaves(session=session, kinds=chosen, since=since, until=until):
            yield event

    def leaves(
        self,
        *,
        session: str | None = None,
        kinds: Collection[str] | None = None,
        since: int | None = None,
        until: int | None = None,
    ) -> Iterator[tuple[int, Event]]:
        """Like `events`, each with its index in the tree."""
        first, end = 0, self.size()
        while first < end:
            # Between two turns of this loop a writer may have sealed rows that were hot:
            # each turn looks at segments and rows in one snapshot, from `first` on.
            with self._mutex, self.hot.snapshot():
                segments = self.hot.segments(first)
                if not segments:
                    rows = (
                        self.hot.rows(first, 256)
                        if session is None
                        else self.hot.session_rows(session, first)
                    )
                groups = self._groups(session, segments)
            for row in segments:
                if groups[row.number] != []:
                    with self._segment(row) as segment:
                        chosen = groups[row.number]
                        yield from segment.events(
                            range(segment.groups()) if chosen is None else chosen,
                            session=session,
                            kinds=kinds,
                            since=since,
                            until=until,
                            first=first if first > row.first else 0,
                        )
                first = row.first + row.count
            if segments:
                continue
            if not rows:
                return
            for leaf, _, _, _, record, raw in rows:
                first = leaf + 1
                event = decode(record, raw)
                if (
                    (kinds is None or event.kind in kinds)
                    and (since is None or (event.time is not None and event.time >= since))
                    and (until is None or (event.time is not None and event.time < until))
                ):
                    yield leaf, event
            if session is not None:
                return

    def _groups(
        self, session: str | None, segments: list[SegmentRow]
    ) -> dict[int, list[int] | None]:
        """Which row groups of each segment to read; None for all."""
        if session is None:
            return {row.number: None for row in segments}
        groups: dict[int, list[int] | None] = {row.number: [] for row in segments}
        for part in self.hot.parts(session=session):
            if part.segment in groups:
                groups[part.segment] = [
                    int.from_bytes(part.groups[at : at + 2], "big")
                    for at in range(0, len(part.groups), 2)
                ]
        return groups

    def event(self, id: str) -> Event:
        """One event.

        Raises:
            LedgerError: the ledger has none of this id.
        """
        with self._mutex, self.hot.snapshot():
            found = self._find(id)
            if found is None:
                raise LedgerError(f"no event {printable(id, 40)} in this ledger")
            return self._event(found)

    def _find(self, identity: str) -> int | None:
        """The leaf of an event id."""
        if len(identity) != 32 or set(identity) - set("0123456789abcdef"):
            return None
        hot = self.hot.row_of(identity)
        if hot is not None:
            return hot[0]
        for row in reversed(self.hot.segments()):
            place = find(self.hot.index(row.number), identity)
            if place is not None:
                return row.first + place
        return None

    def _segment(self, row: SegmentRow) -> Segment:
        # PyArrow is loaded for the first sealed segment that is read, not at start-up.
        from roguewatch.ledger.segment import Segment

        return Segment(self.layout.segments / row.name)

    def _event(self, leaf: int) -> Event:
        for row in self.hot.segments(leaf)[:1]:
            with self._segment(row) as segment:
                return segment.event(leaf - row.first)
        for found, _, _, _, record, raw in self.hot.rows(leaf, 1):
            if found == leaf:
                return decode(record, raw)
        raise TamperError(f"leaf {leaf} is missing")

    def sessions(self) -> Iterator[SessionRow]:
        """The sessions in the order in which they first appear."""
        found: dict[str, SessionRow] = {}
        with self._mutex, self.hot.snapshot():
            for part in self.hot.parts():
                _join(found, part.session, part.surface, part.first, part.last, part.events)
            first = 0
            while rows := self.hot.rows(first, 256):
                first = rows[-1][0] + 1
                for _, _, _, _, record, _ in rows:
                    event = decode(record, b"")
                    _join(found, event.session, event.surface, event.time, event.time, 1)
        yield from found.values()

    def prove(self, id: str) -> Proof:
        """A proof that an event is in the log, against the last checkpoint.

        Raises:
            LedgerError: the ledger has no such event.
            TamperError: what is stored is not what was signed.
        """
        with self._mutex, self.hot.snapshot():
            leaf = self._find(id)
            if leaf is None:
                raise LedgerError(f"no event {printable(id, 40)} in this ledger")
            event = self._event(leaf)
            verifier = self.identity.verifier()
            checkpoint = self.checkpoint()
            proof = Proof(
                key=str(verifier),
                checkpoint=checkpoint.note,
                index=leaf,
                record=encode(event).decode(),
                raw=event.raw,
                path=inclusion(self.node(), leaf, checkpoint.size),
            )
        proof.verify(verifier)
        return proof

    def prove_consistency(self, older: str) -> ConsistencyProof:
        """A proof that an older checkpoint's log is the beginning of this one.

        Args:
            older: the older signed note.

        Raises:
            TamperError: the note is not this ledger's, or its log is not our beginning.
        """
        verifier = self.identity.verifier()
        first = open_checkpoint(verifier, older)
        with self._mutex, self.hot.snapshot():
            second = self.checkpoint()
            if first.size > second.size:
                raise TamperError(f"that checkpoint has {first.size} events, we {second.size}")
            path = consistency(self.node(), first.size, second.size)
        if not verify_consistency(first.size, second.size, first.root, second.root, path):
            raise TamperError("that checkpoint's log is not the beginning of this ledger")
        return ConsistencyProof(key=str(verifier), first=older, second=second.note, path=path)

    def checkpoint(self) -> Checkpoint:
        """The last signed checkpoint, over sealed and hot events.

        Raises:
            TamperError: it does not verify.
        """
        with self._mutex:
            note = self.hot.get("checkpoint") or b""
        return open_checkpoint(self.identity.verifier(), note.decode("utf-8", "replace"))

    def node(self) -> Node:
        """The complete subtrees of the tree over sealed and hot events."""
        segments = self.hot.segments()
        sealed = segments[-1].first + segments[-1].count if segments else 0
        hashes = {leaf: digest for leaf, _, digest in self.hot.hashes()}
        return self.tiles.nodes(sealed, hashes.__getitem__)

    def fsck(self) -> list[Fault]:
        """Check every stored byte; empty where all is what was signed and witnessed.

        May run while a writer is at work: what was there at the start is checked.
        """
        return Check(self.layout, self.witness).run()

    def close(self) -> None:
        """Let go of the ledger; a writer first settles, signs and witnesses what it holds."""
        with self._mutex:
            self._settle()
            if self._closed:
                return
            self._closed = True
            if self._writer:
                self._writer.close()
            else:
                self.hot.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _join(
    found: dict[str, SessionRow],
    session: str,
    surface: str,
    first: int | None,
    last: int | None,
    events: int,
) -> None:
    """Add part of a session to what is known of it."""
    row = found.get(session)
    if row is None:
        found[session] = SessionRow(session, surface, first, last, events)
        return
    row.events += events
    if first is not None:
        row.first = first if row.first is None else min(row.first, first)
    if last is not None:
        row.last = last if row.last is None else max(row.last, last)
