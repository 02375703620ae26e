"""A run of `roguewatch run`: one namespace whose first process takes all along."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import msgspec

from roguewatch.control.stop.adapter import Halted
from roguewatch.control.stop.evidence import preserve
from roguewatch.control.stop.probes import Probe, describe
from roguewatch.control.stop.process import Process, alive, processes, read_process, send
from roguewatch.errors import ControlError
from roguewatch.printable import printable

KILL_SECONDS = 5.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How a containment is found again."""

    init: tuple[int, int]
    """(pid, start ticks) of the namespace's first process, as the outside sees it."""
    namespace: int
    """Inode of the pid namespace: every process inside shows it, and no other."""
    groups: tuple[str, ...] = ()


def target_of(init_pid: int, groups: tuple[Path, ...] = ()) -> str:
    """The target for a containment whose first process is `init_pid`.

    Raises:
        ControlError: it is gone already.
    """
    process, namespace = read_process(init_pid), namespace_of(init_pid)
    if process is None or namespace is None:
        raise ControlError(f"the containment's first process {init_pid} is gone")
    target = Target(
        init=process.identity, namespace=namespace, groups=tuple(str(path) for path in groups)
    )
    return msgspec.json.encode(target).decode()


def namespace_of(pid: int) -> int | None:
    """Inode of a process's pid namespace; None where it cannot be seen."""
    try:
        return Path(f"/proc/{pid}/ns/pid").stat().st_ino
    except OSError:
        return None


def _decode(target: str) -> Target:
    try:
        return msgspec.json.decode(target, type=Target)
    except msgspec.MsgspecError as error:
        raise ControlError(f"not a containment target: {printable(str(error), 200)}") from error


def members(target: str) -> list[Process]:
    """Who lives in a containment now; nobody once its first process is dead.

    Raises:
        ControlError: the target is none of a containment, or may not be looked into.
    """
    return _inside(_decode(target))


def _inside(target: Target) -> list[Process]:
    """Who lives in the containment: nobody once its first process is dead (pid_namespaces(7)).

    Then the inode may be that of a new namespace, of somebody else. So it is held while it is
    looked for, and only believed while the first process is the one that was entered.
    """
    try:
        held = os.open(f"/proc/{target.init[0]}/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError as error:
        raise ControlError("this user may not look into the containment") from error
    except OSError:
        return []
    try:
        if _lives(target) is None:
            return []
        return [
            process
            for process in processes()
            if not process.dead and namespace_of(process.pid) == target.namespace
        ]
    finally:
        os.close(held)


def _lives(target: Target) -> Process | None:
    """The containment's first process, while it does."""
    init = read_process(target.init[0])
    return init if init is not None and init.identity == target.init and not init.dead else None


class ContainedAdapter:
    """Stops containments of this machine."""

    name = "contained"

    def describe(self, target: str) -> str:
        """How many processes are inside, and the first."""
        inside = _inside(_decode(target))
        return f"containment with {len(inside)} processes" + (
            f": {describe(inside[0])}" if inside else ""
        )

    def stop(self, target: str) -> Halted:
        """Freeze what is inside, keep what it was, kill the first process and with it all."""
        known = _decode(target)
        began = time.monotonic()
        inside = _inside(known)
        for process in inside:
            send(process, signal.SIGSTOP)
        frozen = time.monotonic() - began
        evidence = preserve(inside)
        if (init := _lives(known)) is not None:
            send(init, signal.SIGKILL)
        deadline = time.monotonic() + KILL_SECONDS
        left = _inside(known)
        # Its first process is the last to die; where it does, nobody can be inside any more.
        while (left or _lives(known)) and time.monotonic() < deadline:
            for process in left:
                send(process, signal.SIGKILL)
            time.sleep(0.002)
            left = _inside(known)
        return Halted(
            found=len(inside),
            survivors=tuple(describe(process) for process in left if alive(process)),
            evidence=evidence,
            frozen_seconds=frozen,
            dead_seconds=time.monotonic() - began,
        )

    def probe(self, target: str) -> list[Probe]:
        """Whether any process shows the namespace, or the first process lives."""
        known = _decode(target)
        left = [describe(process) for process in _inside(known)]
        if (init := _lives(known)) is not None:
            left.append(f"first process {describe(init)}")
        return [Probe(name="namespace", survivors=tuple(dict.fromkeys(left)))]


adapter = ContainedAdapter()
