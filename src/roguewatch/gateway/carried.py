"""What the relays' routes share: ASGI requests read and answered without ceremony.

The relays pass bodies on as they arrive and answer in fractions of a millisecond, so
their routes are plain ASGI applications.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from roguewatch.gateway import bodies
from roguewatch.gateway.app import note_refusal
from roguewatch.gateway.bodies import RefusedError
from roguewatch.gateway.house import House
from roguewatch.state.register import Deployment, TokenPurpose

MAX_BODY = 64 << 20
"""A request with a long history and images."""

RawHeaders = Iterable[tuple[bytes, bytes]]


async def read_body(receive: Receive, most: int = MAX_BODY, scope: Mapping[str, Any] = {}) -> bytes:
    """The whole body of a request. Raises as `bodies.read_body` does."""
    return await bodies.read_body(receive, most, scope)


async def respond(
    send: Send,
    status: int,
    body: bytes,
    headers: RawHeaders = (),
    kind: bytes = b"application/json",
) -> None:
    """Send a whole response."""
    length = str(len(body)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": status,
            "headers": [(b"content-type", kind), (b"content-length", length), *headers],
        }
    )
    await send({"type": "http.response.body", "body": body})


async def respond_json(send: Send, status: int, value: object) -> None:
    """Send a value as JSON."""
    await respond(send, status, msgspec.json.encode(value))


def token_of(scope: Scope) -> str:
    """The key that a request carries, as agents' clients send keys: `Authorization: Bearer`,
    `x-api-key` or `api-key`. Empty where there is none, or where they differ."""
    given = set()
    for name, value in scope["headers"]:
        if name in (b"x-api-key", b"api-key"):
            given.add(value.decode("latin-1").strip())
        elif name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            given.add(token.strip() if scheme.casefold() == "bearer" else "")
    given.discard("")
    return given.pop() if len(given) == 1 else ""


def holder(house: House, scope: Scope, purpose: TokenPurpose) -> Deployment:
    """The deployment whose token a request carries.

    Raises:
        RefusedError: there is no token, or it opens nothing.
    """
    return held_by(house, token_of(scope), purpose)


def held_by(house: House, token: str, purpose: TokenPurpose) -> Deployment:
    """The deployment that a token belongs to. Raises as `holder` does."""
    deployment = house.live_register.holder(token, purpose) if token else None
    if deployment is None:
        raise RefusedError(401, "no token" if not token else "a token that opens nothing")
    return deployment


async def note_refused(house: House, scope: Scope, reason: str) -> None:
    """Record a refused request. A record that fails changes nothing: it is refused anyway."""
    await note_refusal(house, Request(scope), reason)
