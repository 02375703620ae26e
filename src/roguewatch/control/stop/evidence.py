"""What is kept of processes before they are killed, under a time limit.

The process tree, open files, sockets, memory map and environment. Values in the
environment are kept only where they are harmless; a credential is never copied.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from roguewatch.control.stop.process import PROC, Process, command_line, environment
from roguewatch.printable import printable

SECONDS = 1.0
MAX_FILES = 256
MAX_MAPS = 512
_HARMLESS = frozenset(
    "HOME LANG LC_ALL LOGNAME OLDPWD PATH PWD SHELL SHLVL TERM TMPDIR TZ USER".split()
)


class ProcessEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """What one process was and held. All text is printable."""

    pid: int
    started: int
    parent: int
    session: int
    name: str
    command: tuple[str, ...]
    executable: str
    cwd: str
    user: int
    open_files: tuple[str, ...]
    mapped: tuple[str, ...]
    environment: dict[str, str]
    """Names of all variables; values only of harmless ones, `(kept out)` for the rest."""


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What was preserved, and what time did not allow."""

    processes: tuple[ProcessEvidence, ...]
    missed: tuple[int, ...]
    """Pids for which there was no time or no permission."""
    seconds: float


def preserve(members: Iterable[Process], seconds: float = SECONDS) -> Evidence:
    """Look at every process while it stands frozen, for at most `seconds` in all."""
    began = time.monotonic()
    kept, missed = [], []
    for process in members:
        if time.monotonic() - began > seconds:
            missed.append(process.pid)
            continue
        try:
            kept.append(_of(process))
        except OSError:
            missed.append(process.pid)
    return Evidence(processes=tuple(kept), missed=tuple(missed), seconds=time.monotonic() - began)


def _of(process: Process) -> ProcessEvidence:
    folder = PROC / str(process.pid)
    variables = environment(process.pid)
    return ProcessEvidence(
        pid=process.pid,
        started=process.started,
        parent=process.parent,
        session=process.session,
        name=printable(process.name, 100),
        command=tuple(printable(part, 1000) for part in command_line(process.pid)[:64]),
        executable=_link(folder / "exe"),
        cwd=_link(folder / "cwd"),
        user=folder.stat().st_uid,
        open_files=_open_files(folder / "fd"),
        mapped=_mapped(folder / "maps"),
        environment={
            printable(name, 100): printable(value, 500) if name in _HARMLESS else "(kept out)"
            for name, value in list(variables.items())[:256]
        },
    )


def _link(path: Path) -> str:
    try:
        return printable(os.readlink(path), 1000)
    except OSError:
        return ""


def _open_files(folder: Path) -> tuple[str, ...]:
    try:
        names = sorted(os.listdir(folder), key=int)[:MAX_FILES]
    except OSError:
        return ()
    return tuple(target for name in names if (target := _link(folder / name)))


def _mapped(file: Path) -> tuple[str, ...]:
    try:
        lines = file.read_text("utf-8", "replace").splitlines()[: MAX_MAPS * 8]
    except OSError:
        return ()
    paths = {parts[5] for line in lines if len(parts := line.split(None, 5)) == 6}
    return tuple(printable(path, 500) for path in sorted(paths)[:MAX_MAPS])
