"""Is every stored byte what was signed? If not: where?

What each file is held against:

    segments/*     SHA-256 and length in a chain that the checkpoint signs; every leaf
                   recomputed from the columns, against the root that it signs
    hot.sqlite     after a clean close, its SHA-256 in the signed `closed`; always, its
                   rows against the signed root, its indices against the segments
    tile/*         recomputed from the leaves, byte by byte; no file more, none less
    checkpoint     byte for byte the one signed at the last seal
    ledger.json    the one encoding of an id and a key, the key against the one kept
                   outside the store
    lock           empty after a clean close
    the witness    its chain; every checkpoint in it against the tree as it is now

After a kill the hot store is held to its logical content (rows and indices): bytes
of SQLite's free pages are not evidence, and only a clean close signs them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path

import msgspec

from roguewatch.errors import LedgerError, TamperError
from roguewatch.ledger.durable import TEMPORARY
from roguewatch.ledger.forest import Forest
from roguewatch.ledger.hot import Hot, HotRow, SegmentRow
from roguewatch.ledger.ids import index_of, pack
from roguewatch.ledger.layout import Identity, Layout
from roguewatch.ledger.lock import writer_state
from roguewatch.ledger.merkle import Edge, leaf_hash
from roguewatch.ledger.note import (
    NO_SEGMENTS,
    Checkpoint,
    Verifier,
    open_checkpoint,
    segments_digest,
)
from roguewatch.ledger.places import trusted_key, witness_place
from roguewatch.ledger.record import decode, encode
from roguewatch.ledger.tiles import WIDTH, tile_name, tile_names
from roguewatch.ledger.witness import FileWitness, HttpWitness, witness_at
from roguewatch.printable import printable


class Fault(msgspec.Struct, frozen=True):
    """Something that is not what was signed."""

    place: str
    """File within the ledger's folder, with row or leaf where known; or `witness`, `key`."""
    message: str


class _StopError(Exception):
    """Nothing further can be checked."""


class Check:
    """One run over one ledger.

    Args:
        layout: the ledger's files.
        witness: its witness, or None where its place cannot be known.
    """

    def __init__(self, layout: Layout, witness: FileWitness | HttpWitness | None) -> None:
        self.faults: list[Fault] = []
        self._layout = layout
        self._witness = witness
        self._state = "closed"
        self._digest = NO_SEGMENTS

    def run(self) -> list[Fault]:
        """Check everything; the faults in the order in which they were found."""
        try:
            identity = self._identity()
            verifier = self._verifier(identity)
            self._open_state(verifier)
            still = self._state == "closed"
            hot = Hot(self._layout.hot, write=False, still=still)
            try:
                with hot.snapshot():
                    self._contents(hot, verifier)
            finally:
                hot.close()
        except _StopError:
            pass
        except (LedgerError, OSError) as error:
            self._fault("ledger", str(error))
        except Exception as error:
            # Whatever a forged store makes fail is itself a finding, never a crash.
            self._fault(
                "ledger", f"cannot be read: {type(error).__name__}: {printable(str(error))}"
            )
        return self.faults

    def _fault(self, place: str, message: str) -> None:
        self.faults.append(Fault(place, message))

    def _identity(self) -> Identity:
        try:
            return self._layout.identity()
        except TamperError as error:
            self._fault("ledger.json", str(error))
            raise _StopError from error

    def _verifier(self, identity: Identity) -> Verifier:
        """The key outside the store, where there is one."""
        trusted = trusted_key(identity.id)
        if trusted is None:
            self._fault(
                "key",
                "no public key of this ledger is kept outside the store: the signatures are "
                "checked against the key that the store itself names",
            )
            return identity.verifier()
        if identity.key != str(trusted):
            self._fault("ledger.json", "names another key than the one kept outside the store")
        return trusted

    def _open_state(self, verifier: Verifier) -> None:
        """Whether a writer is at work, and if none: whether all is as it was closed."""
        layout = self._layout
        try:
            self._state = writer_state(layout.lock)
        except OSError:
            self._fault("lock", "missing or not a file")
        if self._state == "live":
            return
        if self._state == "interrupted" and not layout.closed.exists():
            return
        if self._state == "interrupted" and not re.fullmatch(rb"\d+\n", layout.lock.read_bytes()):
            self._fault("lock", "holds something else than a process id")
        self._state = "closed"
        for suffix in ("-wal", "-journal"):
            log = layout.hot.with_name(layout.hot.name + suffix)
            if log.exists() and log.stat().st_size:
                self._fault(log.name, "a log beside a hot store that was closed")
        try:
            text = verifier.open(layout.closed.read_bytes().decode())
            origin, closed, _, end = text.split("\n")
            if text != layout.closing_text(verifier.name, int(closed.removeprefix("closed "))):
                self._fault("hot.sqlite", "its bytes are not those that were signed at the close")
            del origin, end
        except FileNotFoundError as error:
            self._fault(Path(str(error.filename)).name, "missing")
        except (TamperError, ValueError) as error:
            self._fault("closed", printable(str(error)))

    def _contents(self, hot: Hot, verifier: Verifier) -> None:
        self._integrity(hot)
        checkpoint = self._note(hot, "checkpoint", verifier)
        sealed = self._note(hot, "sealed", verifier)
        rows = hot.segments()
        leaves: list[bytes] = []
        for row in rows:
            self._segment(hot, row, leaves)
        sealed_size = len(leaves)
        edge = Edge()
        edge.extend(list(leaves))
        if hot.get("edge") != edge.dump():
            self._fault("hot.sqlite", "the stored edge of the tree is not that of the segments")
        self._hot_rows(hot, leaves)
        forest = Forest(leaves)
        self._signed(sealed, forest, sealed_size, len(rows), "at the last seal")
        self._signed(checkpoint, forest, len(leaves), len(rows), "last")
        self._published(sealed)
        self._tiles(forest, sealed_size)
        self._files(rows, sealed_size)
        self._witnessed(verifier, checkpoint, forest)

    def _integrity(self, hot: Hot) -> None:
        with hot.reading():
            for (line,) in hot.db.execute("PRAGMA integrity_check(5)"):
                if line != "ok":
                    self._fault("hot.sqlite", printable(line))
            keys = {key for (key,) in hot.db.execute("SELECT key FROM meta")}
        found, expected = hot.schema()
        if found != expected:
            self._fault("hot.sqlite", "has other tables than a hot store")
        if keys - {"checkpoint", "sealed", "edge"}:
            self._fault("hot.sqlite", "meta: has rows that are not ours")

    def _note(self, hot: Hot, key: str, verifier: Verifier) -> Checkpoint:
        try:
            return open_checkpoint(verifier, (hot.get(key) or b"").decode())
        except (TamperError, UnicodeDecodeError) as error:
            self._fault(f"hot.sqlite: meta {key}", printable(str(error)))
            raise _StopError from error

    def _segment(self, hot: Hot, row: SegmentRow, leaves: list[bytes]) -> None:
        """One segment: its bytes, its leaves (added to `leaves`), its indices."""
        place = f"segments/{row.name}"
        path = self._layout.segments / row.name
        self._digest = segments_digest(self._digest, row.first, row.count, row.size, row.sha256)
        if row.first != len(leaves):
            self._fault(place, f"registered from leaf {row.first}, expected {len(leaves)}")
        try:
            with path.open("rb") as stream:
                digest = file_digest(stream, "sha256").digest()
                size = stream.tell()
        except OSError as error:
            self._fault(place, f"cannot be read: {error.strerror}")
            raise _StopError from error
        if size != row.size:
            self._fault(place, f"{size} bytes, {row.size} were sealed")
        elif digest != row.sha256:
            self._fault(place, "its bytes are not those that were sealed")
        try:
            ids = self._leaves(path, row, leaves, hot)
        except LedgerError as error:
            self._fault(place, printable(str(error)))
            raise _StopError from error
        if hot.index(row.number) != index_of(ids):
            self._fault("hot.sqlite", f"the id index of {place} does not match it")

    def _leaves(self, path: Path, row: SegmentRow, leaves: list[bytes], hot: Hot) -> bytes:
        """Recompute the leaves of a segment; the ids of its events, packed."""
        from roguewatch.ledger.segment import Segment, session_parts

        ids: list[str] = []
        groups = []
        expected = row.first
        with Segment(path) as segment:
            for number in range(segment.groups()):
                group = []
                for leaf, event in segment.events([number]):
                    if leaf != expected:
                        self._fault(
                            f"segments/{row.name}: row {expected - row.first}",
                            f"holds leaf {leaf}, expected {expected}",
                        )
                        raise _StopError
                    leaves.append(leaf_hash(encode(event)))
                    ids.append(event.id)
                    group.append((event.session, event.surface, event.time))
                    expected += 1
                groups.append(group)
        if expected - row.first != row.count:
            self._fault(
                f"segments/{row.name}", f"{expected - row.first} rows, {row.count} were sealed"
            )
        parts = session_parts(row.number, groups)
        if hot.parts(segment=row.number) != sorted(parts, key=lambda part: part.session.encode()):
            self._fault("hot.sqlite", f"the session index of segments/{row.name} does not match it")
        return pack(ids)

    def _hot_rows(self, hot: Hot, leaves: list[bytes]) -> None:
        first = len(leaves)
        self._sealed_rows(hot, leaves)
        while rows := hot.rows(first, 256):
            for row in rows:
                if row[0] != len(leaves):
                    self._fault(_place(row), f"expected leaf {len(leaves)} here")
                self._row(row)
                leaves.append(leaf_hash(row[4]))
                first = row[0] + 1

    def _sealed_rows(self, hot: Hot, leaves: list[bytes]) -> None:
        """Rows that are in a segment too: there may be some until they are deleted, which a
        close does; until then they are what was sealed."""
        first, count = -(1 << 63), 0
        while rows := hot.sealed_rows(first, 256):
            for row in rows:
                self._row(row)
                if row[0] < 0 or leaves[row[0]] != row[3]:
                    self._fault(_place(row), "is not the event that was sealed")
            count += len(rows)
            first = rows[-1][0] + 1
        if count and self._state == "closed":
            self._fault("hot.sqlite: hot", f"{count} rows of leaves that are sealed already")

    def _row(self, row: HotRow) -> None:
        _, identity, session, digest, record, raw = row
        event = decode(record, raw)
        if encode(event) != record:
            self._fault(_place(row), "its record or source bytes were altered")
        if (event.id, event.session) != (identity, session):
            self._fault(_place(row), "its id or session is not that of its record")
        if leaf_hash(record) != digest:
            self._fault(_place(row), "its record is not the one that was hashed")

    def _signed(
        self, note: Checkpoint, forest: Forest, size: int, segments: int, which: str
    ) -> None:
        if note.size != size:
            self._fault(
                "hot.sqlite", f"the checkpoint {which} signs {note.size} events, here are {size}"
            )
        elif note.root != forest.root(size):
            self._fault("tree", f"the events are not those that the checkpoint {which} signs")
        if (note.segments, note.digest) != (segments, self._digest):
            self._fault("segments", f"not those that the checkpoint {which} signs")

    def _published(self, sealed: Checkpoint) -> None:
        try:
            found = self._layout.checkpoint.read_bytes()
        except OSError as error:
            self._fault("checkpoint", f"cannot be read: {error.strerror}")
            return
        if found != sealed.note.encode() and self._state == "closed":
            self._fault("checkpoint", "not the one that was signed at the last seal")

    def _tiles(self, forest: Forest, sealed: int) -> None:
        for level, index, width in tile_names(sealed):
            name = tile_name(level, index, width)
            try:
                found = (self._layout.tiles / name).read_bytes()
            except OSError as error:
                if self._state != "live" or width == WIDTH:
                    self._fault(f"tile/{name}", f"cannot be read: {error.strerror}")
                continue
            expected = forest.tile(level, index, width)
            if found != expected:
                at = next(_differing(found, expected), 0)
                leaf = (index * WIDTH + at) << (8 * level)
                self._fault(f"tile/{name}: hash {at}", f"not that of the tree at leaf {leaf}")

    def _files(self, rows: list[SegmentRow], sealed: int) -> None:
        """No file that nobody wrote. After a kill, what recovery removes is no fault."""
        if self._state != "closed":
            return
        expected = {"ledger.json", "hot.sqlite", "checkpoint", "closed", "lock"}
        expected |= {"hot.sqlite-wal", "hot.sqlite-shm"}
        expected |= {f"segments/{row.name}" for row in rows}
        expected |= {f"tile/{tile_name(*tile)}" for tile in tile_names(sealed)}
        for path in sorted(self._layout.folder.rglob("*")):
            name = path.relative_to(self._layout.folder).as_posix()
            if path.is_symlink() or (name not in expected and not path.is_dir()):
                kind = "left over" if name.endswith(TEMPORARY) else "not part of the ledger"
                self._fault(printable(name), kind)

    def _witnessed(self, verifier: Verifier, checkpoint: Checkpoint, forest: Forest) -> None:
        witness = self._witness
        if witness is None:
            return
        last = None
        try:
            for note in witness.notes(torn=self._state != "closed"):
                seen = last = open_checkpoint(verifier, note)
                if seen.size > forest.size:
                    self._fault(
                        "witness",
                        f"saw {seen.size} events, the store holds {forest.size}: "
                        "it was cut or rolled back",
                    )
                    return
                if forest.root(seen.size) != seen.root:
                    self._fault("witness", f"saw other events among the first {seen.size}")
                    return
        except LedgerError as error:
            self._fault("witness", str(error))
            return
        if last is None:
            self._fault("witness", f"{witness.name}: missing or empty: nothing is witnessed")
        elif self._state == "closed" and last.note != checkpoint.note:
            self._fault("witness", f"{witness.name}: has not the last checkpoint")


def fsck(store: Path, witness: Path | str | None = None) -> list[Fault]:
    """Check every stored byte of a store's ledger.

    Args:
        store: the store's folder.
        witness: as for `Ledger.open`.

    Returns:
        The faults, in the order in which they were found; empty where all is what was
        signed and witnessed.

    Raises:
        LedgerError: there is no ledger here.
    """
    layout = Layout(Path(store))
    if not layout.folder.is_dir():
        layout.identity()
    try:
        identity = layout.identity()
    except LedgerError as error:
        return [Fault("ledger.json", str(error))]
    return Check(layout, witness_at(witness_place(identity.id, witness))).run()


def _place(row: HotRow) -> str:
    return f"hot.sqlite: row of leaf {row[0]}"


def _differing(found: bytes, expected: bytes) -> Iterator[int]:
    for at in range(0, max(len(found), len(expected)), 32):
        if found[at : at + 32] != expected[at : at + 32]:
            yield at // 32
