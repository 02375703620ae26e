"""A process tree with its session, mark and control groups."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from roguewatch.control.stop.adapter import Halted
from roguewatch.control.stop.evidence import preserve
from roguewatch.control.stop.kill import freeze, kill
from roguewatch.control.stop.members import Lineage, Members
from roguewatch.control.stop.probes import Probe, control_groups, describe, process_table
from roguewatch.control.stop.process import own_line, read_process
from roguewatch.errors import ControlError
from roguewatch.printable import printable


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """How a tree of processes is found again."""

    mark: str = ""
    """Value of `ROGUEWATCH_RUN` in its environment; empty where it was started without."""
    roots: tuple[tuple[int, int], ...] = ()
    """(pid, start ticks) of the processes that it began with."""
    groups: tuple[str, ...] = ()
    """Folders of its control groups."""
    found: tuple[tuple[int, int], ...] = ()
    """Those of its processes that a watch has seen leave its tree: neither mark nor lineage
    tells of them any more."""


def target_of(pid: int, mark: str = "", groups: tuple[Path, ...] = ()) -> str:
    """The target for a running process.

    Raises:
        ControlError: there is no such process, or it is this one.
    """
    process = read_process(pid)
    if process is None or process.dead:
        raise ControlError(f"no process {pid} runs")
    if pid in (1, os.getpid()):
        raise ControlError(f"process {pid} is not an agent's: it is init or this command")
    target = Target(
        mark=mark, roots=(process.identity,), groups=tuple(str(folder) for folder in groups)
    )
    return msgspec.json.encode(target).decode()


def lineage_of(target: str) -> Lineage:
    """The lineage that a target describes.

    Raises:
        ControlError: it is no target of this adapter.
    """
    try:
        known = msgspec.json.decode(target, type=Target)
    except msgspec.MsgspecError as error:
        raise ControlError(f"not a process target: {printable(str(error), 200)}") from error
    return Lineage(
        # No process can carry this mark: an empty one would match every process without.
        run=known.mark or "\0",
        roots=(*known.roots, *known.found),
        groups=tuple(Path(folder) for folder in known.groups),
        spared=(*own_line(), 1),  # whoever stops must not stop itself
    )


class ProcessAdapter:
    """Stops processes on this machine."""

    name = "process"

    def describe(self, target: str) -> str:
        """The roots, and how many members there are now."""
        members = Members(lineage_of(target))
        members.look()
        living = members.living()
        first = describe(living[0]) if living else "nothing that runs"
        return f"{len(living)} processes: {first}"

    def stop(self, target: str) -> Halted:
        """Freeze all, keep what they were, kill all."""
        members = Members(lineage_of(target))
        rested, _ = freeze(members)
        evidence = preserve(members.living())
        killed = kill(members)
        notes = [] if rested else ["the search did not come to rest before killing began"]
        if killed.refused:
            notes.append(f"no permission to signal: {', '.join(map(str, killed.refused))}")
        return Halted(
            found=len(killed.found),
            survivors=tuple(describe(process) for process in killed.survivors),
            evidence=evidence,
            frozen_seconds=killed.frozen_seconds,
            dead_seconds=killed.dead_seconds,
            notes=tuple(notes),
        )

    def probe(self, target: str) -> list[Probe]:
        """The process table and the control groups, read afresh."""
        lineage = lineage_of(target)
        return [process_table(lineage, ()), control_groups(lineage)]


adapter = ProcessAdapter()
