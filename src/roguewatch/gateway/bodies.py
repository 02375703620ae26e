"""Bodies of requests and answers, bounded in size, in time, and all together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.types import Receive

from roguewatch.gateway.protocol import WHOLE

MAX_BODIES = 128 << 20
"""Of all bodies together that are being read."""

BODY_SECONDS = 10.0
"""A client that sends a byte now and then would hold its place for ever."""

_reading = 0
_counting = threading.Lock()
"""Relays' lines are read by threads of their own."""


class RefusedError(Exception):
    """A request is refused before anything is decided; it is recorded all the same."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@contextmanager
def held() -> Iterator[Callable[[int], None]]:
    """A place for one body that is being read: the block calls what it is given with the
    bytes that it holds, whenever they have changed.

    Raises:
        RefusedError: all such bodies together have become too large.
    """
    size = 0

    def hold(bytes_held: int) -> None:
        nonlocal size
        global _reading
        grown = bytes_held - size
        size = bytes_held
        with _counting:
            _reading += grown
        if grown > 0 and _reading > MAX_BODIES:
            raise RefusedError(503, "too many large bodies at once")

    try:
        yield hold
    finally:
        hold(0)


async def read_body(receive: Receive, most: int, scope: Mapping[str, Any] = {}) -> bytes:
    """The whole body of a request.

    Args:
        receive: where it comes from.
        most: bytes that it may weigh.
        scope: of the request; where it says that the body is there, as it mostly is, nothing
            is waited for, and nothing held that the connection's own bounds do not.

    Raises:
        RefusedError: it is larger, takes too long, or was cut off.
    """
    if WHOLE in scope:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the request was cut off")
        body: bytes = message["body"]
        if len(body) > most:
            raise RefusedError(413, f"the body is larger than {most} bytes")
        return body
    pieces: list[bytes] = []
    size = 0
    try:
        with held() as hold:
            async with asyncio.timeout(BODY_SECONDS):
                more = True
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise RefusedError(400, "the request was cut off")
                    piece = message.get("body", b"")
                    size += len(piece)
                    if size > most:
                        raise RefusedError(413, f"the body is larger than {most} bytes")
                    hold(size)
                    pieces.append(piece)
                    more = message.get("more_body", False)
    except TimeoutError as error:
        raise RefusedError(408, f"the body took more than {BODY_SECONDS:g} s") from error
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
