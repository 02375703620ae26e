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

from roguewatch.control.decision import Decision
from roguewatch.errors import InputError, RoguewatchError
from roguewatch.gateway.admin import admin_routes
from roguewatch.gateway.bodies import RefusedError, read_body
from roguewatch.gateway.hooks import claude_code, codex, copilot_cli, cursor, gemini_cli
from roguewatch.gateway.hooks.hook import Agent, Answer, Hook, owned
from roguewatch.gateway.house import House
from roguewatch.gateway.installed import inspected, installs
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.openapi import document
from roguewatch.gateway.protocol import JOINED, PEER, Joined
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


def bearer(scope: Scope) -> str:
    """The bearer token of a request; empty where there is none."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if scheme.casefold() == "bearer" else ""
    return ""


class Hooks:
    """`POST /hooks/{agent}`, as a plain ASGI application: an agent waits for every answer."""

    def __init__(self, house: House, latency: Latency) -> None:
        self._house = house
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Decide or observe one hook call."""
        agent = AGENTS.get(scope["path"].removeprefix(HOOKS))
        if agent is None:
            unknown = JSONResponse({"error": f"expected one of: {', '.join(AGENTS)}"}, 404)
            await unknown(scope, receive, send)
        elif scope["method"] != "POST":
            other = PlainTextResponse("Method Not Allowed", 405, {"allow": "POST"})
            await other(scope, receive, send)
        else:
            joined: Joined | None = scope.get(JOINED)
            with self._latency.measure("hook"):
                status, answer, said = await self._answer(agent, scope, receive, joined)
            if joined is None or not joined.answered():
                await _respond(send, status, answer, said)

    async def _answer(
        self, agent: Agent, scope: Scope, receive: Receive, joined: Joined | None
    ) -> tuple[int, Answer, str]:  # fmt: skip
        """The status of the response, the answer in it, and what went wrong besides."""
        query = scope["query_string"]
        named = Request(scope).query_params.get("event", "") if query else ""
        try:
            deployment = _holder(self._house, scope, "hook")
            raw = await read_body(receive, MAX_HOOK, scope)
            hook = await _understood(agent, raw, named)
            return 200, await self._decided(agent, hook, deployment, joined), ""
        except RefusedError as refusal:
            await note_refusal(self._house, Request(scope), str(refusal))
            return refusal.status, agent.refuse(named), ""
        except InputError as error:
            await note_refusal(self._house, Request(scope), str(error))
            return 200, agent.refuse(named), ""
        except Exception as error:  # nothing that goes wrong may be taken for consent
            if not isinstance(error, RoguewatchError):
                traceback.print_exc(file=sys.stderr)
            return 503, agent.refuse(named), type(error).__name__

    async def _decided(
        self, agent: Agent, hook: Hook, deployment: Deployment, joined: Joined | None
    ) -> Answer:
        gate = self._house.gate
        if hook.awaits:
            event = hook.event
            if event.kind == "config_change":
                event = inspected(event, installs(self._house.store))
            told = None
            if joined is not None and joined.direct():

                def told(decision: Decision) -> None:
                    answer = agent.answer(hook, decision)
                    joined.answer(b"200 OK", _headers(answer), answer.body)

            ruling = await gate.decide(deployment, event, can_ask=hook.can_ask, told=told)
            return agent.answer(hook, ruling.decision)
        seen = [owned(event, deployment.name) for event in (hook.event, *hook.more)]
        await gate.observe(deployment, seen)
        return Answer()


async def _understood(agent: Agent, raw: bytes, named: str) -> Hook:
    if len(raw) > LARGE:
        return await asyncio.to_thread(agent.understand, raw, named)
    return agent.understand(raw, named)


def admitted(house: House, request: Request, purpose: TokenPurpose) -> Deployment:
    """The deployment whose token the request carries.

    Raises:
        RefusedError: there is no token, or it opens nothing.
    """
    return _holder(house, request.scope, purpose)


def _holder(house: House, scope: Scope, purpose: TokenPurpose) -> Deployment:
    token = bearer(scope)
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


async def _respond(send: Send, status: int, answer: Answer, said: str) -> None:
    headers = _headers(answer)
    if said:
        headers.append((b"x-roguewatch-error", said.encode("latin-1")))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _headers(answer: Answer) -> list[tuple[bytes, bytes]]:
    headers = [
        (b"x-roguewatch-exit", b"%d" % answer.exit_status),
        (b"content-length", b"%d" % len(answer.body)),
        (b"content-type", b"application/json"),
    ]
    if answer.stderr:
        headers.append((b"x-roguewatch-stderr", answer.stderr.encode("latin-1")))
    return headers


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
