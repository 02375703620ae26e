"""A connection to an upstream: HTTP/1.1 (RFC 9112), one request at a time, kept open.

The parser is httptools' (llhttp, as in Node); what is ours is the little around it that a
relay needs: heads as bytes both ways, bodies in pieces as they arrive, at most
`MAX_WAITING` bytes ahead of whoever reads them, and a cut that is never taken for an end.
benchmarks/relays.py prints its time a request beside aiohttp's.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections import deque
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from typing import cast

import httptools

READ_SECONDS = 600.0
"""Without a byte; a model may think for minutes."""
MAX_HEAD = 256 << 10
"""Of an answer's head, those of 1xx before it, and its trailer; checked after each read."""
MAX_WAITING = 1 << 20

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""All but those of a line's end, which are counted."""
_TARGET = re.compile(rb"[\x21-\x7e]+")
_OTHERS = ("HEAD", "CONNECT")
"""Methods whose answers the parser would read wrongly: it does not know what was asked."""

RawHeaders = list[tuple[bytes, bytes]]


class UpstreamError(Exception):
    """There is no answer, or it was cut. Its text names the kind of failure only."""


def request_head(method: str, target: str, host: str, headers: RawHeaders, length: int) -> bytes:
    """The head of a request.

    Raises:
        ValueError: a part would end its line, and the rest be read as something else.
    """
    line = target.encode("latin-1")
    if not method.isalpha() or method in _OTHERS or not _TARGET.fullmatch(line):
        raise ValueError("a request line that is none")
    lines = [b"%s %s HTTP/1.1" % (method.encode("ascii"), line)]
    if length or method in ("POST", "PUT", "PATCH"):
        headers = [*headers, (b"content-length", b"%d" % length)]
    for name, value in [(b"host", host.encode("ascii")), *headers]:
        if not _is_name(name):
            raise ValueError("a header that is none")
        lines.append(b"%b: %b" % (name, value))
    lines += (b"", b"")
    head = b"\r\n".join(lines)
    ends = len(lines) - 1
    if head.count(b"\r") != ends or head.count(b"\n") != ends or _CONTROL.search(head):
        raise ValueError("a header that is none")
    return head


@lru_cache(maxsize=256)
def _is_name(name: bytes) -> bool:
    return _NAME.fullmatch(name) is not None


class Response:
    """One answer: its head, and its body in pieces. A context manager: left before its end,
    the connection is closed.

    Args:
        connection: on which it comes; None: it came from nowhere, and `put` and `end` fill it.
    """

    def __init__(self, connection: Connection | None) -> None:
        self.status = 0
        self.raw_headers: RawHeaders = []
        """Names in lower case, in the order of the wire."""
        self._connection = connection
        self._pieces: deque[bytes] = deque()
        self._waiting = 0
        self._whole = False
        self._failure: UpstreamError | None = None
        self._arrived: asyncio.Future[None] | None = None

    def header(self, name: bytes) -> str:
        """The first value of a header; empty where there is none."""
        for key, value in self.raw_headers:
            if key == name:
                return value.decode("latin-1")
        return ""

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives.

        Raises:
            UpstreamError: it was cut.
        """
        while piece := await self.piece():
            yield piece

    async def piece(self) -> bytes:
        """The bytes that have arrived, at least one; empty at the end of the body.

        Raises:
            UpstreamError: it was cut.
        """
        while not self._pieces:
            if self._failure is not None:
                raise self._failure
            if self._whole:
                return b""
            self._arrived = asyncio.get_running_loop().create_future()
            try:
                await self._arrived
            finally:
                self._arrived = None
        piece = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._waiting = 0
        if self._connection is not None:
            self._connection.resume()
        return piece

    def give_up(self, reason: str) -> None:
        """Nobody wants the rest: whoever reads is told so."""
        if self._connection is not None:
            self._connection.leave(self)
        self.end(UpstreamError(reason))

    def put(self, piece: bytes) -> bool:
        """A piece has arrived; whether enough waits."""
        self._pieces.append(piece)
        self._waiting += len(piece)
        self._wake()
        return self._waiting >= MAX_WAITING

    def end(self, failure: UpstreamError | None) -> None:
        """Nothing more comes."""
        self._whole, self._failure = failure is None, failure
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def __aenter__(self) -> Response:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.leave(self)


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        idle: is told when it can be used again.
        lost: is told when it is gone, however it went.
    """

    def __init__(
        self, idle: Callable[[Connection], None], lost: Callable[[Connection], None]
    ) -> None:
        self.used = False
        """An answer has come on it before."""
        self._idle = idle
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._response: Response | None = None
        self._headed: asyncio.Future[None] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._unused = 0
        """Bytes since the last that were passed on, a whole head or a piece of a body."""
        self._sized = False
        self._paused = False
        self._heard = 0.0
        """When a request went out, or something came of its answer."""
        self._timer: asyncio.TimerHandle | None = None
        """One while the connection lasts: to set and cancel one for each request would cost
        the event loop a turn of its own."""

    async def send(self, head: bytes, body: bytes) -> Response:
        """Send a request; the answer, once its head is there.

        Raises:
            UpstreamError: there is none.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise UpstreamError("ConnectionClosed")
        response = self._response = Response(self)
        self._headed = self._loop.create_future()
        self._begin()
        self._heard = self._loop.time()
        if len(body) > 1 << 16:
            transport.write(head)
            transport.write(body)
        else:
            transport.write(head + body)
        try:
            await self._headed
        except BaseException:
            self.leave(response)
            raise
        return response

    def stale(self) -> bool:
        """Whether anything has come while nothing was asked: the end, or what none asked for."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return True
        if self._poll is None:
            self._poll = select.poll()
            connection = transport.get_extra_info("socket")
            self._poll.register(connection.fileno(), select.POLLIN | select.POLLRDHUP)
        return bool(self._poll.poll(0))

    def resume(self) -> None:
        """Read on."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._heard = self._loop.time()
            self._transport.resume_reading()

    def leave(self, response: Response) -> None:
        """Whoever had the answer is done with it."""
        if self._response is response:
            self._response = None
            self.abort()

    def abort(self) -> None:
        """Close it at once."""
        if self._transport is not None:
            self._transport.abort()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(asyncio.Transport, transport)
        self._timer = self._loop.call_later(READ_SECONDS, self._look)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        if self._response is None or self._parser is None:
            self.abort()  # an answer to no question
            return
        self._heard = self._loop.time()
        self._unused += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail("NotHttp")
            return
        if self._unused > MAX_HEAD:
            self._fail("HeadTooLarge")

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone; for an answer without a length, that is its end (RFC 9112, 6.3)."""
        if self._timer is not None:
            self._timer.cancel()
        if self._response is not None and self._headed is None and not self._sized and not exc:
            self._finish()
        self._fail(type(exc).__name__ if exc else "ConnectionClosed")
        self._lost(self)

    # What the parser tells

    def on_message_begin(self) -> None:
        """An answer begins: one to a question, and only one."""
        if self._response is None or self._response.status:
            raise ValueError("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header; one of a trailer is passed over (RFC 9110, 6.5)."""
        if self._response is not None and self._headed is not None:
            key = name.lower()
            if key == b"transfer-encoding" and value.strip().lower() != b"chunked":
                raise ValueError("a transfer coding that was not asked for")
            self._response.raw_headers.append((key, value))
            self._sized = self._sized or key in (b"content-length", b"transfer-encoding")

    def on_headers_complete(self) -> None:
        """The head is there."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if self._response is None or self._headed is None or status < 200:
            return
        self._response.status = status
        self._unused = 0
        headed, self._headed = self._headed, None
        if not headed.done():
            headed.set_result(None)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._headed is not None:
            raise ValueError("an answer of 1xx with a body")
        self._unused = 0
        full = self._response is not None and self._response.put(piece)
        if full and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer is whole; one of 1xx is none yet (RFC 9110, 15.2)."""
        assert self._parser is not None
        if self._headed is not None:
            if self._response is not None:
                self._response.raw_headers.clear()
            self._sized = False
            return
        transport = self._transport
        keep = (
            self._parser.should_keep_alive()
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()  # answered before it was asked
        )
        self._finish()
        if keep:
            self.resume()
            self._idle(self)
        else:
            self.abort()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._unused = 0
        self._sized = False

    def _finish(self) -> None:
        response, self._response = self._response, None
        self.used = True
        if response is not None:
            response.end(None)

    def _fail(self, reason: str) -> None:
        response, self._response = self._response, None
        headed, self._headed = self._headed, None
        if headed is not None and not headed.done():
            headed.set_exception(UpstreamError(reason))
        elif response is not None:
            response.end(UpstreamError(reason))
        self.abort()

    def _look(self) -> None:
        """Whether it has been silent for too long: while an answer is awaited, and read."""
        left = READ_SECONDS
        if self._response is not None and not self._paused:
            left = self._heard + READ_SECONDS - self._loop.time()
        if left <= 0:
            self._fail("TimeoutError")
        else:
            self._timer = self._loop.call_later(left, self._look)
