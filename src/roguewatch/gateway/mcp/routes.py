"""Where the stdio relay's process asks the daemon: `POST /mcp-relay/client` and `/server`.

The body is one line just as it was sent; headers say on which connection. The answer says
whether the line may pass, and where not, how to refuse it. Internal: the relay and the
daemon are of one version.
"""

from __future__ import annotations

import re

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from roguewatch.gateway.bodies import RefusedError
from roguewatch.gateway.carried import holder, note_refused, read_body, respond_json
from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.mcp.desk import Desk

MAX_LINE = 64 << 20
SIDES = ("/mcp-relay/client", "/mcp-relay/server")
_CONNECTION = re.compile(r"[0-9a-f]{32}")
_SERVER = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Lines:
    """Lines of stdio connections."""

    def __init__(self, house: House, latency: Latency, desk: Desk) -> None:
        self._house = house
        self._latency = latency
        self._desk = desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide or record one line."""
        with self._latency.measure("mcp"):
            try:
                deployment = holder(self._house, scope, "relay")
                raw = await read_body(receive, MAX_LINE)
                headers = Headers(scope=scope)
                side = scope["path"].rpartition("/")[2]
                id, server = headers.get("x-connection", ""), headers.get("x-server", "")
                if not _CONNECTION.fullmatch(id) or not _SERVER.fullmatch(server):
                    raise RefusedError(400, "no connection or server was named")
                if scope["path"] not in SIDES:
                    raise RefusedError(404, "lines are of the client or the server")
            except RefusedError as refusal:
                await note_refused(self._house, scope, str(refusal))
                await respond_json(send, refusal.status, {"forward": False})
                return
            connection = self._desk.connection(deployment, id, server)
            try:
                if side == "client":
                    verdict = await self._desk.client_sent(
                        deployment, connection, raw, headers.get("x-revision", "")
                    )
                else:
                    verdict = await self._desk.server_sent(deployment, connection, raw)
            except Exception as error:  # unrecorded: the relay must not pass it
                self._house.complain(f"an MCP line is not recorded: {type(error).__name__}")
                await respond_json(send, 503, {"forward": False})
                return
            await respond_json(send, 200, verdict)
