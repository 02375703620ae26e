"""Which processes are the deployment's: by lineage, mark, control group and session.

A process belongs to a run when any of these says so:

- it is the root of the run or descends from a member;
- its environment carries the run's mark (`ROGUEWATCH_RUN`), which every child inherits
  unless it takes care not to;
- it is in the run's control group;
- its session was made by a member (a double fork escapes its parents, not its session,
  unless it makes one of its own, which is then a member's again).

Nothing is ever taken for a member by name, user or command line: neighbours share those.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from roguewatch.control.stop.process import Process, alive, processes, variable

MARK = "ROGUEWATCH_RUN"


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """How the processes of one run are known."""

    run: str
    """The run's mark in the environment."""
    roots: tuple[tuple[int, int], ...] = ()
    """Identities (pid, start ticks) of the processes that it began with."""
    groups: tuple[Path, ...] = ()
    """Its control groups' folders."""
    spared: tuple[int, ...] = ()
    """Pids that are never members: this process and the daemon."""


class Members:
    """The members of a run, growing as they are looked for.

    Args:
        lineage: how they are known.
    """

    def __init__(self, lineage: Lineage) -> None:
        self._lineage = lineage
        self.found: dict[tuple[int, int], Process] = {}
        self._sessions: set[int] = set()

    def look(self) -> list[Process]:
        """Look once over all processes. Returns the living members not known before."""
        now = {process.pid: process for process in processes()}
        grouped = self._grouped()
        marked: dict[tuple[int, int], bool] = {}
        new: list[Process] = []
        changed = True
        while changed:
            changed = False
            for process in now.values():
                if process.identity in self.found or process.pid in self._lineage.spared:
                    continue
                if self._belongs(process, now, grouped, marked):
                    self.found[process.identity] = process
                    if process.session == process.pid:
                        self._sessions.add(process.session)
                    new.append(process)
                    changed = True
        return [process for process in new if not process.dead]

    def _belongs(
        self,
        process: Process,
        now: dict[int, Process],
        grouped: set[int],
        marked: dict[tuple[int, int], bool],
    ) -> bool:
        if process.identity in self._lineage.roots or process.pid in grouped:
            return True
        parent = now.get(process.parent)
        if parent is not None and parent.identity in self.found:
            return True
        if process.session in self._sessions and process.session != 0:
            return True
        if process.identity not in marked:
            marked[process.identity] = variable(process.pid, MARK) == self._lineage.run
        return marked[process.identity]

    def _grouped(self) -> set[int]:
        pids: set[int] = set()
        for folder in self._lineage.groups:
            pids.update(group_pids(folder))
        return pids

    def living(self) -> list[Process]:
        """Known members that still run."""
        return [process for process in self.found.values() if alive(process)]


def group_pids(folder: Path) -> set[int]:
    """Pids in a control group and the groups below it."""
    pids: set[int] = set()
    for file in _procs_files(folder):
        try:
            pids.update(int(line) for line in file.read_text().split())
        except OSError:
            continue
    return pids


def _procs_files(folder: Path) -> Iterable[Path]:
    try:
        return [folder / "cgroup.procs", *folder.rglob("cgroup.procs")]
    except OSError:
        return []
