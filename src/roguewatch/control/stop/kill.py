"""Freeze, then kill, every process of a run, however it forks, detaches or ignores.

SIGSTOP cannot be caught or ignored, and a stopped process cannot fork: so members are
stopped as they are found, and the search repeats until it finds nothing new twice. Only
then are they killed, all at once; SIGKILL reaches stopped processes too.
"""

from __future__ import annotations

import signal
import time

import msgspec

from roguewatch.control.stop.members import Members
from roguewatch.control.stop.process import Process, alive, send

FREEZE_SECONDS = 5.0
KILL_SECONDS = 5.0
_QUIET_ROUNDS = 2


class Killed(msgspec.Struct, frozen=True, kw_only=True):
    """What freezing and killing came to."""

    found: tuple[Process, ...]
    """Every member ever found, dead or alive."""
    survivors: tuple[Process, ...]
    frozen_seconds: float
    """From the beginning until nothing new was found."""
    dead_seconds: float
    """From the beginning until the last death, or until it was given up."""
    refused: tuple[int, ...] = ()
    """Pids that could not be signalled for want of permission."""


def freeze(members: Members, seconds: float = FREEZE_SECONDS) -> tuple[bool, set[int]]:
    """Stop every member until no new one appears.

    Returns:
        Whether the search came to rest, and the pids that may not be signalled.
    """
    deadline = time.monotonic() + seconds
    refused: set[int] = set()
    quiet = 0
    while quiet < _QUIET_ROUNDS:
        new = members.look()
        for process in new:
            _send(process, signal.SIGSTOP, refused)
        quiet = 0 if new else quiet + 1
        if time.monotonic() > deadline:
            return False, refused
    return True, refused


def kill(members: Members, seconds: float = KILL_SECONDS) -> Killed:
    """Freeze and kill every member of a run.

    Members that the search did not come to rest on (a fork storm) are killed round after
    round until none is left or time is up; what is left is reported, never assumed dead.
    """
    began = time.monotonic()
    _, refused = freeze(members)
    frozen = time.monotonic() - began
    deadline = time.monotonic() + seconds
    while True:
        living = members.living()
        for process in living:
            _send(process, signal.SIGKILL, refused)
        newly = members.look()
        for process in newly:
            _send(process, signal.SIGKILL, refused)
        # Waiting does not help against those that may not be signalled.
        if not newly and all(one.pid in refused for one in living if alive(one)):
            break
        if time.monotonic() > deadline:
            break
        time.sleep(0.002)
    survivors = tuple(members.living())
    return Killed(
        found=tuple(members.found.values()),
        survivors=survivors,
        frozen_seconds=frozen,
        dead_seconds=time.monotonic() - began,
        refused=tuple(sorted(refused)),
    )


def _send(process: Process, number: int, refused: set[int]) -> None:
    try:
        send(process, number)
    except PermissionError:
        refused.add(process.pid)
