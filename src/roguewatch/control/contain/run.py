"""Run a command in containment, and know its every process.

`Contained` starts the command behind all walls and gives the verbs that control needs:
freeze, kill, wait. Nothing is run when a required wall cannot be put up.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import msgspec

from roguewatch.control.contain import bubblewrap, seccomp, stage
from roguewatch.control.contain.bubblewrap import INSIDE, Mount
from roguewatch.control.contain.cgroup import ControlGroup
from roguewatch.control.contain.identity import Identity, identity_of
from roguewatch.control.contain.wall import Wall
from roguewatch.errors import ControlError

HOME = "/home/agent"
EGRESS_PORT = 3128
"""Port on the inside's own loopback where the proxy listens."""

_SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
_STARTED_SECONDS = 20.0


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may have."""

    deployment: str
    command: tuple[str, ...]
    project: Path
    """The one folder of the machine that can be written; also the working directory."""
    environment: Mapping[str, str] = {}
    readable: tuple[Path, ...] = ()
    """More of the machine to show, read only, at its own place."""
    sockets: Mapping[str, Path] = {}
    """Name inside → Unix socket outside; they stand in `/run/roguewatch/`."""
    ports: Mapping[int, str] = {}
    """Port on the inside's loopback → name of the socket that it leads to."""
    processes: int = 512
    memory: int = 4 << 30
    silence: float = 0.0
    """Seconds without a `beat` after which all inside ends by itself; 0: it need not beat."""


class Contained:
    """One running containment.

    Args:
        inside: what to run, with what.
        streams: keyword arguments for the process's stdin, stdout and stderr.

    Raises:
        ControlError: a required wall cannot be put up, or the command cannot be started.
    """

    def __init__(self, inside: Inside, **streams: object) -> None:
        self.inside = inside
        self.identity: Identity = identity_of(inside.deployment)
        slug = re.sub(r"[^a-z0-9-]+", "-", inside.deployment.casefold())[:24].strip("-") or "agent"
        self.run = f"{slug}-{secrets.token_hex(4)}"
        code, filter_wall = seccomp.program()
        self.group = ControlGroup(self.run, processes=inside.processes, memory=inside.memory)
        self.walls = (*_namespace_walls(self.identity), filter_wall, *self.group.walls)
        missing = [wall for wall in self.walls if wall.required and not wall.enforced]
        if missing or code is None:
            self.group.remove()
            faults = "; ".join(f"{wall.name}: {wall.how}" for wall in missing)
            raise ControlError(f"nothing was run, a required wall is missing: {faults}")
        self._lifeline = self._info = self._init = -1
        self.staging = Path(tempfile.mkdtemp(prefix=f"roguewatch-{self.run}-"))
        try:
            self._start(code, slug, streams)
        except BaseException:
            self.close()
            raise

    def _start(self, code: bytes, slug: str, streams: Mapping[str, object]) -> None:
        self._info = _memory_file("")
        lifeline, self._lifeline = os.pipe()
        os.set_blocking(self._lifeline, False)
        lives, says_it_lives = os.pipe()
        descriptors = [seccomp.as_file(code), lifeline, says_it_lives]
        accounts = {}
        for place, text in _accounts(self.identity, slug).items():
            accounts[place] = _memory_file(text)
            descriptors.append(accounts[place])
        python, python_mounts = bubblewrap.interpreter()
        init = files("roguewatch.control.contain").joinpath("init.py")
        with as_file(init) as script, contextlib.ExitStack() as closing:
            self.staging.chmod(0o755)
            shutil.copy(script, self.staging / "init.py")
            before = [
                bubblewrap.find_bubblewrap(),
                *bubblewrap.arguments(
                    project=self.inside.project,
                    environment=self._environment(python),
                    accounts=accounts,
                    host_name=slug,
                    seccomp=descriptors[0],
                    info=self._info,
                ),
            ]
            command = self._inner(str(python), lifeline, says_it_lives)
            (self.staging / "stage").mkdir()
            plan = stage.Plan(
                uid=self.identity.uid,
                gid=self.identity.gid,
                folder=self.staging / "stage",
                mounts=(*python_mounts, *self._mounts()),
                join=tuple(self.group.join_files()),
                before=tuple(before),
                command=command,
                lifeline=lifeline,
            )
            plan_file = _memory_file(msgspec.json.encode(plan, enc_hook=str).decode())
            descriptors.append(plan_file)
            for descriptor in descriptors:
                closing.callback(os.close, descriptor)
            self.process: subprocess.Popen[bytes] = subprocess.Popen(
                [sys.executable, "-I", "-m", stage.__name__, str(plan_file)],
                pass_fds=[self._info, *descriptors],
                process_group=0,
                env={"PATH": _SYSTEM_PATH, "LANG": "C.UTF-8"},
                cwd="/",
                **streams,  # type: ignore[call-overload,unused-ignore]
            )
        try:
            self._await_life(lives)
            # bwrap writes it before it lets the first process go on.
            self.init_pid = int(json.loads(os.pread(self._info, 4096, 0))["child-pid"])
            self._init = os.pidfd_open(self.init_pid)
        except OSError as error:
            raise ControlError(f"the containment did not start: {error}") from error
        self.beat()  # known, so it may begin

    def _inner(self, python: str, lifeline: int, says_it_lives: int) -> tuple[str, ...]:
        """The inner init (`init.py`), and behind it the command."""
        forwards = (f"{port}={INSIDE / name}" for port, name in self.inside.ports.items())
        return (
            python, "-I", "-S", str(INSIDE / "init.py"), str(lifeline), str(says_it_lives),
            str(self.inside.silence), *forwards, "--", *self.inside.command,
        )  # fmt: skip

    def _await_life(self, lives: int) -> None:
        """Wait until the inside's first process runs: from then on the lifeline holds.

        Raises:
            ControlError: bubblewrap ended, or took too long.
        """
        ended = os.pidfd_open(self.process.pid)
        try:
            readable, _, _ = select.select([lives, ended], [], [], _STARTED_SECONDS)
            if lives not in readable or os.read(lives, 1) != b"1":
                raise ControlError("the containment did not start; what bubblewrap said is above")
        finally:
            os.close(lives)
            os.close(ended)

    def _mounts(self) -> Sequence[Mount]:
        project = self.inside.project
        mounts = [
            Mount(source=self.staging / "init.py", inside=INSIDE / "init.py"),
            Mount(source=project, inside=project, writable=True),
        ]
        mounts += [Mount(source=path, inside=path) for path in self.inside.readable]
        mounts += [
            Mount(source=socket, inside=INSIDE / name)
            for name, socket in self.inside.sockets.items()
        ]
        return mounts

    def _environment(self, python: Path) -> dict[str, str]:
        path = _SYSTEM_PATH
        if not str(python).startswith("/usr/"):
            path = f"{path}:{python.parent}"
        proxy = {}
        if EGRESS_PORT in self.inside.ports:
            for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
                proxy[name] = f"http://127.0.0.1:{EGRESS_PORT}"
            proxy["no_proxy"] = proxy["NO_PROXY"] = "127.0.0.1,localhost"
        return {
            "HOME": HOME, "PATH": path, "LANG": "C.UTF-8", "USER": "agent", "LOGNAME": "agent",
            "TMPDIR": "/tmp", "TERM": os.environ.get("TERM", "dumb"),  # noqa: S108
            "ROGUEWATCH_DEPLOYMENT": self.inside.deployment,
            **proxy, **self.inside.environment,
        }  # fmt: skip

    def beat(self) -> None:
        """Tell the inside that whoever started it still watches over it."""
        with contextlib.suppress(BlockingIOError, BrokenPipeError):  # full or gone: as good
            os.write(self._lifeline, b".")

    def freeze(self) -> bool:
        """Make every process inside stand still. False where that cannot be shown."""
        return self.group.freeze()

    def kill(self) -> None:
        """Kill the namespace's first process, and with it everything inside."""
        if self._init >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._init, signal.SIGKILL)
        self.group.kill()
        self.group.thaw()

    def survivors(self, seconds: float = 2.0) -> set[int]:
        """Processes of this run that are still there after at most `seconds`."""
        deadline = time.monotonic() + seconds
        while (left := self.group.pids()) and time.monotonic() < deadline:
            time.sleep(0.005)
        return left

    def wait(self, seconds: float | None = None) -> int:
        """The command's exit status, as a shell would give it.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        status = self.process.wait(seconds)
        self.kill()  # bubblewrap may have been killed alone, and have left the inside behind
        return status if status >= 0 else 128 - status

    def close(self) -> None:
        """Kill what still runs and take the walls down."""
        self.kill()
        if hasattr(self, "process") and self.process.returncode is None:
            # The group: a first process that still waits for bubblewrap would wait for ever.
            # Not reaped yet, so that its number is nobody else's.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        for name in ("_lifeline", "_info", "_init"):
            if (descriptor := getattr(self, name)) >= 0:
                os.close(descriptor)
                setattr(self, name, -1)
        self.group.remove()
        shutil.rmtree(self.staging, ignore_errors=True)

    def __enter__(self) -> Contained:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _namespace_walls(identity: Identity) -> list[Wall]:
    names = ("user", "pid", "mount", "ipc", "network", "uts")
    walls = [Wall(name=name, enforced=True, how="bubblewrap namespace") for name in names]
    said = f"uid {identity.uid}" if identity.own else "shares the caller's uid"
    walls.append(Wall(name="identity", enforced=identity.own, how=said, required=False))
    return walls


def _accounts(identity: Identity, host: str) -> dict[str, str]:
    return {
        "/etc/passwd": f"root:x:0:0:root:/root:/usr/sbin/nologin\n"
        f"agent:x:{identity.uid}:{identity.gid}:agent:{HOME}:/bin/sh\n",
        "/etc/group": f"root:x:0:\nagent:x:{identity.gid}:\n",
        "/etc/hosts": f"127.0.0.1 localhost {host}\n::1 localhost\n",
        "/etc/resolv.conf": "",
    }


def _memory_file(text: str) -> int:
    descriptor = os.memfd_create("roguewatch", 0)
    os.write(descriptor, text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
