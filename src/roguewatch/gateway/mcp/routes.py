"""Where the stdio relay's process gets its link to the daemon: `POST /mcp-relay/lines`.

The request says whose link it is; then its connection is taken from HTTP, and carries
frames (`wire`, `lines`). Internal: the relay and the daemon are of one version.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import time
from collections.abc import Coroutine
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from roguewatch.gateway.bodies import RefusedError
from roguewatch.gateway.carried import held_by, holder, note_refused, respond_json, token_of
from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.mcp.desk import Desk, Steps
from roguewatch.gateway.mcp.lines import Line, take_over
from roguewatch.gateway.mcp.wire import PATH
from roguewatch.gateway.protocol import ENDLESS, JOINED
from roguewatch.state.register import Deployment

MAX_LINKS = 256
"""Each has a thread."""
LOOK_SECONDS = 0.25
"""How often is looked at whether a line takes too long."""
END_SECONDS = 3.0
_CONNECTION = re.compile(r"[0-9a-f]{32}")
_SERVER = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HEADERS = [(b"connection", b"close")]


class Lines:
    """Links of stdio relays.

    Args:
        house: the open store.
        latency: where answers are measured.
        desk: decides and records.
    """

    def __init__(self, house: House, latency: Latency, desk: Desk) -> None:
        self._house = house
        self._latency = latency
        self._desk = desk
        self._open: set[Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make a link of the request's connection, for as long as either end holds it."""
        try:
            holder(self._house, scope, "relay")
            headers = Headers(scope=scope)
            id, server = headers.get("x-connection", ""), headers.get("x-server", "")
            if (
                scope["path"] != PATH
                or headers.get("content-length") != "0"
                or not _CONNECTION.fullmatch(id)
                or not _SERVER.fullmatch(server)
            ):
                raise RefusedError(400, "no MCP connection, or the server's name is none")
            transport = scope[JOINED].transport
            if transport.get_extra_info("socket").family != socket.AF_UNIX:
                raise RefusedError(400, "a link that is not on a Unix socket")
            if len(self._open) >= MAX_LINKS:
                raise RefusedError(503, "too many relays")
        except RefusedError as refusal:
            await note_refused(self._house, scope, str(refusal))
            await respond_json(send, refusal.status, {"forward": False})
            return
        scope[ENDLESS] = True
        transport.pause_reading()  # from here on it is the line's to read
        line = self._line(scope, id, server)
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            line.thread.start()
            while (await receive())["type"] != "http.disconnect":
                continue
        finally:
            line.end()
            if not line.thread.is_alive():
                self._open.discard(line)

    def _line(self, scope: Scope, id: str, server: str) -> Line:
        loop = asyncio.get_running_loop()
        token, transport = token_of(scope), scope[JOINED].transport
        end = socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno()))

        def begin(client: bool, revision: str, line: bytes) -> tuple[Deployment, Steps]:
            # Asked for every line: a key that was revoked brings no more.
            deployment = held_by(self._house, token, "relay")
            connection = self._desk.connection(deployment, id, server)
            if client:
                return deployment, self._desk.client_steps(connection, line, revision)
            return deployment, self._desk.server_steps(connection, line)

        def ended() -> None:
            self._open.discard(line)
            transport.close()

        line = Line(
            self._house.gate, end, begin, loop.call_soon_threadsafe,
            refused=lambda why: self._start(note_refused(self._house, scope, why)),
            failed=lambda why: self._house.complain(f"an MCP line is not recorded: {why}"),
            took=partial(self._latency.took, "mcp"),
            ended=ended,
        )  # fmt: skip
        self._open.add(line)
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look)
        return line

    def _look(self) -> None:
        """Take over what takes too long."""
        self._timer = None
        if self._open:
            self._timer = asyncio.get_running_loop().call_later(LOOK_SECONDS, self._look)
        now = time.monotonic()
        for line in self._open:
            asked = line.asked
            if asked is not None and asked.due < now and asked.take():
                self._start(take_over(self._house.gate, asked, self._desk.take))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """End all links; what is under way is still answered."""
        if self._timer is not None:
            self._timer.cancel()
        lines = list(self._open)
        for line in lines:
            line.end()
        until = time.monotonic() + END_SECONDS
        for line in lines:
            await asyncio.to_thread(line.thread.join, max(0.0, until - time.monotonic()))
        await asyncio.gather(*self._tasks, return_exceptions=True)
