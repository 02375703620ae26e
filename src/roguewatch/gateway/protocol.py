"""HTTP/1.1 with bounds: how long a head may take and how large it may be, and who asks.

uvicorn bounds neither: a client that sends a header a minute would hold its connection
for ever, and one that sends headers without end would fill the memory.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Iterable
from math import inf
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
MAX_HEAD = 64 << 10
MAX_CONNECTIONS = 512
PEER = "roguewatch.peer"
"""Key of the request scope that holds the `Peer` of a Unix socket."""
WHOLE = "roguewatch.whole"
"""Key of the request scope that is there once the body is, so that nobody waits for it."""
JOINED = "roguewatch.joined"
"""Key of the request scope that holds the `Joined` that is answered to."""
ENDLESS = "roguewatch.endless"
"""Key of the request scope of a request whose body has no end of its own."""


class Peer:
    """Who is at the other end of a Unix socket, as the kernel says (unix(7), SO_PEERCRED)."""

    def __init__(self, connection: socket.socket) -> None:
        raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        self.pid, self.uid, self.gid = struct.unpack("3i", raw)
        self.socket = connection.getsockname().rpartition("/")[2]


class Line:
    """A connection's socket, for a thread that is not the loop's. A descriptor of its own: the
    transport may close its one at any time, and the number then be another connection's."""

    def __init__(self, transport: asyncio.BaseTransport) -> None:
        self._handle = os.dup(transport.get_extra_info("socket").fileno())
        self._open = True
        self._guard = threading.Lock()

    def write(self, data: bytes) -> int:
        """Send what can be sent at once. Returns how many bytes that was."""
        with self._guard:
            try:
                return os.write(self._handle, data) if self._open else 0
            except OSError:  # full, or the client is gone: the loop sees to it
                return 0

    def close(self) -> None:
        """Let go of the socket."""
        with self._guard:
            if self._open:
                self._open = False
                os.close(self._handle)


class Joined:
    """A connection as one response is written to it: the head goes out with what follows it
    at once, in one system call, and by itself where nothing does.

    Args:
        cycle: uvicorn's request and response.
        protocol: of the connection.
    """

    def __init__(self, cycle: Any, protocol: BoundedProtocol) -> None:
        self._cycle = cycle
        self._protocol = protocol
        self._transport = protocol.transport
        self._headed = False
        self._head = b""
        self._line: Line | None = None
        self._unsent: bytes | None = None
        self.is_closing = self._transport.is_closing

    @property
    def transport(self) -> asyncio.Transport:
        """Of the connection."""
        return self._transport

    def write(self, data: bytes) -> None:
        """Send, or keep the head for a moment."""
        if not self._headed and self._cycle.response_started:
            self._headed, self._head = True, data
            self._protocol.loop.call_soon(self.flush)
        elif self._head:
            head, self._head = self._head, b""
            self._transport.write(head + data)
        else:
            self._transport.write(data)

    def flush(self) -> None:
        """Send what is kept."""
        if self._head:
            head, self._head = self._head, b""
            self._transport.write(head)

    def close(self) -> None:
        """Close the connection after what was written."""
        self.flush()
        self._transport.close()

    def direct(self) -> bool:
        """Whether another thread may `answer`, from now on and until `answered`: nothing that
        was written before waits to be sent."""
        if self._transport.is_closing() or self._transport.get_write_buffer_size():
            return False
        self._line = self._protocol.line()
        return True

    def answer(self, status: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Send the whole response, from another thread than the loop's."""
        assert self._line is not None
        pieces = [b"HTTP/1.1 %b\r\n" % status]
        pieces += [b"%b: %b\r\n" % header for header in headers]
        if not self._cycle.keep_alive:
            pieces.append(b"connection: close\r\n")
        pieces += [b"\r\n", body]
        whole = b"".join(pieces)
        self._unsent = whole[self._line.write(whole) :]

    def answered(self) -> bool:
        """Take note, on the loop, of what `answer` has sent. False: it was not called."""
        unsent = self._unsent
        if unsent is None:
            return False
        cycle = self._cycle
        if cycle is None:  # noted when the client's next request came
            return True
        if unsent and not self._transport.is_closing():
            self._transport.write(unsent)
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self._transport.close()
        cycle.on_response()
        return True

    def end(self) -> None:
        """Let go of a response that is complete. The two hold each other, and what is held in
        a circle waits for the garbage collector, which under load stops everything for tens
        of milliseconds."""
        cycle, self._cycle = self._cycle, None
        if cycle is not None:
            cycle.transport = self._transport
            cycle.scope.pop(JOINED, None)


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a deadline and a size for the head of a request.

    A connection has one timer, which is looked at when it goes off and never cancelled while
    the connection lasts: to cancel one costs the loop a turn of its own, for which it would
    take the interpreter from the thread that decides.
    """

    _in_head = True
    _head_bytes = 0
    _peer: Peer | None = None
    _line: Line | None = None
    _joined: Joined | None = None
    """As the latest answer is written to it."""
    _due = inf
    """When the connection is to be cut, or is closed where no request has begun."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connects."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family == socket.AF_UNIX:
            self._peer = Peer(connection)
        self._due = self.loop.time() + HEAD_SECONDS
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._timer.cancel()
        if self._line is not None:
            self._line.close()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        if self._joined is not None:
            self._joined.answered()  # whoever has an answer may ask at once again
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD:
                self._cut()

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self.scope[PEER] = self._peer  # type: ignore[literal-required]
        self._due = self.loop.time() + HEAD_SECONDS

    def on_headers_complete(self) -> None:
        """The head is there; the body has bounds of its own."""
        self._due = inf
        self._in_head = False
        super().on_headers_complete()

    def line(self) -> Line:
        """The connection for another thread."""
        if self._line is None:
            self._line = Line(self.transport)
        return self._line

    def on_message_complete(self) -> None:
        """The body is there."""
        super().on_message_complete()
        self.scope[WHOLE] = True  # type: ignore[literal-required]

    def on_response_complete(self) -> None:
        """An answer is given: the next request that waits begins, or is waited for."""
        self.server_state.total_requests += 1
        if self._joined is not None:
            self._joined.end()
            self._joined = None
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not self._in_head:
            self._due = self.loop.time() + self.timeout_keep_alive

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        self._joined = cycle.transport = cycle.scope[JOINED] = Joined(cycle, self)
        super()._start_asgi_task(cycle, app)

    def shutdown(self) -> None:
        """The gate ends, and so do requests without an end of their own."""
        super().shutdown()
        if self.cycle is not None and ENDLESS in self.cycle.scope:
            self.transport.close()

    def _look(self) -> None:
        """Cut the connection if that is due, or look again: when it is, and before anything
        that begins meanwhile could be."""
        left = self._due - self.loop.time()
        if left > 0:
            self._timer = self.loop.call_later(min(left, HEAD_SECONDS), self._look)
        elif self._in_head:
            self._cut()
        else:
            self.transport.close()

    def _cut(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.abort()
