"""The OTLP receiver: telemetry in, an answer once it is durable.

A child process decodes (`otlp_decoder`); this side admits, hands over, commits and
answers. Many small requests share a commit, and a large one is committed in pieces; a
request is acknowledged when its last piece is durable. Hook decisions go first: while one
is under way no commit of telemetry is begun, though none waits for longer than
`YIELD_SECONDS`, and as long as any are asked for, none is larger than `EACH_COMMIT`. What
waits is bounded in number and bytes: more is refused with the time after which to try again
(OTLP specification 1.x, "OTLP/HTTP Throttling" and "OTLP/gRPC Throttling").
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from concurrent.futures import Future
from typing import Any

from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.otlp_decoder import Request, Signal, Told
from roguewatch.gateway.otlp_process import DecoderProcess
from roguewatch.state.register import Deployment

MAX_WAITING = 2048
"""Requests that may wait to be decoded or made durable."""

MAX_WAITING_BYTES = 64 << 20
EACH_COMMIT = 320
"""Events in one commit: some five milliseconds, for hooks wait for the same ledger."""

EACH_COMMIT_ALONE = 2048
"""Where nobody has asked for a decision for `ALONE_SECONDS`: an fsync, and the pages of the
indices that a commit writes again, are shared by more."""

ALONE_SECONDS = 2.0
YIELD_SECONDS = 0.02
YIELD_STEP = 0.001

IN_FLIGHT = 2
"""Commits of ours at once: one under way, and one that the ledger finds waiting after it."""

MAX_UNREAD = 8192
"""Decoded events that may wait for a commit before no more is read from the decoder."""

SECONDS = 20.0
"""A request that is not decoded by then has hung the decoder."""

RETRY_SECONDS = 1

CATCH_UP_SECONDS = 0.05
"""Between two sessions that are looked at again, once neither telemetry nor a question for a
decision has come for `CALM_SECONDS`."""

CALM_SECONDS = 0.2
CATCH_UP_BUSY_SECONDS = 5.0
"""The same, as long as they come."""

TELL_SECONDS = 60.0
"""How often at most it is said that detection cannot keep up."""


class OverloadError(Exception):
    """Too much waits; try again after `RETRY_SECONDS`."""


class UnavailableError(Exception):
    """The request could not be made durable; try again."""


class _Ticket:
    """A request under way."""

    def __init__(self, deployment: Deployment, size: int) -> None:
        self.deployment = deployment
        self.size = size
        self.future: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
        self.told: Told | None = None
        self.pieces = 0
        """Events not durable yet."""
        self.findings: list[Finding] = []
        """To be kept once they are."""


class Receiver:
    """Takes export requests for one house.

    Args:
        house: the open store.
        latency: where answers are measured, as `otlp`.
    """

    def __init__(self, house: House, latency: Latency) -> None:
        self._house = house
        self._latency = latency
        self._number = 0
        self._waiting: OrderedDict[int, _Ticket] = OrderedDict()
        """Requests that the decoder has not told of yet. One that nobody waits for any more
        stays: what was told of it counts as told, so it must be recorded."""
        self._under_way = 0
        self._bytes = 0
        self._events: deque[tuple[_Ticket, Event]] = deque()
        self._room = asyncio.Event()
        self._room.set()
        self._committing = 0
        self._yielding: float | None = None
        """Since when a commit waits for those who wait for a decision."""
        self._later: asyncio.TimerHandle | None = None
        self._decoder = DecoderProcess(self._take, self._ended)
        self._catching_up: asyncio.TimerHandle | None = None
        self._caught_up_at = 0.0
        self._unheard = 0
        """Events that live detection had no time for, and that nobody was told of."""
        self._told_at = float("-inf")
        self.accepted = 0
        """Events made durable."""

    async def receive(
        self, deployment: Deployment, signal: Signal, body: bytes, *, json: bool, encoding: str = ""
    ) -> Told:
        """Take one request; what it told is durable when this returns.

        Args:
            deployment: whose token it came with.
            signal: traces or logs.
            body: as received.
            json: OTLP/JSON, not protobuf.
            encoding: content encoding.

        Returns:
            How many records were rejected and why, or the error that nothing can be used for.

        Raises:
            OverloadError: too much waits.
            UnavailableError: it could not be decoded or recorded.
        """
        full = self._under_way >= MAX_WAITING
        if full or self._bytes + len(body) > MAX_WAITING_BYTES:
            raise OverloadError("too many export requests wait")
        with self._latency.measure("otlp"):
            ticket = _Ticket(deployment, len(body))
            self._number += 1
            number = self._number
            self._waiting[number] = ticket
            self._under_way += 1
            self._bytes += len(body)
            try:
                request = Request(
                    number, deployment.name, signal, json, encoding, body, time.time_ns()
                )
                await self._hand_over(request)
                async with asyncio.timeout(SECONDS):
                    told = await ticket.future
            except TimeoutError as error:
                if ticket.told is None:
                    self._kill("the decoder of telemetry hangs; it is started anew")
                raise UnavailableError("not recorded in time") from error
            finally:
                self._under_way -= 1
                self._bytes -= len(body)
        self._house.seen(deployment, "otel")
        return told

    async def close(self) -> None:
        """End the decoder."""
        for timer in (self._later, self._catching_up):
            if timer is not None:
                timer.cancel()
        await self._decoder.close()
        self._forsake("the gate ends")

    async def _hand_over(self, request: Request) -> None:
        try:
            await self._decoder.hand_over(request)
        except OSError as error:
            self._waiting.pop(request.number, None)
            raise UnavailableError(f"the decoder cannot be used: {error}") from error

    def _kill(self, why: str) -> None:
        if self._decoder.kill():
            self._house.complain(why)

    def _ended(self, status: int) -> None:
        self._house.complain(f"the decoder of telemetry ended with status {status}")
        self._forsake("the decoder ended")

    def _forsake(self, why: str) -> None:
        """Nothing that waits to be decoded is answered ok."""
        waiting, self._waiting = self._waiting, OrderedDict()
        for ticket in waiting.values():
            _fail(ticket, UnavailableError(why))

    async def _take(self, tellings: list[Told]) -> None:
        """Have what the decoder told committed; returns once there is room for more."""
        for told in tellings:
            ticket = self._waiting.pop(told.number)
            ticket.told = told
            ticket.pieces = len(told.events)
            if not told.events:
                _settle(ticket)
                continue
            events, ticket.findings = self._house.gate.apart(ticket.deployment, told.events)
            self._events.extend((ticket, event) for event in events)
        self._commit()
        if len(self._events) > MAX_UNREAD:
            self._room.clear()
            await self._room.wait()

    def _commit(self) -> None:
        """Commit the next events, unless enough of ours are being committed already, or
        somebody waits for a decision."""
        while self._events and self._committing < IN_FLIGHT and not self._yields():
            self._commit_next()

    def _yields(self) -> bool:
        """Whether those who wait for a decision go first; it is tried again in a moment."""
        if self._house.gate.waited_for:
            now = time.monotonic()
            if self._yielding is None:
                self._yielding = now
            if now - self._yielding < YIELD_SECONDS:
                if self._later is None:
                    self._later = asyncio.get_running_loop().call_later(YIELD_STEP, self._again)
                return True
        self._yielding = None
        return False

    def _again(self) -> None:
        self._later = None
        self._commit()

    def _commit_next(self) -> None:
        alone = time.monotonic() - self._house.gate.asked_at > ALONE_SECONDS
        count = min(EACH_COMMIT_ALONE if alone else EACH_COMMIT, len(self._events))
        batch = [self._events.popleft() for _ in range(count)]
        if len(self._events) <= MAX_UNREAD // 2:
            self._room.set()
        loop = asyncio.get_running_loop()
        self._house.telemetry_at = time.monotonic()
        try:
            future = self._house.submit([event for _, event in batch], patient=True)
        except LedgerError as error:
            self._committed(batch, error)
            return
        self._committing += 1

        def done(future: Future[Any]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._done, batch, future.exception())

        future.add_done_callback(done)

    def _done(self, batch: list[tuple[_Ticket, Event]], error: BaseException | None) -> None:
        self._committing -= 1
        self._commit()  # the next ones are on their way before these are answered
        self._committed(batch, error)

    def _committed(self, batch: list[tuple[_Ticket, Event]], error: BaseException | None) -> None:
        if error is not None:
            # What it told and we lost must be told again when it is sent again.
            self._kill("telemetry could not be recorded; its decoder is started anew")
            for ticket, _ in batch:
                _fail(ticket, UnavailableError(f"{type(error).__name__} while recording"))
            return
        self.accepted += len(batch)
        for ticket, _ in batch:
            ticket.pieces -= 1
            if not ticket.pieces:
                _settle(ticket)
                if ticket.findings:
                    self._house.found(ticket.findings)
        for watcher in self._house.watchers:
            watcher([event for _, event in batch])
        self._overhear(batch)

    def _overhear(self, batch: list[tuple[_Ticket, Event]]) -> None:
        """Have durable events looked at when there is time."""
        for ticket, event in batch:
            if event.kind != "other" and not self._house.gate.overhear(ticket.deployment, event):
                self._unheard += 1
        if self._unheard and time.monotonic() - self._told_at > TELL_SECONDS:
            self._told_at = time.monotonic()
            self._house.complain(
                f"{self._unheard} records of telemetry, of too many sessions at once, came too "
                "fast for live detection; they are in the ledger, where `roguewatch assess` "
                "looks at them"
            )
            self._unheard = 0
        if self._catching_up is None and self._house.gate.behind():
            self._caught_up_at = time.monotonic()
            self._catch_up()

    def _catch_up(self) -> None:
        """Have a session looked at again that came too fast, if it is calm or was not for long;
        go on until there is none."""
        gate, now = self._house.gate, time.monotonic()
        calm = not self._house.crowded() and now - gate.asked_at > CALM_SECONDS
        if calm or now - self._caught_up_at > CATCH_UP_BUSY_SECONDS:
            self._caught_up_at = now
            gate.catch_up()
        self._catching_up = None
        if gate.behind():
            loop = asyncio.get_running_loop()
            self._catching_up = loop.call_later(CATCH_UP_SECONDS, self._catch_up)


def _settle(ticket: _Ticket) -> None:
    if not ticket.future.done():
        assert ticket.told is not None
        ticket.future.set_result(ticket.told)


def _fail(ticket: _Ticket, error: Exception) -> None:
    if not ticket.future.done():
        ticket.future.set_exception(error)
