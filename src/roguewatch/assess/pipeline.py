"""Read, keep, look, add up: one pass over the activity, in bounded memory.

For each event once: is it new? → tally → detectors → ledger. A bundle of events is made
durable first; then one transaction of the state says which files it finished, what was
found, and which sessions are added up. A kill between the two leaves sessions of which
the ledger holds more than their summaries count: the next run finds these by counting, and
analyses them again from the ledger (`pipeline_again.py`). Nothing is lost and nothing
counts twice.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from os import stat_result
from pathlib import Path
from typing import Protocol

import msgspec

from roguewatch.assess.activity import Tally
from roguewatch.assess.detection import Detectors
from roguewatch.assess.pipeline_again import Unfinished, analyse_again, look, look_across
from roguewatch.assess.pipeline_memory import give_back, return_large_blocks
from roguewatch.errors import LedgerError, SourceError
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable, printable_path
from roguewatch.sources.reading import Reading, Unread, read, walk
from roguewatch.state.database import transaction
from roguewatch.state.findings import Findings
from roguewatch.state.sessions import FileReading, Sessions
from roguewatch.state.summary import SessionSummary

BATCH_EVENTS = 2048
BUNDLE_EVENTS = 8 * 1024
BUNDLE_BYTES = 8 << 20
"""A bundle is made durable when it holds this much."""

OPEN_SESSIONS = 16
"""Sessions that may go on in the next file; the one longest without an event is closed."""


class Progress(Protocol):
    """Told how far the reading is."""

    def file(self, name: str, size: int) -> None: ...

    def events(self, count: int) -> None: ...


class Done(msgspec.Struct):
    """What one run did."""

    files: int = 0
    read: int = 0
    unchanged: int = 0
    unread: int = 0
    bytes: int = 0
    events: int = 0
    """Events met in this run."""
    added: int = 0
    """Those of them that the ledger had not."""
    analysed_again: int = 0
    stopped: str = ""
    """Why reading ended before the last file (a full disk); empty where it did not."""


class Pipeline:
    """One run over some paths into one store.

    Args:
        ledger: open for writing.
        sessions, findings: of the same store.
        detectors: sessions that other detectors looked at are looked at again.
        run: a name for this run; files that it sees carry it.
        progress: told of every file and batch.
    """

    def __init__(
        self,
        ledger: Ledger,
        sessions: Sessions,
        findings: Findings,
        detectors: Detectors,
        run: str,
        progress: Progress | None = None,
    ) -> None:
        return_large_blocks()
        self.done = Done()
        self._ledger = ledger
        self._sessions = sessions
        self._findings = findings
        self._detectors = detectors
        self._digest = detectors.digest
        self._run = run
        self._progress = progress
        self._open: OrderedDict[str, Tally] = OrderedDict()
        self._left = Unfinished(ledger, sessions)
        self._known = self._left.known
        self._stale: set[str] = set(self._left.behind)
        self._path = ""
        self._seen: set[str] = set()
        """Sessions of the file being read."""
        self._pending: list[Event] = []
        self._pending_ids: set[str] = set()
        self._pending_bytes = 0
        self._found: list[Finding] = []
        self._closed: list[SessionSummary] = []
        self._finished: list[tuple[FileReading, frozenset[str]]] = []

    def read(self, paths: Iterable[Path], store: Path) -> None:
        """Read all files under the paths that are not known unchanged.

        Args:
            paths: files and folders.
            store: the one that all goes into, which is passed over where it lies among them.

        Raises:
            StateError: the state cannot be written.
        """
        with ThreadPoolExecutor(1) as digests, _fewer_collections():
            for item in walk(paths, store):
                self.done.files += 1
                if isinstance(item, Unread):
                    self._unread(item.name, item.error)
                elif self.done.stopped:
                    self._unread(printable_path(item), self.done.stopped)
                else:
                    try:
                        self._file(item, digests)
                    except LedgerError as error:
                        self._stop(item, error)
        if not self.done.stopped:
            try:
                for session in list(self._open):
                    self._close(session)
                self._flush()
            except LedgerError as error:
                self._stop(None, error)

    def analyse_again(self, *, whole: bool = False) -> None:
        """Add up and look at, from the ledger, what is not finished or out of date.

        Args:
            whole: sessions that this run did not read may be out of date too.
        """
        joined = self._left.earlier and self.done.added > 0
        if self._left.interrupted or joined:
            # What a session of this run has to do with one of an earlier run, or of a run whose
            # memory is gone. Before the sessions are no longer stale: killed here, the next run does it again.
            look_across(self._ledger, self._findings, self._detectors)
        self.done.analysed_again = analyse_again(
            self._ledger, self._sessions, self._findings, self._detectors,
            None if whole else self._run,
            self._progress.events if self._progress else None,
        )  # fmt: skip

    def _file(self, path: Path, digests: ThreadPoolExecutor) -> None:
        name = printable_path(path)
        try:
            status = path.stat()
        except OSError as error:
            self._unread(name, f"cannot be looked at: {error.strerror}")
            return
        if self._progress:
            self._progress.file(name, status.st_size)
        self.done.bytes += status.st_size
        if self._unchanged(path, name, status):
            self._sessions.saw(name, self._run)
            self.done.unchanged += 1
            return
        digest = digests.submit(_digest, path, status.st_size)
        for reading in read([path]):
            self._reading(reading, name, status, digest)

    def _unchanged(self, path: Path, name: str, status: stat_result) -> bool:
        before = self._sessions.reading(name)
        if before is None or before.error or before.size != status.st_size:
            return False
        # The change time too: a program can set the modification time back, not this one.
        same = (before.modified, before.changed, before.inode) == _identity(status)
        return same or (bool(before.digest) and before.digest == _digest(path, status.st_size))

    def _reading(
        self, reading: Reading, name: str, status: stat_result, digest: Future[str]
    ) -> None:
        self._path = name
        self._seen = set()
        error = ""
        batch: list[Event] = []
        size = 0
        try:
            for event in reading.events():
                batch.append(event)
                size += len(event.raw)
                if len(batch) >= BATCH_EVENTS or size > BUNDLE_BYTES:
                    self._take(batch)
                    batch, size = [], 0
        except (SourceError, OSError) as failed:
            error = str(failed)
        except (LedgerError, MemoryError):
            raise
        except Exception as failed:  # a reader's own bug must cost one file, not the rest
            error = f"{name}: the reader failed: {type(failed).__name__}: {failed}"
        self._take(batch)
        error = error or reading.error
        if error or not reading.source:
            error = error or "no known format"
            self.done.unread += 1
        else:
            self.done.read += 1
        modified, changed, inode = _identity(status)
        kept = FileReading(
            path=name, source=reading.source, size=status.st_size, modified=modified,
            changed=changed, inode=inode, digest=digest.result(),
            counts=msgspec.json.encode(reading.counts).decode(),
            error=_without_name(error, name), read=time.time_ns(),
            run=self._run,
        )  # fmt: skip
        self._finished.append((kept, frozenset(self._seen)))

    def _take(self, batch: list[Event]) -> None:
        """Put a batch through; what the ledger has, or the bundle, is a duplicate."""
        if not batch:
            return
        known = self._ledger.known([event.id for event in batch])
        pending, ids, look = self._pending, self._pending_ids, self._look
        session, tally = "", None
        for event in batch:
            if event.session != session or tally is None:
                session = event.session
                tally = self._tally(session)
            if event.id in known or event.id in ids:
                if tally is None:
                    self._stale.add(session)
                    self._left.meet(session)
                continue
            ids.add(event.id)
            pending.append(event)
            self._pending_bytes += len(event.raw)
            if tally is None:
                continue
            if tally.tells(event):
                self._found += look(event, tally)
            else:
                self._leave(session)
                tally = None
        self.done.events += len(batch)
        if self._progress:
            self._progress.events(len(batch))
        if len(pending) >= BUNDLE_EVENTS or self._pending_bytes >= BUNDLE_BYTES:
            self._flush()

    def _look(self, event: Event, tally: Tally) -> list[Finding]:
        return look(event, tally, self._detectors)

    def _tally(self, session: str) -> Tally | None:
        """The running sum of a session, or None where it must be analysed from the ledger."""
        self._seen.add(session)
        tally = self._open.get(session)
        if tally is not None:
            self._open.move_to_end(session)
        elif session in self._known:
            self._stale.add(session)
            return None
        else:
            tally = self._open[session] = Tally(session)
            self._known.add(session)
            if len(self._open) > OPEN_SESSIONS:
                self._close(next(iter(self._open)))
        tally.read_from(self._path)
        return tally

    def _leave(self, session: str) -> None:
        """Another observer tells of the session too: it is added up from the ledger, by the
        fullest account."""
        del self._open[session]
        self._detectors.finish(session)
        self._stale.add(session)

    def _close(self, session: str) -> None:
        """The session is over, as far as this run can tell."""
        self._found += self._detectors.finish(session)
        self._closed.append(self._open.pop(session).finish())

    def _flush(self) -> None:
        """Make the bundle durable, then write down what follows from it."""
        if self._pending:
            self.done.added += self._ledger.append(_given_away(self._pending)).added
            give_back()
        unfinished = [tally.finish() for tally in self._open.values()]
        unfinished += [SessionSummary(session=session) for session in self._stale]
        closed = [summary for summary in self._closed if summary.session not in self._stale]
        with transaction(self._sessions.engine, write=True) as connection:
            for reading, sessions in self._finished:
                self._sessions.keep_reading(connection, reading, sessions)
            self._findings.record(self._found, connection)
            self._sessions.keep(connection, closed, self._digest)
            self._sessions.mark_stale(connection, unfinished)
        self._pending, self._pending_ids, self._pending_bytes = [], set(), 0
        self._found, self._closed, self._finished = [], [], []
        self._stale.clear()

    def _unread(self, name: str, reason: str) -> None:
        self.done.unread += 1
        reading = FileReading(
            path=name, error=_without_name(reason, name), read=time.time_ns(), run=self._run
        )
        with transaction(self._sessions.engine) as connection:
            self._sessions.keep_reading(connection, reading, ())

    def _stop(self, path: Path | None, error: LedgerError) -> None:
        """The evidence cannot be kept, so nothing more is read; what was kept is assessed."""
        self.done.stopped = f"not read: the ledger cannot take more: {error}"
        for reading, _ in self._finished:
            self.done.read -= 1
            self._unread(reading.path, self.done.stopped)
        if path is not None:
            self._unread(printable_path(path), self.done.stopped)
        self._pending, self._pending_ids, self._finished = [], set(), []


def _given_away(events: list[Event]) -> Iterator[Event]:
    """The events in order, each forgotten here when the next is asked for."""
    events.reverse()
    while events:
        yield events.pop()


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Look for cycles seldom: events come and go by the thousand, and hold none."""
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _without_name(reason: str, name: str) -> str:
    return printable(reason.removeprefix(f"{name}: "), 500)


def _identity(status: stat_result) -> tuple[int, int, str]:
    return status.st_mtime_ns, status.st_ctime_ns, f"{status.st_dev}:{status.st_ino}"


def _digest(path: Path, size: int) -> str:
    """SHA-256 of the first `size` bytes; empty where they cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while size > 0 and (block := stream.read(min(size, 1 << 20))):
                digest.update(block)
                size -= len(block)
    except OSError:
        return ""
    return digest.hexdigest()
