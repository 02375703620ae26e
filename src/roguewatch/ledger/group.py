"""Group commit: many callers, one transaction.

A commit costs an fsync however many rows it holds, so while one is under way the
events of all other callers gather, and go into the next together. Who comes alone may
commit in its own thread (`commit`): two switches between threads cost more than the fsync.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.ledger.batches import Appended
from roguewatch.ledger.ledger import Ledger

MOST = 1024
"""Callers whose events go into one transaction at most."""

PRESSED_SECONDS = 0.002
"""Until it is looked again whether patient ones may be committed, and whether others came."""

_Item = tuple[list[Event], "Future[Appended]"]


class GroupCommit:
    """Appends of several threads, committed together by a thread of its own.

    Args:
        ledger: open for writing. It stays the caller's to close, after this.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._queue: queue.SimpleQueue[None] = queue.SimpleQueue()
        """A token for each submission, and one at the end."""
        self._urgent: deque[_Item] = deque()
        self._patient: deque[_Item] = deque()
        self._closed = False
        self._guard = threading.Lock()
        self._pending = 0
        """Submissions that are queued or being committed."""
        self._thread = threading.Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def submit(self, events: Sequence[Event], *, patient: bool = False) -> Future[Appended]:
        """Queue events.

        Args:
            events: to be stored in this order.
            patient: whatever is not goes first, in a commit of its own; patient ones are
                committed one submission at a time, which bounds what others wait for, and
                not before the ledger has room for others again (`Ledger.pressed`).

        Returns:
            A future that is done when they are durable. Its counts are those of the
            whole group; where the group could not be stored it raises `LedgerError`,
            and none of these events is acknowledged.

        Raises:
            LedgerError: this is closed.
        """
        future: Future[Appended] = Future()
        with self._guard:
            self._open()
            self._pending += 1
            (self._patient if patient else self._urgent).append((list(events), future))
            self._queue.put(None)
        return future

    def commit(self, events: Sequence[Event]) -> Future[Appended]:
        """Like `submit`, but where nothing is queued or under way the events are committed
        in the calling thread, and the future is done when this returns."""
        with self._guard:
            self._open()
            alone = not self._pending
            if alone:
                self._pending += 1
        if not alone:
            return self.submit(events)
        future: Future[Appended] = Future()
        self._commit([(list(events), future)])
        return future

    def crowded(self) -> bool:
        """Whether patient submissions wait."""
        return bool(self._patient)

    def append(self, events: Sequence[Event]) -> Appended:
        """Queue events and wait until they are durable."""
        return self.submit(events).result()

    def close(self) -> None:
        """Commit what is queued, and stop."""
        with self._guard:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def __enter__(self) -> GroupCommit:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> None:
        if self._closed:
            raise LedgerError("this ledger's group commit is closed")

    def _run(self) -> None:
        while group := self._next():
            self._commit(group)

    def _next(self) -> list[_Item]:
        """What goes into one transaction; empty at the end."""
        self._queue.get()
        group: list[_Item] = []
        while not group:
            while self._urgent and len(group) < MOST:
                group.append(self._urgent.popleft())
            if not self._patient or group:
                break
            if self._ledger.pressed():
                time.sleep(PRESSED_SECONDS)
            else:
                group.append(self._patient.popleft())
        for _ in group[1:]:
            self._queue.get()  # each was put before its item could be taken
        return group

    def _commit(self, group: list[_Item]) -> None:
        running = [(events, future) for events, future in group if _start(future)]
        try:
            events = [event for events, _ in running for event in events]
            done = self._ledger.commit(events)
        except BaseException as error:
            for _, future in running:
                future.set_exception(error)
        else:
            for _, future in running:
                future.set_result(done)
        finally:
            with self._guard:
                self._pending -= len(group)


def _start(future: Future[Appended]) -> bool:
    return future.set_running_or_notify_cancel()
