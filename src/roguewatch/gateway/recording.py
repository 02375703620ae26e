"""What supervisors ask of a running gate: to record, to consent, to forget a lease.

The gate holds the ledger's one writing lock, so whoever else observes something has it
recorded here. Answered on the admin socket only.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from roguewatch.events import Event
from roguewatch.gateway.admin import is_admin
from roguewatch.gateway.appending import appending_routes
from roguewatch.gateway.bodies import RefusedError, read_body
from roguewatch.gateway.house import House
from roguewatch.printable import printable

MAX_BODY = 4 << 20
RECORD, LEASE, REVOKE = "/admin/record", "/admin/lease", "/admin/revoke"


class Named(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deployment that something is asked about."""

    deployment: str


class Recording:
    """The verbs of a supervisor."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def record(self, request: Request) -> Response:
        """Make events durable; answered after they are."""
        events, refused = await self._understood(request, list[Event])
        if refused is not None:
            return refused
        await self._house.record(events)
        return JSONResponse({"recorded": len(events)})

    async def lease(self, request: Request) -> Response:
        """Grant or renew the deployment's lease, with the gate's consent or not."""
        named, refused = await self._understood(request, Named)
        if refused is not None:
            return refused
        entry = self._house.live_register.get(named.deployment)
        given = self._house.leases.renew(
            named.deployment, entry.lease_seconds if entry else 0.0
        )  # without an entry there is no consent either
        return JSONResponse({"given": given.given, "objections": list(given.objections)})

    async def revoke(self, request: Request) -> Response:
        """End the deployment's lease now (`*`: of all); its stop is in the register."""
        named, refused = await self._understood(request, Named)
        if refused is not None:
            return refused
        every = [entry.name for entry in self._house.live_register.all()]
        for name in every if named.deployment == "*" else [named.deployment]:
            self._house.leases.revoke(name)
        return JSONResponse({"revoked": named.deployment})

    async def _understood(self, request: Request, kind: Any) -> tuple[Any, Response | None]:
        if not is_admin(request, self._house.admin_token):
            return None, JSONResponse({"error": "for the gate's own user only"}, 403)
        try:
            raw = await read_body(request.receive, MAX_BODY)
            return msgspec.json.decode(raw, type=kind), None
        except RefusedError as refusal:
            return None, JSONResponse({"error": str(refusal)}, refusal.status)
        except msgspec.MsgspecError as error:
            return None, JSONResponse({"error": printable(str(error), 300)}, 400)


def recording_routes(house: House) -> list[BaseRoute]:
    """The routes."""
    verbs = Recording(house)
    return [
        Route(RECORD, verbs.record, methods=["POST"]),
        Route(LEASE, verbs.lease, methods=["POST"]),
        Route(REVOKE, verbs.revoke, methods=["POST"]),
        *appending_routes(house),
    ]
