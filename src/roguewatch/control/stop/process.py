"""Processes by identity, not by number: a pid is reused, a pid with its start time is not."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec

PROC = Path("/proc")


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process, as `/proc` told at one moment."""

    pid: int
    started: int
    """Clock ticks after boot when it started: with the pid, its identity."""
    parent: int
    group: int
    session: int
    state: str
    """One letter: R, S, D, T, Z, …"""
    name: str

    @property
    def identity(self) -> tuple[int, int]:
        return (self.pid, self.started)

    @property
    def dead(self) -> bool:
        """A zombie does nothing any more; only its parent's attention is missing."""
        return self.state in ("Z", "X")


def read_process(pid: int) -> Process | None:
    """The process with this number now; None where there is none."""
    data = _read(pid, "stat")
    if not data:
        return None
    text = data.decode("utf-8", "replace")
    # The name is in parentheses and may hold anything, parentheses and newlines included.
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    if len(fields) < 20:
        return None
    return Process(
        pid=pid,
        started=int(fields[19]),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        state=fields[0],
        name=head.partition("(")[2],
    )


def processes() -> Iterator[Process]:
    """Every process that can be seen now."""
    for entry in os.listdir(PROC):
        if entry.isdigit():
            process = read_process(int(entry))
            if process is not None:
                yield process


def own_line() -> tuple[int, ...]:
    """Pids of this process and its ancestors."""
    line = []
    process = read_process(os.getpid())
    while process is not None and process.pid > 0:
        line.append(process.pid)
        process = read_process(process.parent)
    return tuple(line)


def environment(pid: int) -> dict[str, str]:
    """A process's environment as it was started; empty where it cannot be read."""
    pairs = (item.partition(b"=") for item in _read(pid, "environ").split(b"\0") if item)
    return {
        name.decode("utf-8", "replace"): value.decode("utf-8", "replace")
        for name, _, value in pairs
    }


def variable(pid: int, name: str) -> str:
    """One variable of a process's environment; empty where it has none."""
    data = b"\0" + _read(pid, "environ")
    _, _, found = data.partition(b"\0" + name.encode() + b"=")
    return found.partition(b"\0")[0].decode("utf-8", "replace")


def command_line(pid: int) -> list[str]:
    """A process's arguments; empty for a kernel thread or where they cannot be read."""
    data = _read(pid, "cmdline")
    return [part.decode("utf-8", "replace") for part in data.rstrip(b"\0").split(b"\0") if data]


def _read(pid: int, name: str) -> bytes:
    """A file of a process; empty where it is gone or may not be read."""
    try:
        # Looked at are hundreds at a time: a plain path and no layers.
        with open(f"{PROC}/{pid}/{name}", "rb", buffering=0) as file:
            return file.readall()
    except OSError:
        return b""


def send(process: Process, number: int) -> bool:
    """Send a signal to this very process, never to another that has got its number since.

    Returns:
        Whether it was sent; False where the process is gone.

    Raises:
        PermissionError: it belongs to somebody else.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except (ProcessLookupError, OSError):
        return False
    try:
        # The descriptor holds whoever has the number now; only then is identity checked.
        now = read_process(process.pid)
        if now is None or now.identity != process.identity:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    return True


def alive(process: Process) -> bool:
    """Whether this very process still runs (a zombie does not)."""
    now = read_process(process.pid)
    return now is not None and now.identity == process.identity and not now.dead


def boot_ticks_per_second() -> int:
    """Clock ticks a second, as `started` counts them."""
    return os.sysconf("SC_CLK_TCK")
