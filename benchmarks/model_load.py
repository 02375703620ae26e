"""The load on a model relay: bare clients, so that a rate is the relays' and not their callers'.

A connection is an agent that asks one thing after the other. A question begins a
conversation of its own, or goes on with a long one, and none is asked twice in a run. All relays are asked by the same
client, in the same bytes.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

import httptools
import uvloop

WARM = 5
"""Requests on each connection before those that count."""

_numbers = itertools.count()


def question() -> bytes:
    """A chat completion's request that was not made before."""
    messages = [{"role": "system", "content": "Be brief."},
                {"role": "user", "content": f"How are you? {next(_numbers)}"}]  # fmt: skip
    return json.dumps({"model": "m", "messages": messages}).encode()


def conversation(turns: int) -> Callable[[], bytes]:
    """The requests of one agent at work, one after the other: each repeats the whole
    conversation, which so many turns were before, 2 KB each, and adds to it."""
    result = "".join(
        f"src/module_{line}.py:{line}: a line of what was found\n" for line in range(40)
    )
    number = next(_numbers)
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"Work on task {number}."}]

    def turn() -> None:
        id = f"call_{number}_{len(messages)}"
        function = {"name": "search", "arguments": json.dumps({"pattern": f"part {len(messages)}"})}
        call = {"id": id, "type": "function", "function": function}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": id, "content": result})

    def ask() -> bytes:
        turn()
        return json.dumps({"model": "m", "messages": messages}).encode()

    for _ in range(turns):
        turn()
    return ask


class Caller(asyncio.Protocol):
    """One connection.

    Args:
        url: where its requests are posted.
        token: their bearer token.
        question: gives the body of the next request.
    """

    def __init__(self, url: str, token: str, question: Callable[[], bytes]) -> None:
        self._question = question
        parts = urlsplit(url)
        self._head = (
            f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            "Content-Length: %d\r\n\r\n"
        ).encode()
        self._left = 0
        self._took: list[float] = []
        self._began = 0.0
        self._done: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None

    async def ask(self, times: int) -> list[float]:
        """Ask so many questions; the seconds of each.

        Raises:
            RuntimeError: an answer was not 200, or none.
        """
        self._left, self._took = times, []
        self._done = asyncio.get_running_loop().create_future()
        self._ask()
        await self._done
        return self._took

    def close(self) -> None:
        """Close it."""
        self._done = None
        if self._transport is not None:
            self._transport.close()

    def _ask(self) -> None:
        assert self._transport is not None
        body = self._question()
        self._parser = httptools.HttpResponseParser(self)
        self._began = time.perf_counter()
        self._transport.write(self._head % len(body) + body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is there."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        assert self._parser is not None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"an answer that is none: {error}")

    def on_message_complete(self) -> None:
        """An answer is whole."""
        assert self._parser is not None
        self._took.append(time.perf_counter() - self._began)
        self._left -= 1
        if self._parser.get_status_code() != 200:
            self._fail(f"answered with {self._parser.get_status_code()}")
        elif self._left:
            asyncio.get_running_loop().call_soon(self._ask)  # past the parser
        elif self._done is not None:
            self._done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, while an answer was awaited or after `close`."""
        self._fail("closed without an answer")

    def _fail(self, reason: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(RuntimeError(reason))


def load(
    url: str,
    token: str,
    connections: int,
    requests: int,
    asking: Callable[[], bytes] = question,
) -> tuple[float, list[float]]:
    """Requests a second over so many connections, and the seconds of each request.

    Raises:
        RuntimeError: a request was not answered with 200.
    """
    callers = [Caller(url, token, asking) for _ in range(connections)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_load(urlsplit(url), callers, requests // connections))


async def _load(
    place: SplitResult, callers: Sequence[Caller], each: int
) -> tuple[float, list[float]]:
    loop = asyncio.get_running_loop()
    for caller in callers:
        await loop.create_connection(functools.partial(_same, caller), place.hostname, place.port)
    await asyncio.gather(*(caller.ask(WARM) for caller in callers))
    began = time.perf_counter()
    taken = await asyncio.gather(*(caller.ask(each) for caller in callers))
    rate = len(callers) * each / (time.perf_counter() - began)
    for caller in callers:
        caller.close()
    return rate, [seconds for one in taken for seconds in one]


def _same(caller: Caller) -> Caller:
    return caller
