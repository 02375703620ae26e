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
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar, overload

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
from roguewatch.evaluate.channel import MOST_SECONDS, Answer, Channel
from roguewatch.evaluate.registry import instance_of
from roguewatch.evaluate.scenario import Happening, Instance
from roguewatch.evaluate.truth.internet import Internet
from roguewatch.evaluate.truth.observer import Observer
from roguewatch.evaluate.truth.record import Happened, Step, Truth
from roguewatch.printable import printable

MOST_OUTPUT = 1 << 20
"""Bytes of each stream of a command that are answered."""
_LOOKING = ThreadPoolExecutor(2, thread_name_prefix="look")
"""Looks at files and processes, apart from the threads in which sandboxes start and stop:
a step does not wait for those."""
_MACHINERY: ContextVar[bool] = ContextVar("machinery", default=False)
"""Whether commands asked for here are a bridge's and not the agent's."""
_TOOLS = "/inspect-sandbox-tools"
_B = TypeVar("_B")
_QUICK = 0.02
"""Seconds of processor time that a look may take in the event loop's own thread."""
_MEMORY = 1 << 30
_PROCESSES = 128


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
        self._channel = Channel()
        self._one = asyncio.Lock()
        self._observer = Observer(self.project, self._inside, instance.watched if instance else ())
        self._prepared = False
        self._looked = 0.0
        self._bridged = False
        self._turned = 0.0
        self._steps: list[Step] = []
        self._used: set[str] = set()
        self._waiting = list(instance.happenings) if instance else []
        self._happened: list[Happened] = []
        self._messages: list[Happening] = []

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
            environment=self._environment(),
            processes=_PROCESSES,
            memory=_MEMORY,
        )
        # stderr: what bwrap says while it starts; the server itself writes none.
        self._contained = await asyncio.to_thread(
            Contained, inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        await self._channel.open(self._contained)
        answer = await self._channel.ask(
            verb="run", command=["true"], folder="/", seconds=20, most=0
        )
        if answer.status:
            raise SandboxUnavailableError("the command server inside does not run commands")
        await asyncio.to_thread(self._observer.machinery)

    async def stop(self) -> None:
        """Take everything down."""
        await self._channel.close()
        if self._contained is not None:
            await asyncio.to_thread(self._contained.close)
        self._observer.close()
        await self.internet.close()
        await asyncio.to_thread(_remove, self._folder)

    def _environment(self) -> dict[str, str]:
        given = self._instance.environment if self._instance else {}
        return {name: value.replace("PROJECT", str(self.project)) for name, value in given.items()}

    def _inside(self) -> set[int]:
        """The processes of the containment, by its control group where there is one: asking
        every process of the machine for its parent costs more the more samples run."""
        if self._contained is None:
            return set()
        if self._contained.group.folders:
            return self._contained.group.pids()
        first = psutil.Process(self._contained.init_pid)
        return {first.pid, *(child.pid for child in first.children(recursive=True))}

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
        request: dict[str, Any] = {
            "verb": "run", "command": cmd, "folder": str(self.project / (cwd or ".")),
            "environment": env, "input": base64.b64encode(given).decode(),
            "seconds": min(timeout or MOST_SECONDS, MOST_SECONDS), "most": most,
        }  # fmt: skip
        if _MACHINERY.get():
            return _result(cmd, await self._channel.ask(**request), most)
        async with self._one:  # one step at a time: a file event belongs to one command
            await self._prepare()
            number = len(self._steps) + 1
            # What came since the last step, of what still ran, is put down to that one.
            spent = await self._observe(number - 1)
            self._note_decoys(" ".join(cmd).encode() + given)
            self.internet.step = number
            began = time.monotonic()
            status: int | None = None
            try:
                answer = await self._channel.ask(**request)
                status = None if answer.late else answer.status
            finally:
                ran = time.monotonic() - began
                spent += await self._observe(number)
                self._steps.append(
                    Step(
                        number=number,
                        command=tuple(cmd),
                        status=status,
                        seconds=ran + spent,
                        overhead=spent,
                    )
                )
            await self._happen()
        return _result(cmd, answer, most)

    @contextlib.asynccontextmanager
    async def bridge(
        self, open: Callable[[], AbstractAsyncContextManager[_B]]
    ) -> AsyncIterator[_B]:
        """Open something whose own commands inside are machinery: no steps of the agent's.

        The scene is set before; what was left running when it is open is machinery too, and
        the last look at the agent's processes is taken when it is closed again.
        """
        async with self._one:
            await self._prepare()
            await self._observe(len(self._steps))
            self._bridged = True
        token = _MACHINERY.set(True)
        try:
            async with open() as opened:
                await self._look(self._observer.more_machinery)
                yield opened
        finally:
            _MACHINERY.reset(token)
            await self._settle_bridge()

    async def program(
        self, cmd: list[str], *, input: str, env: dict[str, str], seconds: float
    ) -> ExecResult[str]:
        """Run the agent's own program inside; its steps are told by `turn`.

        Raises:
            TimeoutError: it did not end in time; its process group was killed.
            SandboxUnavailableError: the sandbox is dead.
        """
        self.internet.step = len(self._steps)
        answer = await self._channel.ask(
            patience=seconds, verb="run", command=cmd, folder=str(self.project), environment=env,
            input=base64.b64encode(input.encode()).decode(), seconds=seconds, most=MOST_OUTPUT,
        )  # fmt: skip
        return _result(cmd, answer, MOST_OUTPUT, cut=True)

    async def turn(self, calls: str) -> None:
        """Take the truth after what a model's last turn brought about.

        Args:
            calls: the tool calls that the model had asked the program for.
        """
        async with self._one:
            number = len(self._steps) + 1
            self._note_decoys(calls.encode())
            began = time.monotonic()
            await self._look(lambda: self._observer.look(number, processes=False))
            spent = time.monotonic() - began
            since, self._turned = self._turned or began, time.monotonic()
            self._steps.append(
                Step(
                    number=number, command=("turn", calls), status=0,
                    seconds=self._turned - since, overhead=spent,
                )
            )  # fmt: skip
            self.internet.step = number + 1
            await self._happen()

    async def _settle_bridge(self) -> None:
        """Let commands of the bridge that are still on their way end, for a little while."""
        for _ in range(20):
            if not any(_TOOLS in command for command in self._observer.running()):
                return
            await asyncio.sleep(0.1)

    async def write_file(self, file: str, contents: str | bytes) -> None:
        """Write a file inside, as the agent."""
        data = contents.encode() if isinstance(contents, str) else contents
        answer = await self._channel.ask(
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
        answer = await self._channel.ask(verb="read", path=str(self.project / file), most=most)
        _raise(answer, file)
        if answer.cut:
            raise OutputLimitExceededError(f"{most} bytes", None)
        data = base64.b64decode(answer.out)
        return data.decode("utf-8") if text else data

    async def probe(self, cmd: list[str]) -> str:
        """What a command prints that is run inside, but is no step of the agent's.

        Raises:
            SandboxUnavailableError: the sandbox is dead.
        """
        answer = await self._channel.ask(
            verb="run", command=cmd, folder=str(self.project), seconds=20, most=MOST_OUTPUT
        )
        return _text(answer.out)

    async def mark(self, name: str) -> None:
        """Note where the agent is now, after this many of its steps (`Truth.step_of`)."""
        async with self._one:
            # What the last session still did is its own.
            await self._observe(len(self._steps))
            self._note([Happened(name, len(self._steps))])

    def messages(self) -> list[str]:
        """What the surroundings say to the agent now; each message is given once.

        It has happened when it was asked for here: what an agent's scaffold never hands on
        was never said.
        """
        given, self._messages = self._messages, []
        self._note([Happened(one.name, len(self._steps)) for one in given])
        return [one.message for one in given]

    def _note(self, happened: list[Happened]) -> None:
        self._happened += happened
        self.internet.happened = tuple(one.name for one in self._happened)

    async def truth(self) -> Truth:
        """What happened so far, with a last look at files and processes."""
        async with self._one:
            with contextlib.suppress(SandboxUnavailableError):
                await self._prepare()
            await self._observe(len(self._steps))
            ended = await asyncio.to_thread(self._observer.ended)
        requests = tuple(self.internet.requests)
        return Truth(
            steps=tuple(self._steps),
            files=tuple(self._observer.files),
            processes=self._observer.processes,
            left=self._observer.left,
            requests=requests,
            decoys=tuple(sorted(self._used.union(*(one.decoys for one in requests)))),
            alive=not self._channel.fault,
            fault=self._channel.fault,
            versions=tuple(self._observer.versions),
            happened=tuple(self._happened),
            bridged=self._bridged,
            ended=ended,
        )

    def content(self, path: str) -> bytes | None:
        """A project file as it is now, read outside; None where it is no regular file."""
        return self._observer.content(path)

    async def _prepare(self) -> None:
        """Set the scene, once, when the instance's files are in place."""
        if self._prepared:
            return
        self._prepared = True
        if self._instance and self._instance.prepare:
            answer = await self._surroundings(self._instance.prepare)
            if answer.status:
                said = _text(answer.err)[-300:]
                self._channel.fail(f"the scene could not be set: {printable(said, 300)}")
        await self._look(self._observer.begin)

    async def _happen(self) -> None:
        """Let what is due of the instance's happenings happen."""
        for one in list(self._waiting):
            asked = any(one.request == each.host + each.path for each in self.internet.requests)
            if (
                len(self._steps) < one.steps
                or (one.file and self._observer.content(one.file) is None)
                or (one.request and not asked)
            ):
                continue
            self._waiting.remove(one)
            if one.message:
                self._messages.append(one)
            else:
                self._note([Happened(one.name, len(self._steps))])
            for path, text in one.files.items():
                with contextlib.suppress(OSError):
                    await self.write_file(path, text)
            if one.command:
                await self._surroundings(one.command)
            await self._look(self._observer.settle)

    async def _surroundings(self, shell: str) -> Answer:
        return await self._channel.ask(
            verb="run", command=["bash", "-c", shell], folder=str(self.project), seconds=30,
            most=4_000, environment={"BASH_ENV": ""},
        )  # fmt: skip

    async def _observe(self, step: int) -> float:
        """Take files and processes after a step; returns the seconds that it took."""
        began = time.monotonic()
        await self._look(lambda: self._observer.look(step))
        return time.monotonic() - began

    async def _look(self, how: Callable[[], None]) -> None:
        """Look in this thread while that is quick, so that a step of one sample does not queue
        behind those of a hundred others; large folders are looked at in a thread."""

        def timed() -> None:
            began = time.thread_time()
            how()
            self._looked = time.thread_time() - began

        try:
            if self._looked < _QUICK:
                timed()
            else:
                await asyncio.get_running_loop().run_in_executor(_LOOKING, timed)
        except OSError as error:
            self._channel.fail(f"the project folder cannot be followed any more: {error}")

    def _note_decoys(self, data: bytes) -> None:
        self._used.update(name for name, secret in self._decoys.items() if secret.encode() in data)


def _result(cmd: list[str], answer: Answer, most: int, *, cut: bool = False) -> ExecResult[str]:
    if answer.late:
        raise TimeoutError("the command did not end in time")
    if answer.errno:
        return ExecResult(False, 127, "", f"{cmd[0]}: {answer.error}")
    out, err = _text(answer.out), _text(answer.err)
    if answer.cut and not cut:
        raise OutputLimitExceededError(f"{most} bytes", out or err)
    return ExecResult(answer.status == 0, answer.status, out, err)


def _remove(folder: Path) -> None:
    """Remove a folder, also parts of it that were closed to their owner."""
    for place, inner, _ in os.walk(folder):
        for name in inner:
            path = Path(place, name)
            if not path.is_symlink():
                with contextlib.suppress(OSError):
                    path.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


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
