"""The model relay: decides a request, records it, passes it on, and reads the answer along.

The agent's key is one of ours; the provider's key never leaves the daemon's memory except
to the provider. A request is durable before it is forwarded. A response passes byte for
byte as it arrives, save that its last piece is held until what came is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
from starlette.types import Receive, Scope, Send

from roguewatch.errors import InputError
from roguewatch.events import Event
from roguewatch.gateway.bodies import RefusedError
from roguewatch.gateway.carried import holder, note_refused, read_body, respond
from roguewatch.gateway.house import House
from roguewatch.gateway.http_client import Response, UpstreamError
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.models import beginnings, rehearsal
from roguewatch.gateway.models.beginnings import Beginning, Beginnings, Told
from roguewatch.gateway.models.exchange import Exchange
from roguewatch.gateway.models.history import Sessions
from roguewatch.gateway.models.items import Answer, Question, Reading
from roguewatch.gateway.models.providers import SESSION, SESSION_HEADERS, Provider
from roguewatch.gateway.models.secrecy import Secrets
from roguewatch.gateway.models.tee import LARGE, Headed, Record, Tee
from roguewatch.gateway.protocol import JOINED
from roguewatch.gateway.strict import AmbiguousError
from roguewatch.gateway.upstream import VIA, Decoding, Upstream, back, onward, safe_path
from roguewatch.state.register import Deployment

_UNNAMED = frozenset(SESSION_HEADERS).isdisjoint
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PREFIX = "/v1"


class Refusal(RefusedError):  # noqa: N818 - it is one
    """A refusal with the provider's word for its kind."""

    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(status, reason)
        self.kind = kind


class ModelRelay:
    """`/{provider}/v1/…`.

    Args:
        house: the open store.
        latency: where answers are measured.
        provider: whose protocol is spoken.
        base: the provider's address, with its version.
        key: the provider's key; empty where it needs none.
        secrets: every key that must not be seen.
        upstream: the connections.
        sessions: shared by all providers of one daemon.
    """

    def __init__(
        self,
        house: House,
        latency: Latency,
        provider: Provider,
        base: str,
        key: str,
        secrets: Secrets,
        upstream: Upstream,
    ) -> None:
        self._house = house
        self._latency = latency
        self._provider = provider
        self._base = base
        self._key = key
        self._secrets = secrets
        self._upstream = upstream
        self._sessions = Sessions()
        self._beginnings = Beginnings()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Relay one request."""
        provider = self._provider
        try:
            deployment = holder(self._house, scope, "relay")
            path = self._path(scope)
            body = await read_body(receive, scope=scope)
            exchange = await self._understood(scope, deployment, path, body)
            if exchange.question is not None and exchange.question.model in self._house.rehearsals:
                await self._rehearse(scope, receive, send, deployment, exchange, body)
                return
            await self._admit(scope, deployment, exchange, body)
        except Refusal as refusal:
            await respond(send, refusal.status, provider.error(refusal.kind, str(refusal)))
            return
        except RefusedError as refusal:
            await note_refused(self._house, scope, str(refusal))
            kind = "authentication_error" if refusal.status == 401 else "invalid_request_error"
            await respond(send, refusal.status, provider.error(kind, "The request is refused."))
            return
        await self._forward(scope, receive, send, deployment, exchange, body)

    def _path(self, scope: Scope) -> str:
        prefix = f"/{self._provider.name}{PREFIX}"
        raw: bytes = scope.get("raw_path") or scope["path"].encode()
        path = raw.split(b"?", 1)[0].decode("latin-1").removeprefix(prefix)
        if not safe_path(path):
            raise RefusedError(400, "a path that could lead elsewhere")
        for name, value in scope["headers"]:
            if name == b"via" and VIA in value.decode("latin-1"):
                raise RefusedError(508, "the relay would lead to itself")
        return path.rstrip("/")

    async def _understood(
        self, scope: Scope, deployment: Deployment, path: str, body: bytes
    ) -> Exchange:
        """The exchange, with its request understood where its endpoint is one that is read."""
        reading = self._reading(scope, path)
        headers: dict[bytes, bytes] = dict(reversed(scope["headers"]))  # the first of each name
        header = "" if _UNNAMED(headers) else _session(headers)
        told: Told | None = None
        if reading is not None:
            coding = headers.get(b"content-encoding", b"").decode("latin-1")
            began = self._beginnings.of((deployment.name, self._provider.name, path))
            told = await _read(reading, body, coding, began)
            if told.known and not self._seen(deployment, told, header):
                told = await _read(reading, body, coding, ())
        session = self._named(deployment, told, header)
        return Exchange(deployment.name, self._provider.name, path, session, told)

    def _named(self, deployment: Deployment, told: Told | None, header: str) -> tuple[str, str]:
        question = told.question if told else Question()
        begun = told.known.name if told and told.known else ""
        return self._sessions.name(deployment.name, question, header, begun)

    def _seen(self, deployment: Deployment, told: Told, header: str) -> bool:
        """Whether what is known of a history is recorded in the session that it is told in."""
        assert told.known is not None
        name, _ = self._named(deployment, told, header)
        return told.known.seen(self._sessions.open(deployment.name, name))

    def _reading(self, scope: Scope, path: str) -> Reading | None:
        return self._provider.endpoints.get(path) if scope["method"] == "POST" else None

    async def _admit(
        self, scope: Scope, deployment: Deployment, exchange: Exchange, body: bytes
    ) -> None:
        """Decide the request; it and what is new in it are durable when this returns.

        Raises:
            Refusal: it is not allowed, or not recorded.
        """
        with self._latency.measure("model"):
            *along, asked = self._asked(scope, deployment, exchange, body)
            ruling = await self._house.gate.decide(deployment, asked, along=along)
        if exchange.told is not None:
            session = self._sessions.open(deployment.name, exchange.session)
            if not ruling.recorded:
                exchange.unrecorded(session)
            elif (begun := exchange.recorded(session)) is not None:
                place = (deployment.name, self._provider.name, exchange.path)
                self._beginnings.keep(place, begun, exchange.told.known)
        if ruling.decision.outcome != "allow":
            raise Refusal(403, "permission_error", ruling.decision.told)

    def _asked(
        self, scope: Scope, deployment: Deployment, exchange: Exchange, body: bytes
    ) -> list[Event]:
        """The events of a request: what is new in its history, then the request itself."""
        query = scope.get("query_string", b"").decode("latin-1")
        asked = exchange.request_event(scope["method"], body, query)
        events = []
        if exchange.question is not None:
            session = self._sessions.open(deployment.name, exchange.session)
            events = exchange.history_events(session)
        return [self._secrets.scrub(event) for event in (*events, asked)]

    async def _rehearse(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        deployment: Deployment,
        exchange: Exchange,
        body: bytes,
    ) -> None:
        """Answer a canary: on the way of every request, but past the policy, which may know
        only some models, and past the provider."""
        assert exchange.question is not None
        canary = exchange.question.model
        self._house.rehearsals.discard(canary)
        await self._house.gate.observe(deployment, self._asked(scope, deployment, exchange, body))
        response = Response(None)
        response.status = 200
        response.raw_headers = [(b"content-type", b"application/json")]
        response.put(rehearsal.answer(self._provider.name, canary))
        response.end(None)
        tee = Tee(response, self._reading(scope, exchange.path), self._secrets)
        await tee.run(receive, send, response.raw_headers, self._recorder(deployment, exchange))

    async def _forward(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        deployment: Deployment,
        exchange: Exchange,
        body: bytes,
    ) -> None:
        query = scope.get("query_string", b"").decode("latin-1")
        path = exchange.path + (f"?{query}" if query else "")
        headers = onward(scope["headers"], self._provider.credentials(self._key))
        record = self._recorder(deployment, exchange)
        try:
            response = await self._upstream.send(scope["method"], self._base, path, headers, body)
        except UpstreamError as error:
            await record(502, None, b"", [], f"no answer from upstream: {error}")
            message = "The provider cannot be reached."
            await respond(send, 502, self._provider.error("api_error", message))
            return
        async with response:
            if 300 <= response.status < 400:
                await record(response.status, None, b"", [], "a redirect, which is not followed")
                message = "The provider answered with a redirect."
                await respond(send, 502, self._provider.error("api_error", message))
                return
            reading = self._reading(scope, exchange.path)
            tee = Tee(response, reading, self._secrets, scope.get(JOINED))
            sent = back(response, self._secrets.header)
            await tee.run(receive, send, sent, record)

    def _recorder(self, deployment: Deployment, exchange: Exchange) -> Record:
        async def record(
            status: int,
            answer: Answer | None,
            raw: bytes,
            headers: Headed,
            cut: str,
            told: Callable[[], None] | None = None,
        ) -> None:
            session = None
            if exchange.question is not None:
                session = self._sessions.open(deployment.name, exchange.session)
            if answer is not None:
                self._sessions.answered(deployment.name, answer.id, exchange.session)
            events = exchange.response_events(session, status, answer, raw, headers, cut)
            try:
                scrubbed = [self._secrets.scrub(event) for event in events]
                await self._house.gate.observe(deployment, scrubbed, told)
            except BaseException:
                if session is not None:
                    exchange.unrecorded(session)
                raise

        return record


def _session(headers: Mapping[bytes, bytes]) -> str:
    """The session that a request's headers name; empty where they name none."""
    named = next(headers[name] for name in SESSION_HEADERS if name in headers).decode("latin-1")
    return named if SESSION.fullmatch(named) else ""


async def _read(
    reading: Reading, body: bytes, coding: str, began: Sequence[Beginning]
) -> Told:  # fmt: skip
    """A request's body, understood.

    Raises:
        RefusedError: it cannot be.
    """

    def read() -> Told:
        return beginnings.read(reading, Decoding(coding).decode(body), began)

    try:
        return await asyncio.to_thread(read) if len(body) > LARGE else read()
    except (AmbiguousError, InputError) as error:
        raise RefusedError(400, str(error)) from error


def key_file(text: str) -> dict[str, str]:
    """Keys from a file: lines of NAME=VALUE, or a JSON object.

    Raises:
        InputError: it is neither.
    """
    if text.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(text, type=dict[str, str])
        except msgspec.DecodeError as error:
            raise InputError("the file of keys is no JSON object of strings") from error
    keys = {}
    for number, line in enumerate(text.splitlines(), 1):
        name, found, value = line.strip().removeprefix("export ").partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not found:
            raise InputError(f"line {number} of the file of keys is not NAME=VALUE")
        keys[name.strip()] = value.strip().strip("\"'")
    return keys
