"""One thread that decides, with a deadline.

Detection and policy are CPU-bound and keep state, so one thread does them, in order; the
event loop stays free to answer, and to answer in time: whoever waits longer than the
deadline is told so and applies the fail mode, whatever the thread is still doing.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

MOST_WAITING = 4096
"""Pieces of work that may wait; more is refused at once, which is the fail mode."""

MOST_LATER = 4096
REST, CROWDED_REST = 2.0, 12.0
"""Times as long as work that nobody waits for took, the thread waits for other work after
it: whoever decides or records needs the interpreter too, above all where much is being
recorded."""

MAX_REST = 0.02
"""Seconds; a decision is begun at once all the same."""


class Awaited(Protocol):
    """What somebody waits for."""

    def gone(self) -> bool:
        """Whether nobody waits any more, or has waited for too long."""

    def taken(self) -> bool:
        """Whether somebody gives the answer already."""

    def take(self) -> bool:
        """Whether the one who asks, and nobody else, is to give the answer. True once."""


class Waiting:
    """Somebody who waits for a piece of work, so many seconds at most."""

    __slots__ = ("_seconds", "_taken", "due", "future", "work")

    def __init__(
        self, work: Callable[[Waiting], Any], future: asyncio.Future[Any], seconds: float
    ) -> None:
        self.work = work
        self.future: asyncio.Future[Any] | None = future
        self.due = future.get_loop().time() + seconds
        """By the loop's clock."""
        self._seconds = seconds
        self._taken = threading.Lock()

    def gone(self) -> bool:
        """Whether nobody waits any more."""
        future = self.future
        return future is None or future.done()

    def taken(self) -> bool:
        """Whether somebody gives the answer already."""
        return self._taken.locked()

    def take(self) -> bool:
        """Whether the one who asks, and nobody else, is to give the answer: the deciding
        thread at once, or the loop when it is late. True once."""
        return self._taken.acquire(blocking=False)

    def late(self) -> None:
        """Say that it takes too long, unless the answer was given."""
        if self.future is not None and not self.future.done() and self.take():
            self.future.set_exception(TimeoutError(f"no decision within {self._seconds:g} s"))

    def end(self) -> None:
        """Nobody waits any more: let go of the answer, which may be large."""
        self.future = None

    def __lt__(self, other: Waiting) -> bool:
        return self.due < other.due


class Deadlines:
    """Those who wait on one loop: each is told when it is too late.

    One timer for all, which is not cancelled when an answer comes: to cancel one costs the
    loop a turn of its own. It goes off a few times a second at most and mostly finds no one.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._heap: list[Waiting] = []
        """With some who have their answer."""
        self._at = inf
        """When the timer goes off."""

    def add(self, waiting: Waiting) -> None:
        """Watch over one more."""
        while self._heap and self._heap[0].gone():
            heapq.heappop(self._heap)
        heapq.heappush(self._heap, waiting)
        if waiting.due < self._at:
            self._arm(waiting.due)

    def _arm(self, at: float) -> None:
        self._at = at
        self.loop.call_at(at, self._look, at)

    def _look(self, at: float) -> None:
        if at != self._at:  # an earlier one was needed meanwhile
            return
        self._at = inf
        now = self.loop.time()
        while self._heap and (self._heap[0].gone() or self._heap[0].due <= now):
            heapq.heappop(self._heap).late()
        if self._heap:
            self._arm(self._heap[0].due)


class Worker:
    """Does one thing after the other in a thread of its own.

    Args:
        crowded: whether others need the interpreter more than work that nobody waits for.
    """

    def __init__(self, crowded: Callable[[], bool] = lambda: False) -> None:
        self._crowded = crowded
        self._queue: queue.SimpleQueue[None] = queue.SimpleQueue()
        """A token for each piece of work that is waited for, for the first that is not, and
        for the end."""
        self._now: deque[Waiting] = deque()
        self._later: deque[Callable[[], object]] = deque()
        self._since: float | None = None
        self._closed = False
        self._deadlines: Deadlines | None = None
        self._turn = threading.Lock()
        """Held by the thread that decides: this one, or one that has taken its place."""
        self._elsewhere: list[None] = []
        """A token for each thread that waits to take its place."""
        self._thread = threading.Thread(target=self._run, name="decide", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Waiting], T], seconds: float) -> T:
        """Do `work` in the thread and wait for what it returns.

        Args:
            work: called with the one who waits. It is called even when nobody waits any more,
                since what it feeds to the detectors was recorded.
            seconds: how long to wait.

        Raises:
            TimeoutError: it took longer, or too much is waiting already.
        """
        if len(self._now) > MOST_WAITING:
            raise TimeoutError("too many decisions wait")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        waiting = Waiting(work, future, seconds)
        if self._deadlines is None or self._deadlines.loop is not loop:
            self._deadlines = Deadlines(loop)
        self._deadlines.add(waiting)
        self._now.append(waiting)
        self._queue.put(None)  # last: the thread begins while this one goes on
        try:
            return await future
        finally:
            waiting.end()

    @contextlib.contextmanager
    def turn(self, seconds: float) -> Iterator[None]:
        """Be the deciding thread for the length of the block, in any thread that may wait.

        Raises:
            TimeoutError: others took longer than `seconds`.
        """
        if not self._turn.acquire(blocking=False):
            self._elsewhere.append(None)
            try:
                if not self._turn.acquire(timeout=seconds):
                    raise TimeoutError(f"no decision within {seconds:g} s")
            finally:
                self._elsewhere.pop()
        self._since = time.monotonic()
        try:
            yield
        finally:
            self._since = None
            self._turn.release()

    def later(self, work: Callable[[], object]) -> bool:
        """Do `work`, which must be short and not raise, when there is nothing else to do, and
        again as long as it returns True. False: too much waits, and it will not be done."""
        if len(self._later) >= MOST_LATER:
            return False
        self._later.append(work)
        if len(self._later) == 1:
            self._queue.put(None)
        return True

    def waited_for(self) -> bool:
        """Whether somebody waits for the thread."""
        return bool(self._now or self._elsewhere)

    def busy_seconds(self) -> float:
        """For how long the piece of work at hand has been under way."""
        since = self._since
        return time.monotonic() - since if since is not None else 0.0

    def close(self, seconds: float = 2.0) -> None:
        """End after what is waited for; a thread that hangs is left behind."""
        self._closed = True
        self._queue.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        rest = 0.0
        while True:
            # With work left for later: until somebody waits, but no longer than the rest.
            with contextlib.suppress(queue.Empty):
                self._queue.get(timeout=rest if self._later else None)
            with self._turn:
                if self._now:
                    self._do(self._now.popleft())
                elif self._closed:
                    return
                elif self._later:
                    rest = self._do_later(self._later.popleft())

    def _do(self, waiting: Waiting) -> None:
        self._since = time.monotonic()
        result: Any = None
        failure: Exception | None = None
        try:
            result = waiting.work(waiting)
        except Exception as error:  # whatever it is, the one who waits must hear of it
            failure = error
        self._since = None
        waiting.work = _done
        future = waiting.future
        if future is not None and not (loop := future.get_loop()).is_closed():
            loop.call_soon_threadsafe(_settle, future, result, failure)

    def _do_later(self, work: Callable[[], object]) -> float:
        """Do it, or go on with it; the seconds to rest after it."""
        self._since = began = time.monotonic()
        if work() is True:
            self._later.appendleft(work)
        self._since = None
        factor = CROWDED_REST if self._crowded() else REST
        return min(MAX_REST, factor * (time.monotonic() - began))


def _done(_: Waiting) -> None:
    """In the place of work that was done, so that nothing it held is kept."""


def _settle(future: asyncio.Future[Any], result: Any, failure: Exception | None) -> None:
    if future.done():
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
