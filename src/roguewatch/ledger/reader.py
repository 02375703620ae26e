"""A ledger's evidence, read: events, sessions, proofs. Nothing here writes."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import msgspec

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger.hot import Hot, SegmentRow
from roguewatch.ledger.ids import KnownKeys, find, pack
from roguewatch.ledger.layout import Layout
from roguewatch.ledger.merkle import Node, consistency, inclusion, verify_consistency
from roguewatch.ledger.note import Checkpoint, open_checkpoint
from roguewatch.ledger.proof import ConsistencyProof, Proof
from roguewatch.ledger.record import decode, encode
from roguewatch.ledger.tiles import Tiles
from roguewatch.printable import printable

if TYPE_CHECKING:
    from roguewatch.ledger.segment import Segment


class SessionRow(msgspec.Struct):
    """One session in the ledger."""

    session: str
    surface: str
    first: int | None
    """Earliest time, ns since 1970; None where no event has one."""
    last: int | None
    events: int


class Reader:
    """The reading side of one ledger; a writer may be at work meanwhile, here or elsewhere.

    Args:
        layout: where the files are.
        hot: the hot store.
    """

    def __init__(self, layout: Layout, hot: Hot) -> None:
        self.layout = layout
        self.identity = layout.identity()
        self.hot = hot
        self.tiles = Tiles(layout.tiles)
        self._mutex = threading.RLock()
        self._keys = KnownKeys()
        self._keyed = 0
        """The leaf up to which `_keys` holds the sealed ids."""
        self._rows: dict[str, int] = {}
        self._sealed = self._seen = 0
        """The leaves from which and up to which `_rows` holds those of the rows."""

    def known(self, ids: Collection[str]) -> set[str]:
        """Those of `ids` that the ledger has.

        Raises:
            LedgerError: one is not 32 lower-case hexadecimal digits.
        """
        asked = list(ids)
        try:
            packed = pack(asked)
        except ValueError as error:
            raise LedgerError(str(error)) from error
        with self._mutex, self.hot.snapshot():
            for row in self.hot.segments(self._keyed):
                self._keys.add(self.hot.index(row.number))
                self._keyed = row.first + row.count
            rows = self._hot_leaves()
        found = {identity for identity in asked if identity in rows}
        found.update(asked[at] for at in self._keys.among(packed))
        return found

    def _hot_leaves(self) -> dict[str, int]:
        """Leaf by id of the rows that no segment holds; within a snapshot. Only what was
        stored since the last time is read."""
        sealed = self.hot.sealed()
        if self._sealed < sealed:
            self._rows = {id: leaf for id, leaf in self._rows.items() if leaf >= sealed}
            self._sealed, self._seen = sealed, max(sealed, self._seen)
        for leaf, identity in self.hot.ids(self._seen):
            self._rows[identity] = leaf
            self._seen = leaf + 1
        return self._rows

    def size(self) -> int:
        """Number of events."""
        with self._mutex, self.hot.snapshot():
            rows = self.hot.segments()
            sealed = rows[-1].first + rows[-1].count if rows else 0
            # Not by counting rows: that reads all of them, and the gate asks at each new session.
            return max(sealed, self.hot.end())

    def holds(self, session: str) -> bool:
        """Whether there is any event of a session."""
        with self._mutex:
            return self.hot.holds(session)

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
        leaf = self._hot_leaves().get(identity)
        if leaf is not None:
            return leaf
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
