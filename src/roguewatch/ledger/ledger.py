"""The ledger: the evidence, opened for reading or for reading and writing."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from roguewatch.errors import LedgerError, TamperError
from roguewatch.events import Event
from roguewatch.ledger.batches import Appended, take
from roguewatch.ledger.durable import make_folder
from roguewatch.ledger.fsck import Check, Fault
from roguewatch.ledger.hot import Hot
from roguewatch.ledger.layout import Layout
from roguewatch.ledger.lock import WriterLock
from roguewatch.ledger.note import Checkpoint
from roguewatch.ledger.places import signing_key, witness_place
from roguewatch.ledger.reader import Reader
from roguewatch.ledger.sealing import Sealing
from roguewatch.ledger.witness import FileWitness, HttpWitness, witness_at
from roguewatch.ledger.writer import MOST_HOT, Writer
from roguewatch.printable import printable, printable_path

PRESSED = 0.75 * MOST_HOT
SEAL_AGAIN_SECONDS = 10.0
"""After a sealing in the background has failed, as on a full disk."""


class Ledger(Reader):
    """A ledger, opened by `Ledger.open`. Its methods may be called from several threads."""

    def __init__(
        self,
        layout: Layout,
        hot: Hot,
        witness: FileWitness | HttpWitness,
        writer: Writer | None = None,
    ) -> None:
        super().__init__(layout, hot)
        self.witness = witness
        self._writer = writer
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
        try:
            os.fsencode(layout.folder).decode()
        except UnicodeDecodeError as error:  # said now, not when the first segment is due
            shown = printable_path(layout.folder)
            raise LedgerError(f"{shown}: PyArrow opens no file there: not UTF-8") from error
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
        return self._writer.testimony.error if self._writer else ""

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
            return self.commit(batch)

    def commit(self, events: Sequence[Event]) -> Appended:
        """Like `append`, in one commit however many they are: for whoever cannot wait until
        a segment is made of them.

        Raises:
            LedgerError: they could not be stored; none of them is.
        """
        with self._mutex:
            appended = self._writing().append_rows(events)
            self._seal_in_time()
        return appended

    def pressed(self) -> bool:
        """Whether so many hot rows wait for a sealing under way that whoever can wait should:
        not much more of them, and everybody must."""
        with self._mutex:
            return self._sealing is not None and self._writing().fullness() >= PRESSED

    def reserve(self) -> None:
        """Have blocks on the disk for what is appended next, which then is durable sooner: for
        whoever appends a few events at a time and waits for each. What cannot be reserved is
        found when it is needed.

        Raises:
            LedgerError: this is closed, or open for reading only.
        """
        with self._mutex:
            self._writing().reserve()

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
                    more = writer.sweep(hurried=sealing.hurried.is_set())
                sealing.rest()
            self.seal_error = ""
        except Exception as error:  # the rows stay hot, and the status says why
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
        if self._writer is None:
            return super().known(ids)
        with self._mutex:
            return self._writer.known(list(ids))

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
