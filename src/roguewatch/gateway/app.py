"""The gate's HTTP surface: hooks in, answers out, each after its record is durable."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from roguewatch.errors import InputError, RoguewatchError
from roguewatch.gateway.admin import admin_routes
from roguewatch.gateway.bodies import RefusedError, read_body
from roguewatch.gateway.hooks import claude_code, codex, copilot_cli, cursor, gemini_cli
from roguewatch.gateway.hooks.hook import Agent, Answer, Hook, owned
from roguewatch.gateway.house import House
from roguewatch.gateway.installed import inspected, installs
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.openapi import document
from roguewatch.gateway.protocol import PEER
from roguewatch.gateway.refusals import refusal_event as refusal_event
from roguewatch.state.register import Deployment, TokenPurpose

AGENTS: dict[str, Agent] = {
    module.agent.name: module.agent
    for module in (claude_code, codex, gemini_cli, cursor, copilot_cli)
}

HOOKS = "/hooks/"
MAX_HOOK = 16 << 20
"""What one tool call and its result may weigh; the transcript has what is longer."""

LARGE = 256 << 10
"""A body above this is decoded in a thread, so that it holds up nobody else."""


def bearer(request: Request) -> str:
    """The bearer token of a request; empty where there is none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.casefold() == "bearer" else ""


class Hooks:
    """`POST /hooks/{agent}`, as a plain ASGI application: an agent waits for every answer."""

    def __init__(self, house: House, latency: Latency) -> None:
        self._house = house
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide or observe one hook call."""
        request = Request(scope, receive)
        response = await self._response(request)
        await response(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        agent = AGENTS.get(request.scope["path"].removeprefix(HOOKS))
        if agent is None:
            return JSONResponse({"error": f"expected one of: {', '.join(AGENTS)}"}, 404)
        if request.method != "POST":
            return PlainTextResponse("Method Not Allowed", 405, {"allow": "POST"})
        named = request.query_params.get("event", "")
        with self._latency.measure("hook"):
            try:
                deployment = admitted(self._house, request, "hook")
                raw = await read_body(request.receive, MAX_HOOK)
                hook = await _understood(agent, raw, named)
                return await self._answer(agent, hook, deployment)
            except RefusedError as refusal:
                await note_refusal(self._house, request, str(refusal))
                return _response(agent.refuse(named), refusal.status)
            except InputError as error:
                await note_refusal(self._house, request, str(error))
                return _response(agent.refuse(named))
            except Exception as error:  # nothing that goes wrong may be taken for consent
                if not isinstance(error, RoguewatchError):
                    traceback.print_exc(file=sys.stderr)
                return _response(agent.refuse(named), 503, type(error).__name__)

    async def _answer(self, agent: Agent, hook: Hook, deployment: Deployment) -> Response:
        gate = self._house.gate
        if hook.awaits:
            event = hook.event
            if event.kind == "config_change":
                event = inspected(event, installs(self._house.store))
            ruling = await gate.decide(deployment, event, can_ask=hook.can_ask)
            return _response(agent.answer(hook, ruling.decision))
        seen = [owned(event, deployment.name) for event in (hook.event, *hook.more)]
        await gate.observe(deployment, seen)
        return _response(Answer())


async def _understood(agent: Agent, raw: bytes, named: str) -> Hook:
    if len(raw) > LARGE:
        return await asyncio.to_thread(agent.understand, raw, named)
    return agent.understand(raw, named)


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
    peer = request.scope.get(PEER)
    client = f"pid {peer.pid} uid {peer.uid}" if peer else str(request.client or "")
    events = house.refusals.note(str(request.url.path), reason, client)
    if events:
        with contextlib.suppress(Exception):
            await house.record(events)


def _response(answer: Answer, status: int = 200, said: str = "") -> Response:
    headers = {"x-roguewatch-exit": str(answer.exit_status)}
    if answer.stderr:
        headers["x-roguewatch-stderr"] = answer.stderr
    if said:
        headers["x-roguewatch-error"] = said
    return Response(answer.body, status, headers, "application/json")


def application(
    house: House,
    latency: Latency,
    more: Sequence[BaseRoute] = (),
    straight: Mapping[str, ASGIApp] = {},
) -> ASGIApp:
    """The gate's whole HTTP surface.

    Args:
        house: the open store.
        latency: where answers are measured.
        more: the receiver's routes and others of the daemon.
        straight: the relays' applications by the first part of their paths: a call waits
            for each, so they are reached as the hooks are, past the router and its
            middleware. They answer every method and path below it themselves.
    """
    hooks = Hooks(house, latency)

    async def described(request: Request) -> Response:
        return JSONResponse(document(list(AGENTS)))

    others = Starlette(
        routes=[
            Route("/openapi.json", described, methods=["GET"]),
            *admin_routes(house, latency),
            *more,
        ]
    )

    first: dict[str, ASGIApp] = {HOOKS.strip("/"): hooks, **straight}

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        place = scope["path"].split("/", 2)[1:2] if scope["type"] == "http" else []
        await first.get("".join(place), others)(scope, receive, send)

    return routed
