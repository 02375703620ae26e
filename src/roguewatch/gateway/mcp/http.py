"""The streamable HTTP relay: `/mcp/NAME` leads to the configured server of that name.

Every request is decided and recorded before it is passed on. Of an event stream, each
event is passed on when it is durable, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from os import urandom

import msgspec
from starlette.types import Receive, Scope, Send

from roguewatch.errors import InputError
from roguewatch.events import Event
from roguewatch.gateway.bodies import RefusedError
from roguewatch.gateway.carried import holder, note_refused, read_body, respond, respond_json
from roguewatch.gateway.house import House
from roguewatch.gateway.http_client import Response, UpstreamError
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.mcp.connection import Connection
from roguewatch.gateway.mcp.desk import NOT_CLEAR, Desk
from roguewatch.gateway.mcp.headers import SESSION, check_headers, routing_headers
from roguewatch.gateway.mcp.message import (
    DENIED,
    HEADER_MISMATCH,
    FrameError,
    error_answer,
    read_frame,
)
from roguewatch.gateway.mcp.param_headers import check_params
from roguewatch.gateway.mcp.record import Sighted
from roguewatch.gateway.sse import Events
from roguewatch.gateway.upstream import Upstream, back, checked_base, onward
from roguewatch.state.register import Deployment

MAX_BODY = 16 << 20
MAX_ANSWER = 64 << 20
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
PREFIX = "/mcp/"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LOOPBACK = re.compile(r"https?://(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")


class Server(msgspec.Struct, frozen=True):
    """A configured server."""

    name: str
    url: str
    authorization: str
    """What it wants in `Authorization`; empty where nothing."""


def checked_servers(servers: Mapping[str, str], keys: Mapping[str, str]) -> dict[str, Server]:
    """The configured servers.

    Raises:
        InputError: a name or an address cannot be used.
    """
    checked = {}
    for name, url in servers.items():
        if not _NAME.fullmatch(name) or "__" in name:
            raise InputError(f"--mcp {name!r}: expected NAME=URL, the name of letters and digits")
        authorization = keys.get(f"MCP_{name.upper()}", "")
        # A trailing slash is part of a server's address, unlike that of a base.
        end = "/" if url.endswith("/") else ""
        checked[name] = Server(name, checked_base(url) + end, authorization)
    return checked


class HttpRelay:
    """`/mcp/{name}`.

    Args:
        house: the open store.
        latency: where answers are measured.
        desk: decides and records.
        servers: by name.
        upstream: the connections.
    """

    def __init__(
        self,
        house: House,
        latency: Latency,
        desk: Desk,
        servers: Mapping[str, Server],
        upstream: Upstream,
    ) -> None:
        self._house = house
        self._latency = latency
        self._desk = desk
        self._servers = servers
        self._upstream = upstream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Relay one HTTP request."""
        try:
            deployment = holder(self._house, scope, "relay")
            server = self._servers.get(scope["path"].removeprefix(PREFIX))
            if server is None:
                raise RefusedError(404, "no MCP server of that name")
            headers = routing_headers(scope["headers"])
            if not _LOOPBACK.fullmatch(headers.get("origin", "http://localhost")):
                raise RefusedError(403, "a request of a web page elsewhere")
            if headers.get("content-encoding", "identity") != "identity":
                raise RefusedError(415, "a body in a content coding")
            body = await read_body(receive, MAX_BODY)
        except RefusedError as refusal:
            await note_refused(self._house, scope, str(refusal))
            await respond_json(send, refusal.status, {"error": "The request is refused."})
            return
        except FrameError as error:
            await note_refused(self._house, scope, str(error))
            await respond(send, 400, error_answer((), error.code, NOT_CLEAR))
            return
        connection = self._connection(deployment, server, headers.get(SESSION, ""))
        if await self._passes(scope, send, deployment, connection, headers, body):
            await self._forward(scope, send, deployment, server, connection, body)

    def _connection(self, deployment: Deployment, server: Server, session: str) -> Connection:
        """Of the session; without one, every request is a connection of its own."""
        id = _session_id(deployment, server, session) if session else urandom(16).hex()
        return self._desk.connection(deployment, id, server.name)

    async def _passes(
        self,
        scope: Scope,
        send: Send,
        deployment: Deployment,
        connection: Connection,
        headers: dict[str, str],
        body: bytes,
    ) -> bool:
        """Decide and record a request; answers it where it may not pass."""
        try:
            if scope["method"] != "POST":
                sighted = Sighted(connection, body, "client")
                sighted.tell("other", {"http": scope["method"]}, text=f"HTTP {scope['method']}")
                await self._house.gate.observe(deployment, sighted.events)
                if not self._house.live_register.stopped(deployment.name):
                    return True
                await respond_json(send, 403, {"error": "This deployment has been stopped."})
                return False
            with self._latency.measure("mcp"):
                try:
                    frame = read_frame(body, "client")
                    revision = check_headers(headers, frame)
                    check_params(headers, frame, revision, partial(self._desk.declared, connection))
                except FrameError as error:
                    if error.code == HEADER_MISMATCH or error.ids:
                        await self._refused(deployment, connection, body, error)
                        await respond(send, 400, error_answer(error.ids, error.code, NOT_CLEAR))
                        return False
                    revision = ""  # the desk refuses and records it
                verdict = await self._desk.client_sent(deployment, connection, body, revision)
        except Exception as error:  # unrecorded: it must not pass
            self._house.complain(f"an MCP request is not recorded: {type(error).__name__}")
            await respond(send, 503, error_answer((), DENIED, "The request is refused."))
            return False
        if verdict.forward:
            return True
        status = 200 if verdict.code == DENIED else 400
        if verdict.code == DENIED and not verdict.ids:
            await respond(send, 202, b"")
            return False
        answer = error_answer(verdict.ids, verdict.code, verdict.message, verdict.batch)
        await respond(send, status, answer)
        return False

    async def _refused(
        self, deployment: Deployment, connection: Connection, body: bytes, error: FrameError
    ) -> None:
        sighted = Sighted(connection, body, "client")
        sighted.gap("mcp_refused", str(error))
        await self._house.gate.observe(deployment, sighted.events)

    async def _forward(
        self,
        scope: Scope,
        send: Send,
        deployment: Deployment,
        server: Server,
        connection: Connection,
        body: bytes,
    ) -> None:
        given = {"authorization": server.authorization} if server.authorization else {}
        headers = onward(scope["headers"], given)
        try:
            response = await self._upstream.send(scope["method"], server.url, "", headers, body)
        except UpstreamError as error:
            await self._note_gap(deployment, connection, b"", f"no answer: {error}")
            await respond_json(send, 502, {"error": "The server cannot be reached."})
            return
        async with response:
            status = response.status
            if 300 <= status < 400 or status in (401, 407):
                # A redirect, or a quarrel about the relay's own credentials.
                await self._note_gap(deployment, connection, b"", f"upstream status {status}")
                await respond_json(send, 502, {"error": "The server cannot be used."})
                return
            session = response.header(b"mcp-session-id")
            if session:
                id = _session_id(deployment, server, session)
                self._desk.rename(deployment, connection, id)
            answer = Answering(self._house, self._desk, deployment, connection, response)
            await answer.run(send)

    async def _note_gap(
        self, deployment: Deployment, connection: Connection, raw: bytes, reason: str
    ) -> None:
        sighted = Sighted(connection, raw, "server")
        sighted.gap("mcp_upstream", reason)
        await self._house.gate.observe(deployment, sighted.events)


class Answering:
    """A server's answer on its way to the client."""

    def __init__(
        self,
        house: House,
        desk: Desk,
        deployment: Deployment,
        connection: Connection,
        response: Response,
    ) -> None:
        self._house = house
        self._desk = desk
        self._deployment = deployment
        self._connection = connection
        self._response = response

    async def run(self, send: Send) -> None:
        """Record and pass on."""
        kind = self._response.header(b"content-type").casefold()
        if "text/event-stream" in kind:
            await self._stream(send)
            return
        pieces, size = [], 0
        try:
            while size <= MAX_ANSWER and (piece := await self._response.piece()):
                pieces.append(piece)
                size += len(piece)
        except UpstreamError:
            await self._gap(b"", "the answer was cut")
            await respond_json(send, 502, {"error": "The server's answer was cut."})
            return
        body = b"".join(pieces)
        if not body:
            await self._respond(send, b"")
        elif len(body) > MAX_ANSWER or not await self._recorded(body):
            await respond(send, 502, error_answer((), -32600, "The answer is not valid."))
        else:
            await self._respond(send, body)

    async def _stream(self, send: Send) -> None:
        """Event by event: what is durable goes on, together with the bytes around it."""
        start = {
            "type": "http.response.start",
            "status": self._response.status,
            "headers": back(self._response, str),
        }
        await send(start)
        events, rest, searched = Events(), bytearray(), 0
        try:
            async for piece in self._response.pieces():
                rest += piece
                # An end may have begun with the last three bytes searched before.
                ends = [one.end() for one in _EVENT_END.finditer(rest, max(0, searched - 3))]
                if not ends:
                    searched = len(rest)
                    if len(rest) > MAX_ANSWER:
                        await self._gap(b"", "an event without end")
                        return
                    continue
                whole = bytes(rest[: ends[-1]])
                del rest[: ends[-1]]
                searched = len(rest)
                for _, data in events.feed(whole):
                    if data and not await self._recorded(data):
                        return  # uvicorn closes the connection: the answer is not whole
                await send({"type": "http.response.body", "body": whole, "more_body": True})
        except UpstreamError as error:
            await self._gap(bytes(rest), f"the stream was cut: {error}")
            return
        if rest.strip():
            await self._gap(bytes(rest), "an event without end")
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _recorded(self, raw: bytes) -> bool:
        try:
            verdict = await self._desk.server_sent(self._deployment, self._connection, raw)
        except Exception as error:  # unrecorded: it must not pass
            self._house.complain(f"an MCP answer is not recorded: {type(error).__name__}")
            return False
        return verdict.forward

    async def _gap(self, raw: bytes, reason: str) -> None:
        sighted = Sighted(self._connection, raw, "server")
        events: list[Event] = [sighted.gap("mcp_upstream", reason)]
        await self._house.gate.observe(self._deployment, events)

    async def _respond(self, send: Send, body: bytes) -> None:
        headers = [*back(self._response, str), (b"content-length", str(len(body)).encode())]
        start = {"type": "http.response.start", "status": self._response.status}
        await send({**start, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _session_id(deployment: Deployment, server: Server, session: str) -> str:
    """The connection's id of a session: the session's own id would open it to who reads it."""
    named = f"{deployment.name}\0{server.name}\0{session}".encode("utf-8", "replace")
    return sha256(named).hexdigest()[:32]
