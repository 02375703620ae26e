"""Where MCP frames are decided and recorded, whichever transport brought them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator, Sequence
from typing import NamedTuple

import msgspec

from roguewatch.control.decision import NEUTRAL_STOP
from roguewatch.control.ruling import Ruling
from roguewatch.events import Event
from roguewatch.gateway.house import House
from roguewatch.gateway.mcp.connection import Connection
from roguewatch.gateway.mcp.message import (
    DENIED,
    Frame,
    FrameError,
    Id,
    check_revision,
    read_frame,
)
from roguewatch.gateway.mcp.offers import Offers
from roguewatch.gateway.mcp.param_headers import Declared
from roguewatch.gateway.mcp.record import (
    Sighted,
    frame_ids_in_flight,
    input_requests,
    input_responses,
    other_event,
    request_event,
    response_event,
)
from roguewatch.state.register import Deployment

MAX_CONNECTIONS = 8192
NOT_CLEAR = "The message is not valid."


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a frame may pass; where not, how to refuse it."""

    forward: bool
    code: int = 0
    message: str = ""
    ids: tuple[Id, ...] = ()
    batch: bool = False
    revision: str = ""
    """The revision in force on the connection after this frame."""


class Decide(NamedTuple):
    """A step: have an action decided, with what came along."""

    event: Event
    along: Sequence[Event]


class Observe(NamedTuple):
    """A step: have events recorded."""

    events: Sequence[Event]


Steps = Generator[Decide | Observe, Ruling | None, Verdict]
"""The steps of a frame. Each is to be durable before the next is asked for; the answer to a
`Decide` is its ruling."""


class Desk:
    """Decides what clients send and records what both sides send.

    Args:
        house: the open store.
    """

    def __init__(self, house: House) -> None:
        self._house = house
        self._offers = Offers(house.ledger)
        self._connections: OrderedDict[tuple[str, str], Connection] = OrderedDict()
        self._rounds: dict[tuple[str, str], OrderedDict[bytes, str]] = {}
        self._mutex = threading.Lock()

    def connection(self, deployment: Deployment, id: str, server: str) -> Connection:
        """The connection of that id, opened at its first use. Ids of one deployment cannot
        reach another's connections."""
        key = (deployment.name, id)
        with self._mutex:
            connection = self._connections.get(key)
            if connection is None:
                rounds = self._rounds.setdefault((deployment.name, server), OrderedDict())
                connection = self._connections[key] = Connection(
                    id, deployment.name, server, rounds
                )
                if len(self._connections) > MAX_CONNECTIONS:
                    self._connections.popitem(last=False)
            self._connections.move_to_end(key)
            return connection

    def rename(self, deployment: Deployment, connection: Connection, id: str) -> None:
        """Find a connection under another id from now on."""
        self._connections[deployment.name, id] = connection

    def declared(self, connection: Connection, tool: str) -> Declared:
        """The headers that a tool's schema declares (`param_headers`)."""
        return self._offers.declared(connection.deployment, connection.server, tool)

    async def client_sent(
        self, deployment: Deployment, connection: Connection, raw: bytes, negotiated: str = ""
    ) -> Verdict:
        """Decide a client's frame; durable when it returns. Never raises for what was sent.

        Args:
            deployment: whose client it is.
            connection: on which it came.
            raw: the frame's bytes.
            negotiated: the revision that the transport knows of; else the connection's.
        """
        return await self.take(deployment, self.client_steps(connection, raw, negotiated))

    async def server_sent(
        self, deployment: Deployment, connection: Connection, raw: bytes
    ) -> Verdict:
        """Record a server's frame; durable when it returns.

        Raises:
            Exception: it could not be recorded.
        """
        return await self.take(deployment, self.server_steps(connection, raw))

    async def take(
        self, deployment: Deployment, steps: Steps, ruling: Ruling | None = None
    ) -> Verdict:
        """Take the steps that are left of a frame. `ruling`: that of the last one taken."""
        gate = self._house.gate
        try:
            while True:
                step = steps.send(ruling)
                ruling = None
                if isinstance(step, Decide):
                    ruling = await gate.decide(deployment, step.event, along=step.along)
                else:
                    await gate.observe(deployment, step.events)
        except StopIteration as end:
            verdict: Verdict = end.value
            return verdict

    def client_steps(self, connection: Connection, raw: bytes, negotiated: str) -> Steps:
        """What is to be done for a client's frame, one after the other, and the verdict."""
        sighted = Sighted(connection, raw, "client")
        try:
            frame = read_frame(raw, "client")
            revision = check_revision(frame, connection.revision or negotiated)
            if frame_ids_in_flight(frame, connection, "client"):
                raise FrameError(-32600, "an id that is in use", frame.ids)
        except FrameError as error:
            yield Observe([sighted.gap("mcp_refused", str(error))])
            return _refused(error)
        refused: Verdict | None = None
        for message in frame.messages:
            along: list[Event] = []
            if message.kind == "request":
                event = request_event(sighted, connection, message, raw)
                along = input_responses(sighted, message, event.parent)
            elif message.kind == "notification":
                event = other_event(sighted, connection, message, "client")
            else:
                event, _ = response_event(sighted, connection, message, "server")
            if message.decided:
                ruling = yield Decide(event, along)
                assert ruling is not None
                if ruling.decision.outcome != "allow":
                    refused = Verdict(forward=False, code=DENIED, message=ruling.decision.told)
            else:
                yield Observe([event])
                if self._house.live_register.stopped(connection.deployment):
                    refused = Verdict(forward=False, code=DENIED, message=NEUTRAL_STOP)
        if refused is not None:
            for id in frame.ids:
                connection.answered("client", id)
            return msgspec.structs.replace(refused, ids=frame.ids, batch=frame.batch)
        return Verdict(forward=True, revision=revision or connection.revision)

    def server_steps(self, connection: Connection, raw: bytes) -> Steps:
        """The same for a server's frame."""
        sighted = Sighted(connection, raw, "server")
        try:
            frame = read_frame(raw, "server")
        except FrameError as error:
            yield Observe([sighted.gap("mcp_refused", str(error))])
            return _refused(error)
        yield Observe(self._server_events(sighted, connection, frame))
        return Verdict(forward=True, revision=connection.revision)

    def _server_events(self, sighted: Sighted, connection: Connection, frame: Frame) -> list[Event]:
        offered = []
        for message in frame.messages:
            if message.kind in ("result", "error"):
                event, pending = response_event(sighted, connection, message, "client")
                if message.kind == "result":
                    input_requests(sighted, message, event.call_id)
                    listing = pending.method == "tools/list" if pending else True
                    if listing and isinstance(message.value.get("tools"), list):
                        offered += self._offers.listed(connection, message.value)
            else:
                other_event(sighted, connection, message, "server")
        return [*sighted.events, *offered]


def _refused(error: FrameError) -> Verdict:
    return Verdict(forward=False, code=error.code, message=NOT_CLEAR, ids=error.ids)
