"""The gate's HTTP surface: hooks in, answers out, each after its record is durable."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

import msgspec
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from roguewatch.errors import InputError
from roguewatch.events import Event, Origin, event_id
from roguewatch.gateway.hooks import claude_code, codex, copilot_cli, cursor, gemini_cli
from roguewatch.gateway.hooks.hook import Agent, Answer
from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.state.register import Deployment, TokenPurpose

AGENTS: dict[str, Agent] = {
    module.agent.name: module.agent
    for module in (claude_code, codex, gemini_cli, cursor, copilot_cli)
}

MAX_BODY = 64 << 20


class RefusedError(Exception):
    """A request is refused before anything is decided; it is recorded all the same."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def body_of(request: Request, most: int = MAX_BODY) -> bytes:
    """The request's body.

    Raises:
        RefusedError: it is larger than `most`, or was cut off.
    """
    pieces, size = [], 0
    try:
        async for piece in request.stream():
            size += len(piece)
            if size > most:
                raise RefusedError(413, f"the body is larger than {most} bytes")
            pieces.append(piece)
    except ClientDisconnect as error:
        raise RefusedError(400, "the request was cut off") from error
    return b"".join(pieces)


def bearer(request: Request) -> str:
    """The bearer token of a request; empty where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else ""


class Hooks:
    """`POST /hooks/{agent}`."""

    def __init__(self, house: House, latency: Latency) -> None:
        self._house = house
        self._latency = latency

    async def answer(self, request: Request) -> Response:
        """Decide or observe one hook call."""
        agent = AGENTS.get(request.path_params["agent"])
        if agent is None:
            return JSONResponse({"error": f"expected one of: {', '.join(AGENTS)}"}, 404)
        named = request.query_params.get("event", "")
        with self._latency.measure("hook"):
            try:
                deployment = admitted(self._house, request, "hook")
                raw = await body_of(request)
                hook = agent.understand(raw)
            except RefusedError as refusal:
                await note_refusal(self._house, request, str(refusal))
                return _response(agent.refuse(named), refusal.status)
            except InputError as error:
                await note_refusal(self._house, request, str(error))
                return _response(agent.refuse(named), 200)
            if not hook.awaits:
                try:
                    await self._house.gate.observe(deployment, [hook.event])
                except Exception as error:  # unrecorded: the agent's client must hear of it
                    return _response(agent.refuse(hook.name), 503, type(error).__name__)
                return _response(Answer())
            ruling = await self._house.gate.decide(deployment, hook.event, can_ask=hook.can_ask)
            return _response(agent.answer(hook, ruling.decision))


def admitted(house: House, request: Request, purpose: TokenPurpose) -> Deployment:
    """The deployment whose token the request carries.

    Raises:
        RefusedError: there is no token, or it opens nothing.
    """
    token = bearer(request)
    deployment = house.live_register.holder(token, purpose) if token else None
    if deployment is None:
        raise RefusedError(401, "no token" if not token else "a token that opens nothing")
    return deployment


async def note_refusal(house: House, request: Request, reason: str) -> None:
    """Record a refused request. A record that fails changes nothing: it is refused anyway."""
    event = refusal_event(str(request.url.path), reason, str(request.client or ""))
    with contextlib.suppress(Exception):
        await house.record([event])


def refusal_event(path: str, reason: str, client: str) -> Event:
    """A refused request as an event."""
    now = time.time_ns()
    return Event(
        id=event_id("gate", "refusal", now, path, client),
        session="roguewatch-gate",
        seq=now // 1000,
        kind="decision",
        surface="roguewatch",
        sighting="hook",
        time=now,
        text="refused",
        detail=msgspec.json.encode(
            {"path": path[:500], "reason": reason[:500], "client": client[:200]}
        ).decode(),
        origin=Origin(file="gate", offset=0),
    )


def _response(answer: Answer, status: int = 200, said: str = "") -> Response:
    headers = {"x-roguewatch-exit": str(answer.exit_status)}
    if answer.stderr:
        headers["x-roguewatch-stderr"] = answer.stderr
    if said:
        headers["x-roguewatch-error"] = said
    return Response(answer.body, status, headers, "application/json")


def application(house: House, latency: Latency, more: Sequence[BaseRoute] = ()) -> Starlette:
    """The gate's whole HTTP surface; `more` are the relays' and the receiver's routes."""
    return Starlette(
        routes=[Route("/hooks/{agent}", Hooks(house, latency).answer, methods=["POST"]), *more]
    )
