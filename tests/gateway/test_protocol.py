"""The gate's HTTP protocol: answers from another thread than the loop's, and what remains."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from roguewatch.gateway.bodies import read_body
from roguewatch.gateway.protocol import JOINED, BoundedProtocol, Joined

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers from a thread, with the body that was sent and the path."""
    joined: Joined = scope[JOINED]
    body = scope["path"].encode() + b" " + await read_body(receive, 1 << 20, scope)
    headers = [(b"content-length", b"%d" % len(body))]
    if joined.direct():
        await asyncio.to_thread(joined.answer, b"200 OK", headers, body)
    if not joined.answered():
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def talked(folder: Path, talk: Talk) -> None:
    """Serve `echo` on a Unix socket and talk to it over one connection."""

    async def run() -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "s"))
        config = uvicorn.Config(echo, http=BoundedProtocol, ws="none", lifespan="off",
                                log_level="error", access_log=False, server_header=False,
                                date_header=False)  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve([listener]))
        while not server.started:
            await asyncio.sleep(0.001)
        reader, writer = await asyncio.open_unix_connection(str(folder / "s"))
        async with asyncio.timeout(30):
            await talk(reader, writer)
        writer.close()
        server.should_exit = True
        await serving

    asyncio.run(run())


def request(path: str, body: bytes, more: bytes = b"") -> bytes:
    head = b"POST %s HTTP/1.1\r\nhost: g\r\n%scontent-length: %d\r\n\r\n"
    return head % (path.encode(), more, len(body)) + body


async def answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of the next response."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    return head, await reader.readexactly(length)


@pytest.mark.parametrize("size", [10, 3_000_000], ids=["short", "longer than the socket takes"])
def test_requests_that_come_at_once_are_answered_whole_and_in_order(
    size: int, tmp_path: Path
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies = [bytes([97 + number]) * (size // 3) for number in range(3)]
        if size > 1 << 20:
            bodies = [body[: 1 << 20] for body in bodies]
        for number, body in enumerate(bodies):
            writer.write(request(f"/{number}", body))
        for number, body in enumerate(bodies):
            assert (await answer(reader))[1] == b"/%d " % number + body

    talked(tmp_path, talk)


def test_a_connection_that_is_to_be_closed_is_told_so_and_closed_after_the_answer(
    tmp_path: Path,
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request("/", b"x", b"connection: close\r\n"))
        head, body = await answer(reader)
        assert b"connection: close\r\n" in head
        assert body == b"/ x"
        assert not await reader.read()

    talked(tmp_path, talk)


def test_a_client_that_must_be_asked_for_the_body_is_answered_after_that(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whole = request("/", b"body", b"expect: 100-continue\r\n")
        writer.write(whole[:-4])
        assert b" 100 " in await reader.readuntil(b"\r\n\r\n")
        writer.write(whole[-4:])
        assert (await answer(reader))[1] == b"/ body"

    talked(tmp_path, talk)


def test_answered_requests_leave_nothing_for_the_garbage_collector(tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for number in range(300):
            if number == 100:
                gc.collect()
            writer.write(request(f"/{number}", b"x"))
            await answer(reader)
        assert gc.collect() < 200, "less than one object for each of 200 requests"

    gc.disable()
    try:
        talked(tmp_path, talk)
    finally:
        gc.enable()
