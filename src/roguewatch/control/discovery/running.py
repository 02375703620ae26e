"""Agents that run now, and which of them the register knows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from roguewatch.control.discovery.recognition import Looks, Recogniser, inside, looks, matches
from roguewatch.control.ownership import folders_of
from roguewatch.control.stop.adapters.contained import members as contained
from roguewatch.control.stop.adapters.process import lineage_of
from roguewatch.control.stop.members import Members
from roguewatch.control.stop.process import Process, processes
from roguewatch.errors import ControlError
from roguewatch.printable import printable, printable_path
from roguewatch.state.register import Deployment
from roguewatch.state.runs import Run

_OPEN_RUN = "run that is open"


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """One agent that runs now, with what it started."""

    pid: int
    started: int
    """Clock ticks after boot: with the pid, its identity."""
    surface: str
    """Of the agent; empty where only its entry recognises it."""
    sign: str
    """What gave it away: executable, command line, environment, session file."""
    deployment: str
    """Empty: it runs unregistered."""
    basis: str
    """Why it is that deployment's."""
    executable: str
    command: str
    folder: str
    user: int
    sessions: tuple[str, ...]
    """Session files that it holds open."""
    children: int
    """Processes below it."""
    unreadable: bool = False
    """Its environment or open files could not be read: only its name and arguments spoke."""


def running(
    deployments: Mapping[str, Deployment],
    runs: Iterable[Run],
    home: Path,
    variables: Mapping[str, str],
) -> list[Running]:
    """The agents that run now, by pid. This command and those above it are left out.

    Args:
        deployments: the register, by name.
        runs: open runs: their members are their deployment's.
        home: whose session files are looked for.
        variables: the environment that may move them.
    """
    now = {process.pid: process for process in processes() if not process.dead}
    spared = set(_line(os.getpid(), now))
    run_of = _members(runs)
    recogniser = Recogniser(home, variables)
    seen = {pid: looks(pid) for pid in now if pid not in spared}
    found: dict[int, Running] = {}
    for pid, look in seen.items():
        agent = recogniser.agent(look)
        if (
            agent is not None
            and agent[1] == "environment"
            and _below_agent(now[pid], now, seen, recogniser)
        ):
            agent = None  # told as one of its agent's children
        whose, basis = _whose(pid, look, agent[0] if agent else "", deployments, run_of)
        if agent is None and basis in ("", _OPEN_RUN):
            continue  # no agent by sight, or a tool that a registered run started
        if agent is None and basis.startswith("folder"):
            continue  # a shell or an editor in the project's folder is no agent
        found[pid] = _told(now[pid], look, agent, whose, basis, now)
    tops = [one for one in found.values() if not _above(now[one.pid], now, found, one)]
    return sorted(tops, key=lambda one: one.pid)


def _whose(
    pid: int, look: Looks, surface: str, deployments: Mapping[str, Deployment],
    run_of: Mapping[int, str],
) -> tuple[str, str]:  # fmt: skip
    if pid in run_of:
        return run_of[pid], _OPEN_RUN
    for name, entry in deployments.items():
        if by := matches(entry.recognition, look):
            return name, by
    for name, entry in deployments.items():
        if surface and entry.surface == surface and inside(folders_of(entry), look.folder):
            return name, f"surface and folder {printable(look.folder, 200)}"
    return "", ""


def _told(
    process: Process, look: Looks, agent: tuple[str, str] | None, whose: str, basis: str,
    now: Mapping[int, Process],
) -> Running:  # fmt: skip
    surface, sign = agent or ("", "")
    sessions = [file for file in look.open_files if file.endswith((".jsonl", ".json"))]
    return Running(
        pid=process.pid,
        started=process.started,
        surface=surface,
        sign=sign,
        deployment=whose,
        basis=basis,
        executable=printable_path(look.executable),
        command=printable(" ".join(look.arguments) or process.name, 300),
        folder=printable_path(look.folder),
        user=_user(process.pid),
        sessions=tuple(printable_path(file) for file in sessions[:20]),
        children=sum(process.pid in _line(pid, now)[1:] for pid in now),
        unreadable=not look.environment or not look.executable,
    )


def _members(runs: Iterable[Run]) -> dict[int, str]:
    """The deployment of every process that belongs to an open run."""
    found: dict[int, str] = {}
    for run in runs:
        try:
            if run.adapter == "process":
                members = Members(lineage_of(run.target))
                members.look()
                pids = [process.pid for process in members.living()]
            elif run.adapter == "contained":
                pids = [process.pid for process in contained(run.target)]
            else:
                continue
        except ControlError:
            continue  # a target of another version says nothing of what runs now
        found |= dict.fromkeys(pids, run.deployment)
    return found


def _below_agent(
    process: Process, now: Mapping[int, Process], seen: Mapping[int, Looks], by: Recogniser
) -> bool:
    """Whether an ancestor is an agent by a sign of its own."""
    for pid in _line(process.pid, now)[1:]:
        agent = by.agent(seen[pid]) if pid in seen else None
        if agent is not None and agent[1] != "environment":
            return True
    return False


def _above(
    process: Process, now: Mapping[int, Process], found: Mapping[int, Running], one: Running
) -> bool:
    """Whether the same agent's process is above: a launcher and its child are one."""
    return any(
        pid in found
        and found[pid].surface == one.surface
        and found[pid].deployment == one.deployment
        for pid in _line(process.pid, now)[1:]
    )


def _line(pid: int, now: Mapping[int, Process]) -> list[int]:
    """A process and its ancestors."""
    line: list[int] = []
    while pid in now and pid not in line:
        line.append(pid)
        pid = now[pid].parent
    return line


def _user(pid: int) -> int:
    try:
        return Path(f"/proc/{pid}").stat().st_uid
    except OSError:
        return -1
