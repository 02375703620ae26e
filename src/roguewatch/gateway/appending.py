"""Events from elsewhere, stored by a running gate: the receiving end of `gate_ledger`."""

from __future__ import annotations

import asyncio
import time

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from roguewatch.events import Event
from roguewatch.gateway.admin import is_admin
from roguewatch.gateway.bodies import RefusedError, read_body
from roguewatch.gateway.gate_ledger import APPEND, MAX_BODY
from roguewatch.gateway.house import House
from roguewatch.ledger.batches import Appended
from roguewatch.printable import printable

LARGE = 1 << 20
"""A body above this is decoded in a thread."""

RECENT_NS = 3_600_000_000_000
"""Only events this young are sightings of what runs now; the watch on coverage is told."""

_decode = msgspec.msgpack.Decoder(list[Event]).decode


def appending_routes(house: House) -> list[BaseRoute]:
    """`POST /admin/append`: MessagePack, a list of events; answered when they are durable."""

    async def append(request: Request) -> Response:
        if not is_admin(request, house.admin_token):
            return JSONResponse({"error": "for the gate's own user only"}, 403)
        try:
            raw = await read_body(request.receive, MAX_BODY)
            large = len(raw) > LARGE
            events = await asyncio.to_thread(_decode, raw) if large else _decode(raw)
        except RefusedError as refusal:
            return JSONResponse({"error": str(refusal)}, refusal.status)
        except msgspec.MsgspecError as error:
            return JSONResponse({"error": printable(str(error), 300)}, 400)
        submitted = house.submit(events, patient=True)
        since = time.time_ns() - RECENT_NS
        await house.durable([one for one in events if (one.time or 0) > since], submitted)
        done: Appended = submitted.result()
        return JSONResponse({"added": done.added, "duplicate": done.duplicate})

    return [Route(APPEND, append, methods=["POST"])]
