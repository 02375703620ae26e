"""The process that decodes telemetry, from the daemon's side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Awaitable, Callable

import msgspec

from roguewatch.gateway.otlp_decoder import READ_BYTES, Request, Told, framed, frames

MOST_UNWRITTEN = 1 << 20
"""Bytes that may wait for it to read them before those who bring more wait."""


class DecoderProcess:
    """One decoder, started when it is first needed and again after it has ended.

    Args:
        told: takes what it said, in order; no more is read before that is done.
        ended: called when it has ended, with its status: what it was handed and has not
            told of, it never will.
    """

    def __init__(
        self, told: Callable[[list[Told]], Awaitable[None]], ended: Callable[[int], None]
    ) -> None:
        self._told = told
        self._ended = ended
        self._child: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._unwritten: list[bytes] = []

    async def hand_over(self, request: Request) -> None:
        """Have a request decoded.

        Raises:
            OSError: the process cannot be started.
        """
        child = self._child if self._child is not None else await self._start()
        if not self._unwritten:  # what comes in this turn of the loop goes in one write
            asyncio.get_running_loop().call_soon(self._write, child)
        self._unwritten.append(framed(msgspec.msgpack.encode(request)))
        assert child.stdin is not None
        if child.stdin.transport.get_write_buffer_size() > MOST_UNWRITTEN:
            with contextlib.suppress(OSError):
                await child.stdin.drain()

    def kill(self) -> bool:
        """End it at once; whether it was there to be ended."""
        child = self._child
        if child is None or child.returncode is not None:
            return False
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        return True

    async def close(self) -> None:
        """End it, and listen to it no more."""
        child = self._child
        self.kill()
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
        if child is not None:
            await child.wait()

    def _write(self, child: asyncio.subprocess.Process) -> None:
        if child is not self._child:
            return  # and what waited for it is gone
        unwritten, self._unwritten = self._unwritten, []
        assert child.stdin is not None
        # A pipe that is closed (uvloop's word for it is RuntimeError) is one of a process that
        # has ended, which whoever reads from it finds.
        with contextlib.suppress(OSError, RuntimeError):
            child.stdin.write(b"".join(unwritten))

    async def _start(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._child is None:
                environment = {
                    name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ
                }
                child = await asyncio.create_subprocess_exec(
                    sys.executable, "-I", "-m", "roguewatch.gateway.otlp_decoder",
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                    limit=READ_BYTES, env=environment, start_new_session=True,
                )  # fmt: skip
                self._child = child
                self._reader = asyncio.create_task(self._read(child))
            return self._child

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        decode = msgspec.msgpack.Decoder(Told).decode
        buffer = bytearray()
        assert child.stdout is not None
        try:
            while chunk := await child.stdout.read(READ_BYTES):
                buffer += chunk
                if told := [decode(frame) for frame in frames(buffer)]:
                    await self._told(told)
        except (msgspec.DecodeError, OSError):
            self.kill()
        finally:
            self._child = None
            self._unwritten.clear()
        self._ended(await child.wait())
