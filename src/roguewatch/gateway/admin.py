"""What people and their command line ask of the gate: health, status, reload, approvals.

None of it is for agents. `/health` says only whether the gate is well. Everything else is
answered on the socket `gate.sock`, to the user that runs the gate or root as the kernel
names them (SO_PEERCRED), or over loopback to whoever holds the admin token, a file that
only that user can read. The socket for agents, `agent.sock`, never answers it.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from roguewatch.errors import RoguewatchError
from roguewatch.gateway.bodies import RefusedError, read_body
from roguewatch.gateway.consents import Consented, approval_event
from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.places import ADMIN_SOCKET, ADMIN_TOKEN
from roguewatch.gateway.protocol import PEER
from roguewatch.printable import printable

MAX_ADMIN_BODY = 64 << 10


def make_admin_token(store: Path) -> str:
    """A new admin token, in `STORE/admin.token`, mode 0600; the last one is void."""
    token = f"rw-admin-{secrets.token_urlsafe(32)}"
    path = store / ADMIN_TOKEN
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(handle, token.encode())
    finally:
        os.close(handle)
    return token


def is_admin(request: Request, token: str) -> bool:
    """Whether the request comes from the gate's own user over the admin socket, or has the
    admin token."""
    peer = request.scope.get(PEER)
    if peer is not None:
        return peer.socket == ADMIN_SOCKET and peer.uid in (0, os.getuid())
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


class Admin:
    """The admin verbs."""

    def __init__(self, house: House, latency: Latency) -> None:
        self._house = house
        self._latency = latency

    async def health(self, request: Request) -> Response:
        """Whether the gate decides, without any detail."""
        well = self._house.well()
        return JSONResponse({"status": "ok" if well else "degraded"}, 200 if well else 503)

    async def status(self, request: Request) -> Response:
        """Deployments, sources, decisions, latency, complaints."""
        if refused := self._refused(request):
            return refused
        latency = {
            kind: {"count": count, **self._latency.percentiles(kind)}
            for kind, count in self._latency.counts.items()
        }
        body = {**self._house.status(), "latency_ms": latency}
        return Response(msgspec.json.encode(body), media_type="application/json")

    async def reload(self, request: Request) -> Response:
        """Read rules and policies anew."""
        if refused := self._refused(request):
            return refused
        said = await self._house.reload()
        return JSONResponse({"reloaded": not said, "refused": said}, 200 if not said else 409)

    async def approve(self, request: Request) -> Response:
        """A person's answer to a question of the queue, recorded."""
        if refused := self._refused(request):
            return refused
        try:
            raw = await read_body(request.receive, MAX_ADMIN_BODY)
            given = msgspec.json.decode(raw, type=Consented)
            # The passphrase's verifier takes its time, by intent: not on the loop.
            approval = await asyncio.to_thread(
                self._house.approvals.answer, given.id, given.name, given.passphrase,
                approve=given.approve, looked_seconds=given.looked_seconds,
            )  # fmt: skip
        except RefusedError as refusal:
            return JSONResponse({"error": str(refusal)}, refusal.status)
        except (msgspec.DecodeError, RoguewatchError) as error:
            return JSONResponse({"error": printable(str(error), 500)}, 403)
        await self._house.record([approval_event(approval)])
        return Response(msgspec.json.encode(approval), media_type="application/json")

    def _refused(self, request: Request) -> Response | None:
        if is_admin(request, self._house.admin_token):
            return None
        return JSONResponse({"error": "for the gate's own user only"}, 403)


def admin_routes(house: House, latency: Latency) -> list[BaseRoute]:
    """The routes of health and administration."""
    admin = Admin(house, latency)
    return [
        Route("/health", admin.health, methods=["GET"]),
        Route("/status", admin.status, methods=["GET"]),
        Route("/admin/reload", admin.reload, methods=["POST"]),
        Route("/admin/approvals", admin.approve, methods=["POST"]),
    ]
