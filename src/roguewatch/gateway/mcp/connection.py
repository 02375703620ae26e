"""One MCP connection as the daemon follows it: what is pending, and what joins what."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import Any

import msgspec

from roguewatch.gateway.mcp.message import Direction, Id, Message, id_key

MAX_PENDING = 4096
MAX_ROUNDS = 1024


class Pending(msgspec.Struct, frozen=True):
    """A request that waits for its response."""

    method: str
    tool: str
    call_id: str


class Connection:
    """The state of one connection. Record keys are (connection, direction, id).

    Args:
        id: unique among all connections of the store.
        deployment: whose it is.
        server: the configured name of the server, never its own account of itself.
        rounds: calls that wait for input, by the digest of their state; shared by the
            connections to a server where every request is one of its own.
    """

    def __init__(
        self,
        id: str,
        deployment: str,
        server: str,
        rounds: OrderedDict[bytes, str] | None = None,
    ) -> None:
        self.id = id
        self.deployment = deployment
        self.server = server
        self.revision = ""
        self.ordinal = 0
        self._pending: OrderedDict[tuple[Direction, str], Pending] = OrderedDict()
        self._rounds: OrderedDict[bytes, str] = OrderedDict() if rounds is None else rounds

    @property
    def session(self) -> str:
        """The session that its events belong to."""
        return f"mcp:{self.id}"

    def call_id(self, asker: Direction, id: Id) -> str:
        """The record's key of a request: also known for a response whose request is not."""
        return f"{self.id}:{asker}:{id_key(id)}"

    def tool(self, message: Message) -> str:
        """The name that a policy sees, spelled as agents spell MCP tools."""
        name = message.params.get("name") if message.method == "tools/call" else None
        return f"mcp__{self.server}__{name if isinstance(name, str) else message.method}"

    def in_flight(self, asker: Direction, id: Id) -> bool:
        """Whether a request with this id waits for its response."""
        return (asker, id_key(id)) in self._pending

    def asked(self, asker: Direction, message: Message) -> Pending:
        """Note a request."""
        pending = Pending(message.method, self.tool(message), self.call_id(asker, message.id))
        self._pending[asker, id_key(message.id)] = pending
        if len(self._pending) > MAX_PENDING:
            self._pending.popitem(last=False)
        return pending

    def answered(self, asker: Direction, id: Id) -> Pending | None:
        """The request that a response answers; None where it was never seen."""
        return self._pending.pop((asker, id_key(id)), None)

    def negotiate(self, message: Message, pending: Pending | None) -> None:
        """Take the revision from the result of a handshake."""
        version = message.value.get("protocolVersion")
        if pending is not None and pending.method == "initialize" and isinstance(version, str):
            self.revision = version

    def waits(self, state: Any, call_id: str) -> None:
        """A call's result asks for input; the next round will carry `state`."""
        if isinstance(state, str):
            self._rounds[sha256(state.encode("utf-8", "surrogatepass")).digest()] = call_id
            if len(self._rounds) > MAX_ROUNDS:
                self._rounds.popitem(last=False)

    def round_of(self, state: Any) -> str:
        """The call id of the round that a request continues; empty where it continues none."""
        if not isinstance(state, str):
            return ""
        return self._rounds.get(sha256(state.encode("utf-8", "surrogatepass")).digest(), "")
