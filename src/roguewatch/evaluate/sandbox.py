"""The Inspect sandbox provider `bubblewrap`: the containment of `roguewatch run`.

One containment per sample, with a command server inside (`server`), so that a step costs
a message and not a start. Files are read and written by the server, inside, as the agent:
a link that points out of the project leads nowhere. Around each command the ground truth
is taken outside (`roguewatch.evaluate.truth`).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, overload

import msgspec
import psutil
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentLimits,
    SandboxUnavailableError,
    SandboxUserUnsupportedError,
    sandboxenv,
)

from roguewatch.control.contain.run import EGRESS_PORT, Contained, Inside
from roguewatch.evaluate.registry import instance_of
from roguewatch.evaluate.scenario import Instance
from roguewatch.evaluate.truth.internet import Internet
from roguewatch.evaluate.truth.manifest import FileEvent, differences, manifest
from roguewatch.evaluate.truth.record import Process, Step, Truth

MOST_OUTPUT = 1 << 20
"""Bytes of each stream of a command that are answered."""
MOST_SECONDS = 120.0
"""Longest time for one command, whatever the caller asks for."""
_MEMORY = 1 << 30
_PROCESSES = 128
_LINE = 256 << 20


class Answer(msgspec.Struct, frozen=True):
    """What the server inside answers; from the agent's side of the wall."""

    id: int
    status: int = 0
    out: str = ""
    err: str = ""
    late: bool = False
    cut: bool = False
    errno: int = 0
    error: str = ""


@sandboxenv(name="bubblewrap")
class BubblewrapSandbox(SandboxEnvironment):
    """One sample's containment, its fake internet, and the record of what happened."""

    def __init__(self, instance: Instance | None) -> None:
        super().__init__()
        self._instance = instance
        self._folder = Path(tempfile.mkdtemp(prefix="task-"))
        self._folder.chmod(0o711)
        self.project = self._folder / "project"
        self.project.mkdir()
        self._decoys = dict(instance.decoys) if instance else {}
        self.internet = Internet(instance.pages if instance else {}, self._decoys)
        self._contained: Contained | None = None
        self._pipe: asyncio.StreamReader | None = None
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._next = 0
        self._one = asyncio.Lock()
        self._known: dict[str, Any] | None = None
        self._steps: list[Step] = []
        self._files: list[FileEvent] = []
        self._processes: dict[int, Process] = {}
        self._left: dict[int, Process] = {}
        self._used: set[str] = set()
        self._fault = ""

    @classmethod
    async def sample_init(
        cls, task_name: str, config: Any, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        """Start the containment for a sample.

        Raises:
            ControlError: a wall cannot be put up; nothing is run without it.
        """
        instance = None
        if "scenario" in metadata:
            instance = instance_of(
                metadata["scenario"], int(metadata["seed"]), int(metadata["number"])
            )
        sandbox = cls(instance)
        try:
            await sandbox.start()
        except BaseException:
            await sandbox.stop()
            raise
        return {"default": sandbox}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: Any,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        """Kill everything inside and remove the project, whether or not the sample ended."""
        for environment in environments.values():
            await environment.as_type(BubblewrapSandbox).stop()

    async def start(self) -> None:
        """Put up the walls and start the command server behind them."""
        socket = self._folder / "internet"
        await self.internet.open(socket)
        server = self._folder / "server.py"
        shutil.copy(str(files("roguewatch.evaluate").joinpath("server.py")), server)
        python = os.path.realpath(sys.executable)
        inside = Inside(
            deployment="task",
            command=(python, "-I", "-S", str(server)),
            project=self.project,
            readable=(server,),
            sockets={"internet": socket},
            ports={EGRESS_PORT: "internet"},
            processes=_PROCESSES,
            memory=_MEMORY,
        )
        # stderr: what bwrap says while it starts; the server itself writes none.
        self._contained = await asyncio.to_thread(
            Contained, inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._pipe = asyncio.StreamReader(limit=_LINE)
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._pipe),  # type: ignore[arg-type]
            self._contained.process.stdout,
        )
        self._reading = asyncio.create_task(self._read())
        answer = await self._ask(verb="run", command=["true"], folder="/", seconds=20, most=0)
        if answer.status:
            raise SandboxUnavailableError("the command server inside does not run commands")

    async def stop(self) -> None:
        """Take everything down."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
        if self._contained is not None:
            process = self._contained.process
            await asyncio.to_thread(self._contained.close)
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        await self.internet.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _read(self) -> None:
        assert self._pipe is not None
        try:
            while line := await self._pipe.readline():
                answer = msgspec.json.decode(line, type=Answer)
                waiting = self._waiting.pop(answer.id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
            self._fail("the command server inside has ended")
        except (ValueError, msgspec.MsgspecError) as error:
            self._fail(f"the command server inside answered nonsense: {error}")

    def _fail(self, why: str) -> None:
        self._fault = why
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(SandboxUnavailableError(why))
        self._waiting.clear()

    async def _ask(self, **request: Any) -> Answer:
        if self._fault or self._contained is None or self._contained.process.stdin is None:
            raise SandboxUnavailableError(self._fault or "the sandbox is not running")
        self._next += 1
        number = self._next
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        line = msgspec.json.encode({"id": number, **request}) + b"\n"
        stdin = self._contained.process.stdin
        try:
            await asyncio.to_thread(_send, stdin, line)
            # The server's own limit comes first; this one is for a server that is gone quiet.
            async with asyncio.timeout(MOST_SECONDS + 10):
                return await waiting
        except BrokenPipeError as error:
            self._fail("the command server inside has ended")
            raise SandboxUnavailableError(self._fault) from error
        except TimeoutError as error:
            self._fail("the command server inside does not answer")
            raise SandboxUnavailableError(self._fault) from error
        finally:
            self._waiting.pop(number, None)

    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """Run a command inside, with the ground truth taken before and after.

        Raises:
            TimeoutError: it did not end in time; its process group was killed.
            OutputLimitExceededError: it wrote more than MOST_OUTPUT.
            SandboxUnavailableError: the sandbox is dead.
        """
        if user not in (None, "agent"):
            raise SandboxUserUnsupportedError("the containment has one user: agent")
        given = input.encode() if isinstance(input, str) else input or b""
        most = min(MOST_OUTPUT, SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE)
        async with self._one:  # one step at a time: a file event belongs to one command
            spent = await self._observe(len(self._steps))
            self._note_decoys(" ".join(cmd).encode() + given)
            began = time.monotonic()
            status: int | None = None
            try:
                answer = await self._ask(
                    verb="run",
                    command=cmd,
                    folder=str(self.project / (cwd or ".")),
                    environment=env,
                    input=base64.b64encode(given).decode(),
                    seconds=min(timeout or MOST_SECONDS, MOST_SECONDS),
                    most=most,
                )
                status = None if answer.late else answer.status
            finally:
                ran = time.monotonic() - began
                spent += await self._observe(len(self._steps) + 1)
                self._steps.append(
                    Step(
                        number=len(self._steps) + 1,
                        command=tuple(cmd),
                        status=status,
                        seconds=ran + spent,
                        overhead=spent,
                    )
                )
        if answer.late:
            raise TimeoutError("the command did not end in time")
        if answer.errno:
            return ExecResult(False, 127, "", f"{cmd[0]}: {answer.error}")
        out, err = _text(answer.out), _text(answer.err)
        if answer.cut:
            raise OutputLimitExceededError(f"{most} bytes", out or err)
        return ExecResult(answer.status == 0, answer.status, out, err)

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file inside, as the agent."""
        data = contents.encode() if isinstance(contents, str) else contents
        answer = await self._ask(
            verb="write",
            path=str(self.project / file),
            content=base64.b64encode(data).decode(),
        )
        _raise(answer, file)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        """Read a file inside, as the agent."""
        most = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        answer = await self._ask(verb="read", path=str(self.project / file), most=most)
        _raise(answer, file)
        if answer.cut:
            raise OutputLimitExceededError(f"{most} bytes", None)
        data = base64.b64decode(answer.out)
        return data.decode("utf-8") if text else data

    async def truth(self) -> Truth:
        """What happened so far, with a last look at files and processes."""
        async with self._one:
            await self._observe(len(self._steps) + 1)
        return Truth(
            steps=tuple(self._steps),
            files=tuple(self._files),
            processes=tuple(self._processes.values()),
            left=tuple(self._left.values()),
            requests=tuple(self.internet.requests),
            decoys=tuple(sorted(self._used.union(*(one.decoys for one in self.internet.requests)))),
            alive=not self._fault,
            fault=self._fault,
        )

    def content(self, path: str) -> str | None:
        """A project file as it is now, read outside; None where it is no regular file.

        Every part of the path is opened without following links.
        """
        folder = os.open(self.project, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in Path(path).parent.parts:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
                os.close(folder)
                folder = inner
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(Path(path).name, flags, dir_fd=folder)
            with os.fdopen(descriptor, "rb") as stream:
                return stream.read(MOST_OUTPUT).decode("utf-8", "replace")
        except OSError:
            return None
        finally:
            os.close(folder)

    async def _observe(self, step: int) -> float:
        """Take the manifest and the processes; returns the seconds that it took."""
        began = time.monotonic()
        try:
            seen = await asyncio.to_thread(manifest, self.project, self._known)
        except OSError as error:
            self._fail(f"the project folder cannot be followed any more: {error}")
            return time.monotonic() - began
        if self._known is not None:
            self._files += differences(self._known, seen, step)
        self._known = seen
        self._left = {}
        for pid, command, program in await asyncio.to_thread(self._lingering):
            self._left[pid] = self._processes.setdefault(pid, Process(step, command, program))
        return time.monotonic() - began

    def _lingering(self) -> list[tuple[int, tuple[str, ...], str]]:
        """Processes inside that are neither init, forwarder nor command server."""
        if self._contained is None:
            return []
        own = str(self._folder / "server.py")
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._contained.init_pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    command = tuple(process.cmdline())
                    ours = command[3:4] in ((own,), ("/run/roguewatch/init.py",))
                    if command and not ours:
                        found.append((process.pid, command, process.exe()))
        return found

    def _note_decoys(self, data: bytes) -> None:
        self._used.update(name for name, secret in self._decoys.items() if secret.encode() in data)


def _send(stream: Any, line: bytes) -> None:
    stream.write(line)
    stream.flush()


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "replace")


_ERRORS: dict[int, type[OSError]] = {
    errno.ENOENT: FileNotFoundError,
    errno.EISDIR: IsADirectoryError,
    errno.EACCES: PermissionError,
    errno.EROFS: PermissionError,
}


def _raise(answer: Answer, file: str) -> None:
    if answer.errno:
        raise _ERRORS.get(answer.errno, OSError)(answer.errno, answer.error, file)
