"""Runs that another supervisor keeps: units, containers, cluster workloads, the cloud.

Each is a tool of that supervisor, called without a shell, with a time limit, and believed
only as far as its own probe goes: what it cannot answer is *not observed*, never dead.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from roguewatch.control.stop import workload
from roguewatch.control.stop.adapter import Halted
from roguewatch.control.stop.members import group_pids
from roguewatch.control.stop.probes import Probe
from roguewatch.control.stop.tool import ask, check_name
from roguewatch.errors import ControlError
from roguewatch.printable import printable

LOOK_SECONDS = 10.0
"""How long what has been killed may take to be gone from its supervisor's list."""

CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/systemd"), Path("/sys/fs/cgroup/unified"))


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor calls it."""

    name: str = ""
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
        stops: commands that stop a target, in this order. What fails is a note: whether
            the target is dead is for the probe to say.
        probes: the command that tells whether it still runs.
        runs: reads that command's status, output and errors: True it runs, False it does not,
            None it cannot be told.
    """

    def __init__(
        self,
        name: str,
        stops: Sequence[Command],
        probes: Command,
        runs: Callable[[int, str, str], bool | None],
    ) -> None:
        self.name = name
        self._stops = stops
        self._probes = probes
        self._runs = runs

    def describe(self, target: str) -> str:
        """What the target is called."""
        known = self._decode(target)
        return printable(f"{self.name} {known.name or ' '.join(known.stop)}", 200)

    def stop(self, target: str) -> Halted:
        """Stop it by its supervisor, then ask whether it is gone."""
        known = self._decode(target)
        began = time.monotonic()
        notes = []
        for command in self._stops:
            status, out, err = ask(command(known))
            if status:
                notes.append(printable((err or out).strip(), 300) or f"exit status {status}")
        runs = self._ask(known)
        deadline = time.monotonic() + LOOK_SECONDS
        while runs and time.monotonic() < deadline:
            time.sleep(0.1)
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
        note = ""
        try:
            runs = self._ask(known)
        except ControlError as error:
            runs, note = None, str(error)
        return [
            Probe(
                name=self.name,
                survivors=(self.describe(target),) if runs else (),
                observed=runs is not None,
                note=note or ("" if runs is not None else "its supervisor does not say"),
            )
        ]

    def _ask(self, known: Target) -> bool | None:
        return self._runs(*ask(self._probes(known)))

    def _decode(self, target: str) -> Target:
        try:
            known = msgspec.json.decode(target, type=Target)
        except msgspec.MsgspecError as error:
            raise ControlError(f"not a {self.name} target: {printable(str(error), 200)}") from error
        if known.name:
            check_name(known.name, self.name)
        if not known.name and not known.stop:
            raise ControlError(f"a {self.name} target needs a name or, for cloud, a command")
        return known


def _systemctl(*verbs: str) -> Command:
    return lambda t: ["systemctl", *(["--user"] if t.user else []), *verbs, "--", t.name]


def _container(tool: str, *verbs: str) -> Command:
    return lambda t: [tool, *verbs, t.name]


def _unit_runs(status: int, out: str, err: str) -> bool | None:
    """As the manager says, and as the kernel does: a unit with `KillMode=process` is inactive
    while processes of its control group live on."""
    told = dict(line.partition("=")[::2] for line in out.splitlines())
    state, group = told.get("ActiveState"), told.get("ControlGroup", "").lstrip("/")
    if status or not state:
        return None
    if group and any(group_pids(root / group) for root in CGROUPS):
        return True
    return state not in ("inactive", "failed")


def _container_runs(status: int, out: str, err: str) -> bool | None:
    # A paused container is alive: somebody can let it go on. One that restarts is too.
    word = out.strip().partition("\n")[0]
    if status == 0 and word:
        return word not in ("exited", "dead", "created", "stopped", "configured")
    return False if "no such" in err.casefold() else None


def container_id(engine: str, name: str) -> str:
    """The id of a container: its name may be another's tomorrow.

    Raises:
        ControlError: there is none of that name, or the engine cannot be asked.
    """
    check_name(name, engine)
    status, out, err = ask([engine, "container", "inspect", "--format", "{{.Id}}", name])
    if status or not out.strip():
        raise ControlError(f"{engine}: {printable(err.strip(), 200) or 'no answer'}")
    return out.strip()


# `stop` first, without waiting: from then on the manager does not restart the unit, and what
# `kill` ends stays dead. `--kill-whom=all` is every process of its control group.
systemd = Supervised(
    "systemd",
    (_systemctl("stop", "--no-block"), _systemctl("kill", "--kill-whom=all", "--signal=SIGKILL")),
    _systemctl("show", "--property=ActiveState", "--property=ControlGroup"),
    _unit_runs,
)
# A restart policy of `always` would bring it back when its daemon restarts.
docker, podman = (
    Supervised(
        engine,
        (_container(engine, "update", "--restart=no"), _container(engine, "kill")),
        _container(engine, "container", "inspect", "--format", "{{.State.Status}}"),
        _container_runs,
    )
    for engine in ("docker", "podman")
)
kubernetes = workload.adapter
cloud = Supervised(
    "cloud",
    (lambda target: target.stop,),
    lambda target: target.probe,
    lambda status, out, err: {0: True, 1: False}.get(status),
)
