"""A response on its way to the agent, read along.

Pieces go on as they arrive. The piece that completes the answer (the protocol's own end of
the stream, or the end of the body) is held until everything that came is durable; a cut on
either side is recorded with what came until then, and never looks like a whole answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec
from starlette.types import Receive, Send

from roguewatch.errors import InputError
from roguewatch.gateway.bodies import RefusedError, held
from roguewatch.gateway.http_client import Response, UpstreamError
from roguewatch.gateway.models.items import Answer, Hearing, Reading
from roguewatch.gateway.models.secrecy import Secrets
from roguewatch.gateway.protocol import Joined
from roguewatch.gateway.sse import Events
from roguewatch.gateway.upstream import Decoding

MAX_KEPT = 32 << 20
"""Bytes of a stream that are recorded as they came."""
LARGE = 256 << 10
"""An answer above this is read in a thread, so that it holds up nobody else."""
LEFT = "the agent's side closed the connection"

Headed = Sequence[tuple[bytes, bytes]]


class Record(Protocol):
    """Makes durable what came."""

    def __call__(
        self,
        status: int,
        answer: Answer | None,
        raw: bytes,
        headers: Headed,
        cut: str,
        told: Callable[[], None] | None = None,
    ) -> Awaitable[None]:
        """Returns when it is durable; raises where it cannot be made so.

        Args:
            status: of the response.
            answer: what it says, as far as it could be read.
            raw: its bytes.
            headers: those that are passed on.
            cut: how it was cut; empty where it was not.
            told: as `Gate.observe` calls it.
        """


class Tee:
    """One response.

    Args:
        response: the upstream's, its head read.
        reading: how its endpoint is read; None where it is only passed on.
        secrets: what must not pass.
        joined: the agent's connection, where another thread may answer on it.
    """

    def __init__(
        self,
        response: Response,
        reading: Reading | None,
        secrets: Secrets,
        joined: Joined | None = None,
    ) -> None:
        self._response = response
        self._reading = reading
        self._secrets = secrets
        self._joined = joined
        self._passing = secrets.stream()
        self._kept: list[bytes] = []
        self._size = 0
        self._full = False
        self._fault = ""
        kind = response.header(b"content-type")
        self._hearing: Hearing | None = None
        if reading is not None and "text/event-stream" in kind.casefold():
            self._hearing = reading.hearing()
        self._events = Events()
        try:
            self._decoding: Decoding | None = Decoding(response.header(b"content-encoding"))
        except InputError as error:
            self._decoding, self._fault = None, str(error)

    async def run(
        self, receive: Receive, send: Send, headers: list[tuple[bytes, bytes]], record: Record
    ) -> None:
        """Pass the response on and record it. Returns without ending the response to the
        agent where it was cut, which closes the agent's connection."""
        status = self._response.status
        if self._hearing is None and self._reading is not None:
            await self._whole(send, status, headers, record)
            return
        await send({"type": "http.response.start", "status": status, "headers": headers})
        gone = asyncio.ensure_future(_gone(receive))
        gone.add_done_callback(lambda _: self._response.give_up(LEFT))
        try:
            with held() as hold:
                await self._stream(send, status, headers, record, hold)
        finally:
            gone.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await gone

    async def _whole(
        self, send: Send, status: int, headers: list[tuple[bytes, bytes]], record: Record
    ) -> None:
        """An answer in one piece goes on when it is durable."""
        cut = ""
        with held() as hold:
            try:
                while piece := await self._response.piece():
                    self._size += len(piece)
                    hold(self._size)
                    self._kept.append(piece)
            except UpstreamError as error:
                cut = f"upstream: {error}"
            except RefusedError as error:
                cut = f"upstream: {error}"
            raw = b"".join(self._kept)
            if self._size > LARGE:
                answer = await asyncio.to_thread(self._answer, raw)
            else:
                answer = self._answer(raw)
            body = self._secrets.whole(raw)
            sent = headers if cut else [*headers, (b"content-length", b"%d" % len(body))]
            told = self._direct(status, sent, body) if not cut else None
            await record(status, answer, raw, headers, cut or self._fault, told)
            if told is not None and self._joined is not None and self._joined.answered():
                return
            await send({"type": "http.response.start", "status": status, "headers": sent})
            await send({"type": "http.response.body", "body": body, "more_body": bool(cut)})

    def _direct(self, status: int, sent: Headed, body: bytes) -> Callable[[], None] | None:
        """What gives a whole answer from the thread that has just made it durable; None where
        it has to be given from here."""
        joined = self._joined
        if joined is None or status != 200 or not joined.direct():
            return None
        return lambda: joined.answer(b"200 OK", sent, body)

    async def _stream(
        self,
        send: Send,
        status: int,
        headers: list[tuple[bytes, bytes]],
        record: Record,
        hold: Callable[[int], None],
    ) -> None:
        recorded = False
        cut = ""
        while True:
            try:
                piece = await self._response.piece()
            except UpstreamError as error:
                cut = LEFT if str(error) == LEFT else f"upstream: {error}"
                break
            if not piece:
                break
            self._keep(piece, hold)
            if self._hearing is not None and self._hearing.finished and not recorded:
                await record(status, self._answer(b""), self._raw(), headers, self._fault)
                recorded = True
            passed = self._passing.pass_on(piece)
            if passed:
                await send({"type": "http.response.body", "body": passed, "more_body": True})
        if not recorded:
            if not cut and self._hearing is not None and status < 400:
                cut = "the stream ended before its own end"
            await record(status, self._answer(b""), self._raw(), headers, cut or self._fault)
        rest = self._passing.rest()
        aborted = cut.startswith(("upstream", LEFT))
        await send({"type": "http.response.body", "body": rest, "more_body": aborted})

    def _keep(self, piece: bytes, hold: Callable[[int], None]) -> None:
        """Keep a piece of a stream, as far as there is room, and read it."""
        self._size += len(piece)
        if not self._full and self._size <= MAX_KEPT:
            try:
                hold(self._size)
                self._kept.append(piece)
            except RefusedError:
                self._full = True
        if self._hearing is None or self._decoding is None:
            return
        try:
            plain = self._decoding.decode(piece)
        except InputError as error:
            self._decoding, self._fault = None, str(error)
            return
        for name, data in self._events.feed(plain):
            self._hearing.hear(name, data)

    def _raw(self) -> bytes:
        return b"".join(self._kept)

    def _answer(self, raw: bytes) -> Answer | None:
        if self._reading is None:
            return None
        if self._hearing is not None:
            answer = self._hearing.answer()
            if self._events.overlong:
                answer.unknown["overlong event"] = self._events.overlong
            return answer
        try:
            plain = self._decoding.decode(raw) if self._decoding is not None else b""
            value = msgspec.json.decode(plain)
        except InputError as error:
            self._fault = self._fault or str(error)
            return None
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            self._fault = self._fault or "the answer could not be read"
            return None
        return self._reading.answer(value) if isinstance(value, dict) else None


async def _gone(receive: Receive) -> None:
    """Ends when the agent's side has closed the connection."""
    while (await receive())["type"] != "http.disconnect":
        continue
