"""The sockets that a run's inside may reach, served by a thread of the supervisor.

One is the egress proxy; the other, where a gate runs, leads to the gate's socket for
agents. Both are files of a folder that only the supervisor can enter; the containment
shows them inside, where the deployment's own identity may connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from roguewatch.control.contain.egress import AllowList, Attempt, Egress
from roguewatch.errors import ControlError

STARTED_SECONDS = 10.0
_PIECE = 1 << 16


class Outlet:
    """The ways out of one run.

    Args:
        allowed: hosts that may be reached, as `AllowList` takes them.
        record: called with every attempt; one that raises refuses the attempt.
        gate: the gate's socket for agents, where one runs.

    Raises:
        ControlError: an entry is no host, or the sockets cannot be opened.
    """

    def __init__(
        self, allowed: Iterable[str], record: Callable[[Attempt], None], gate: Path | None
    ) -> None:
        try:
            self._egress = Egress(AllowList(allowed), record)
        except ValueError as error:
            raise ControlError(f"--allow-host: {error}") from error
        self._gate = gate
        self._folder = Path(tempfile.mkdtemp(prefix="roguewatch-out-"))
        self.sockets = {"egress": self._folder / "egress"}
        if gate is not None:
            self.sockets["gate"] = self._folder / "gate"
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._cut = False
        self._failure: OSError | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        if not self._ready.wait(STARTED_SECONDS) or self._failure is not None:
            self.close()
            raise ControlError(f"the ways out cannot be opened: {self._failure or 'too slow'}")

    def cut(self) -> None:
        """Let nothing out any more and break what is open."""
        self._cut = True
        with contextlib.suppress(RuntimeError):  # the loop has ended: nothing is open
            self._loop.call_soon_threadsafe(self._break)

    def close(self) -> None:
        """Cut, end the thread, remove the sockets."""
        self.cut()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _break(self) -> None:
        self._egress.cut()
        for writer in list(self._writers):
            writer.transport.abort()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._open())
        except OSError as error:
            self._failure = error
            self._ready.set()
            self._loop.close()
            return
        self._ready.set()
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _open(self) -> None:
        servers = [await self._egress.serve(self.sockets["egress"])]
        if self._gate is not None:
            servers.append(await asyncio.start_unix_server(self._pass_on, self.sockets["gate"]))
        self._servers = servers
        for path in self.sockets.values():
            # The inside has a uid of its own; the folder keeps everybody else out.
            path.chmod(0o666)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        far_writer = None
        try:
            if self._cut or self._gate is None:
                return
            far_reader, far_writer = await asyncio.open_unix_connection(str(self._gate))
            self._writers.add(far_writer)
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        except OSError:
            writer.transport.abort()
        finally:
            for one in (writer, far_writer):
                if one is not None:
                    self._writers.discard(one)
                    one.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
