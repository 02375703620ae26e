"""Runs that another supervisor keeps: units, containers, cluster workloads, the cloud.

Each is a tool of that supervisor, called without a shell, with a time limit, and believed
only as far as its own probe goes: what it cannot answer is *not observed*, never dead.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence

import msgspec

from roguewatch.control.stop.adapter import Halted
from roguewatch.control.stop.probes import Probe
from roguewatch.errors import ControlError
from roguewatch.printable import printable

SECONDS = 60.0

# A name that begins with a dash would be an option; a slash could leave a namespace.
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@/-]{0,252}")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor calls it."""

    name: str = ""
    kind: str = ""
    """Kubernetes: job, deployment, pod, …"""
    namespace: str = ""
    user: bool = False
    """systemd: the user's manager, not the system's."""
    stop: tuple[str, ...] = ()
    """Cloud: the command that stops it, as arguments."""
    probe: tuple[str, ...] = ()
    """Cloud: a command that exits 0 while it still runs, 1 when it does not."""


Command = Callable[[Target], Sequence[str]]


class Supervised:
    """An adapter over one supervisor's own tool.

    Args:
        name: the adapter's name.
        stops: commands that stop a target, tried in order; all must succeed.
        probes: the command that tells whether it still runs.
        runs: reads that command's status and output: True it runs, False it does not,
            None it cannot be told.
    """

    def __init__(
        self,
        name: str,
        stops: Sequence[Command],
        probes: Command,
        runs: Callable[[int, str], bool | None],
    ) -> None:
        self.name = name
        self._stops = stops
        self._probes = probes
        self._runs = runs

    def describe(self, target: str) -> str:
        """What the target is called."""
        known = self._decode(target)
        return printable(f"{self.name} {known.kind} {known.name or ' '.join(known.stop)}", 200)

    def stop(self, target: str) -> Halted:
        """Stop it by its supervisor, then ask whether it is gone."""
        known = self._decode(target)
        began = time.monotonic()
        notes = []
        for command in self._stops:
            status, output = _run(command(known))
            if status:
                notes.append(printable(output, 300) or f"exit status {status}")
        runs = self._ask(known)
        survivors = () if runs is False else (self.describe(target),)
        if runs is None:
            notes.append("whether it still runs cannot be told")
        return Halted(
            found=1,
            survivors=survivors,
            dead_seconds=time.monotonic() - began,
            notes=tuple(notes),
        )

    def probe(self, target: str) -> list[Probe]:
        """Ask the supervisor afresh."""
        known = self._decode(target)
        runs = self._ask(known)
        return [
            Probe(
                name=self.name,
                survivors=(self.describe(target),) if runs else (),
                observed=runs is not None,
            )
        ]

    def _ask(self, known: Target) -> bool | None:
        try:
            return self._runs(*_run(self._probes(known)))
        except ControlError:
            return None

    def _decode(self, target: str) -> Target:
        try:
            known = msgspec.json.decode(target, type=Target)
        except msgspec.MsgspecError as error:
            raise ControlError(f"not a {self.name} target: {printable(str(error), 200)}") from error
        for text in (known.name, known.kind, known.namespace):
            if text and not _NAME.fullmatch(text):
                raise ControlError(f"{printable(text, 80)!r} cannot name a {self.name} target")
        if not known.name and not known.stop:
            raise ControlError(f"a {self.name} target needs a name or, for cloud, a command")
        return known


def _run(command: Sequence[str]) -> tuple[int, str]:
    program = shutil.which(command[0]) if command else None
    if program is None:
        raise ControlError(
            f"{printable(command[0], 60) if command else 'the command'} is not installed here"
        )
    try:
        done = subprocess.run(
            [program, *command[1:]], capture_output=True, timeout=SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ControlError(f"{command[0]} did not answer within {SECONDS:g} s") from error
    return done.returncode, (done.stdout + done.stderr).decode("utf-8", "replace")


def _systemctl(*verbs: str) -> Command:
    return lambda t: ["systemctl", *(["--user"] if t.user else []), *verbs, "--", t.name]


def _container(tool: str, *verbs: str) -> Command:
    return lambda t: [tool, *verbs, t.name]


def _kubectl(*verbs: str, tail: tuple[str, ...] = ()) -> Command:
    def command(target: Target) -> list[str]:
        where = ["--namespace", target.namespace] if target.namespace else []
        return ["kubectl", *verbs, *where, f"{target.kind or 'pod'}/{target.name}", *tail]

    return command


def _unit_runs(status: int, output: str) -> bool | None:
    word = output.strip().partition("\n")[0]
    if word in ("active", "activating", "reloading", "deactivating"):
        return True
    return False if word in ("inactive", "failed", "unknown") else None


def _container_runs(status: int, output: str) -> bool | None:
    word = output.strip().partition("\n")[0]
    if word in ("true", "false"):
        return word == "true"
    return False if "no such" in output.casefold() else None


def _workload_runs(status: int, output: str) -> bool | None:
    if status == 0:
        return bool(output.strip())
    return False if "notfound" in output.casefold().replace(" ", "") else None


systemd = Supervised(
    "systemd",
    (_systemctl("kill", "--signal=KILL"), _systemctl("stop")),
    _systemctl("is-active"),
    _unit_runs,
)
docker = Supervised(
    "docker",
    (_container("docker", "kill"),),
    _container("docker", "inspect", "--format", "{{.State.Running}}"),
    _container_runs,
)
podman = Supervised(
    "podman",
    (_container("podman", "kill"),),
    _container("podman", "inspect", "--format", "{{.State.Running}}"),
    _container_runs,
)
kubernetes = Supervised(
    "kubernetes",
    (_kubectl("delete", "--grace-period=0", "--force", "--cascade=foreground"),),
    _kubectl("get", tail=("--ignore-not-found", "--output=name")),
    _workload_runs,
)
cloud = Supervised(
    "cloud",
    (lambda target: target.stop,),
    lambda target: target.probe,
    lambda status, output: {0: True, 1: False}.get(status),
)
