"""Limits on processes and memory, and a freezer, where the machine has control groups.

Machines differ: v2 only, v1 only, or hybrid with some controllers on either side. Each is
probed by using it; nothing is assumed from a version.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from pathlib import Path

from roguewatch.control.contain.wall import Wall

ROOT = Path("/sys/fs/cgroup")
_NAME = "roguewatch"


class ControlGroup:
    """One group of a deployment's run, over as many hierarchies as the machine has.

    Args:
        run: the run's own name; a folder of that name is made in each hierarchy.
        processes: most processes and threads at once.
        memory: most memory, in bytes.
    """

    def __init__(self, run: str, *, processes: int, memory: int) -> None:
        self.folders: list[Path] = []
        self.walls: list[Wall] = []
        self._freezers: list[tuple[Path, str, str]] = []
        self._killer: Path | None = None
        v2 = ROOT if (ROOT / "cgroup.controllers").exists() else ROOT / "unified"
        unified = self._make(v2, run)
        if unified is not None and (unified / "cgroup.freeze").exists():
            self._freezers.append((unified / "cgroup.freeze", "1", "0"))
        if unified is not None and (unified / "cgroup.kill").exists():
            self._killer = unified / "cgroup.kill"
        self._limit("processes", run, unified, "pids.max", "pids", "pids.max", processes)
        self._limit("memory", run, unified, "memory.max", "memory", "memory.limit_in_bytes", memory)
        if not self._freezers:
            freezer = self._make(ROOT / "freezer", run)
            if freezer is not None and (freezer / "freezer.state").exists():
                self._freezers.append((freezer / "freezer.state", "FROZEN", "THAWED"))
        self.walls.append(
            Wall(
                name="freezer",
                enforced=bool(self._freezers),
                how=str(self._freezers[0][0]) if self._freezers else "no freezer can be used",
                required=False,
            )
        )

    def _make(self, hierarchy: Path, run: str) -> Path | None:
        folder = hierarchy / _NAME / run
        if folder in self.folders:
            return folder
        try:
            if not hierarchy.is_dir():
                return None
            folder.mkdir(parents=True)
            with contextlib.suppress(OSError):
                (hierarchy / "cgroup.subtree_control").write_text("+pids +memory")
                (hierarchy / _NAME / "cgroup.subtree_control").write_text("+pids +memory")
        except OSError:
            return None
        self.folders.append(folder)
        return folder

    def _limit(
        self, name: str, run: str, unified: Path | None, v2: str, controller: str, v1: str,
        most: int,
    ) -> None:  # fmt: skip
        tried = []
        for folder, file in ((unified, v2), (self._make(ROOT / controller, run), v1)):
            if folder is None or not (folder / file).exists():
                continue
            try:
                (folder / file).write_text(str(most))
            except OSError as error:
                tried.append(f"{folder / file}: {error.strerror}")
                continue
            self.walls.append(
                Wall(name=name, enforced=True, how=f"{folder / file} = {most}", required=False)
            )
            return
        why = "; ".join(tried) or f"no {controller} controller can be used here"
        self.walls.append(Wall(name=name, enforced=False, how=why, required=False))

    def join_files(self) -> list[Path]:
        """The files that a process writes its pid to, to enter the group."""
        return [folder / "cgroup.procs" for folder in self.folders]

    def pids(self) -> set[int]:
        """The processes in the group, by any hierarchy."""
        found: set[int] = set()
        for file in self.join_files():
            with contextlib.suppress(OSError):
                found.update(int(line) for line in file.read_text().split())
        return found

    def freeze(self, seconds: float = 2.0) -> bool:
        """Stop every process in the group at once, so that nothing respawns meanwhile.

        Returns:
            Whether all of them stand still; False where there is no freezer or it did not
            settle in time.
        """
        for file, on, _ in self._freezers:
            try:
                file.write_text(on)
            except OSError:
                continue
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                if _frozen(file, on):
                    return True
                time.sleep(0.005)
        return False

    def thaw(self) -> None:
        """Let them run again; killing frozen processes on v1 needs it."""
        for file, _, off in self._freezers:
            with contextlib.suppress(OSError):
                file.write_text(off)

    def kill(self) -> None:
        """SIGKILL every process in the group, also those that fork meanwhile."""
        if self._killer is not None:
            with contextlib.suppress(OSError):
                self._killer.write_text("1")
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)

    def remove(self, seconds: float = 2.0) -> bool:
        """Remove the group. Returns whether it is gone; it stays while a process is in it."""
        deadline = time.monotonic() + seconds
        left = list(self.folders)
        while left and time.monotonic() < deadline:
            still = []
            for folder in left:
                try:
                    folder.rmdir()
                except OSError as error:
                    if error.errno != errno.ENOENT:
                        still.append(folder)
            left = still
            if left:
                time.sleep(0.01)
        self.folders = left
        return not left


def _frozen(file: Path, on: str) -> bool:
    try:
        if file.name == "cgroup.freeze":
            return "frozen 1" in (file.parent / "cgroup.events").read_text()
        return file.read_text().strip() == on
    except OSError:
        return False
