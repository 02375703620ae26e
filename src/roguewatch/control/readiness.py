"""Readiness between drills: how old each proof is, and what has changed since.

A drill proves something about the machine, versions and settings that it ran on. When one
of these changes, or the proof grows old, stopping is *unassessed* again: not failed, and not
good either.
"""

from __future__ import annotations

import os
import platform
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import msgspec
from sqlalchemy import Engine, Row, select

from roguewatch import __version__
from roguewatch.control.contain.bubblewrap import find_bubblewrap
from roguewatch.control.contain.run import Contained, Inside
from roguewatch.control.stop.adapter import adapters
from roguewatch.errors import ControlError
from roguewatch.printable import printable
from roguewatch.state import tables
from roguewatch.state.database import transaction
from roguewatch.state.register import Register
from roguewatch.state.runs import Runs

MAX_AGE_DAYS = 30.0
PROBE_SECONDS = 20.0

State = Literal["proven", "failed", "stale", "unassessed"]
"""proven: the last drill left no survivor, and nothing has changed since. failed: it left
one. stale: it proved something about another machine, version or setting, or too long ago.
unassessed: never drilled, or skipped. Only the first is good."""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What is proven of one route or adapter. Times are ns UTC."""

    subject: str
    """A route, or `adapter NAME`."""
    contained: bool | None
    """None for an adapter."""
    state: State
    why: str
    drilled: int | None = None
    """When the last drill that was not skipped began."""
    age_seconds: float | None = None
    changed: tuple[str, ...] = ()
    """What is different from then, each as `name: before -> now`."""
    drill: int | None = None
    """Its row in the state."""


def circumstances(engine: Engine | None = None) -> dict[str, str]:
    """What a proof depends on, by name.

    Args:
        engine: the state, for the settings of deployments; None: they are left out.
    """
    found = {
        "roguewatch": __version__,
        "python": platform.python_version(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "boot settings": _digest(_sysctls()),
        "user": "root" if os.geteuid() == 0 else "unprivileged",
        "bubblewrap": _version(),
        "containment": probe(),
        "adapters": ", ".join(sorted(adapters())),
    }
    if engine is not None:
        # How deployments are decided about; one more of the same kind changes nothing.
        settings = sorted(
            {
                (entry.fail_mode, entry.can_fail_open, entry.policy)
                for entry in Register(engine).all()
            }
        )
        found["settings"] = _digest(msgspec.json.encode(settings).decode())
    return found


def recorded(parts: Mapping[str, str]) -> str:
    """Circumstances as a drill's row keeps them."""
    return msgspec.json.encode(dict(parts), order="sorted").decode()


def changes(then: str, now: Mapping[str, str]) -> tuple[str, ...]:
    """What differs between a drill's recorded circumstances and these."""
    try:
        before = msgspec.json.decode(then, type=dict[str, str])
    except msgspec.DecodeError:
        return ("an earlier version did not record what it depended on",)
    return tuple(
        f"{name}: {printable(before.get(name, 'not recorded'), 120)} -> "
        f"{printable(now.get(name, 'not known'), 120)}"
        for name in sorted(now)
        if before.get(name) != now[name]
    )


def proofs(
    engine: Engine,
    routes: Iterable[str],
    *,
    now: int | None = None,
    parts: Mapping[str, str] | None = None,
    max_age_days: float = MAX_AGE_DAYS,
) -> list[Proof]:
    """The proof of every route, contained and not, and of every adapter.

    Args:
        engine: the state.
        routes: the routes that there are: what was never drilled is unassessed.
        now: ns UTC; None: this moment.
        parts: the circumstances of now; None: they are looked at.
        max_age_days: an older proof is stale.
    """
    at = time.time_ns() if now is None else now
    here = circumstances(engine) if parts is None else parts
    table = tables.drills
    with transaction(engine) as connection:
        rows = connection.execute(select(table).order_by(table.c.id)).all()
    latest = _latest(drill for row in rows for drill in _drills(row))
    wanted: list[tuple[str, bool | None]] = [
        (route, contained) for route in routes for contained in (True, False)
    ]
    wanted += [(f"adapter {name}", None) for name in sorted(adapters())]
    wanted += [key for key in latest if key not in wanted]
    running = {run.adapter for run in Runs(engine).all(open_only=True)}
    limit = max_age_days * 86400
    return [_proof(key, latest.get(key), at, here, limit, running) for key in wanted]


def _latest(drills: Iterable[_Drill]) -> dict[tuple[str, bool | None], _Drill]:
    """The drill that counts for each subject. An adapter is proven on many routes: the last
    on each counts, and one that failed outweighs all others."""
    by_route: dict[tuple[str, bool | None, str], _Drill] = {}
    for drill in drills:
        route = (drill.subject, drill.contained, drill.route)
        # A skipped drill says nothing against an earlier proof.
        if not drill.skipped or route not in by_route or by_route[route].skipped:
            by_route[route] = drill
    latest: dict[tuple[str, bool | None], _Drill] = {}
    for (subject, contained, _), drill in by_route.items():
        other = latest.get((subject, contained))
        if other is None or _weight(drill) > _weight(other):
            latest[subject, contained] = drill
    return latest


def _weight(drill: _Drill) -> tuple[bool, bool, int]:
    return bool(drill.survivors), not drill.skipped, drill.id


class _Drill(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    subject: str
    contained: bool | None
    route: str
    began: int
    circumstances: str
    survivors: int
    skipped: str


def _drills(row: Row[Any]) -> Iterable[_Drill]:
    """What a row proves: its route, and the adapter that stopped it."""
    body = msgspec.json.decode(row.body)
    kind, route, contained = str(row.kind), str(row.route), bool(row.contained)
    survivors = body.get("survivors") or ()
    if kind == "investigation":  # what it missed is what survived the search
        survivors = body.get("missed") or ()
    told: dict[str, Any] = {
        "route": f"{route} {contained}",
        "id": row.id, "began": row.began, "circumstances": row.circumstances,
        "survivors": survivors if isinstance(survivors, int) else len(survivors),
        "skipped": printable(str(body.get("skipped") or ""), 300),
    }  # fmt: skip
    if kind == "route" and row.rung != 3:
        return  # on the lower rungs nothing is stopped
    if kind == "route":
        yield _Drill(subject=route, contained=contained, **told)
        adapter = body.get("adapter") or ("contained" if contained else "process")
        if not told["skipped"]:
            yield _Drill(subject=f"adapter {adapter}", contained=None, **told)
    elif kind == "adapter":
        yield _Drill(subject=f"adapter {route}", contained=None, **told)
    else:
        yield _Drill(subject=f"{kind} {route}", contained=None, **told)


def _proof(
    key: tuple[str, bool | None], drill: _Drill | None, now: int, here: Mapping[str, str],
    limit: float, running: set[str],
) -> Proof:  # fmt: skip
    subject, contained = key
    if drill is None:
        used = contained is None and subject.removeprefix("adapter ") in running
        why = "never drilled" + (", and runs that are open depend on it" if used else "")
        return Proof(subject=subject, contained=contained, state="unassessed", why=why)
    if drill.skipped:
        why = f"skipped: {drill.skipped}"
        return Proof(
            subject=subject, contained=contained, state="unassessed", why=why, drill=drill.id
        )
    age = (now - drill.began) / 1e9
    differ = changes(drill.circumstances, here)
    state: State
    if drill.survivors:
        state, why = "failed", f"{drill.survivors} survived or were missed"
    elif differ:
        state, why = "stale", "changed since: " + "; ".join(differ)
    elif age > limit or age < 0:
        state, why = "stale", f"older than {limit / 86400:g} days" if age > 0 else "from the future"
    else:
        state, why = "proven", "nothing survived or was missed"
    return Proof(
        subject=subject, contained=contained, state=state, why=why, drilled=drill.began,
        age_seconds=age, changed=differ, drill=drill.id,
    )  # fmt: skip


@cache
def probe() -> str:
    """Puts up an empty containment, once a process, and says which walls stood."""
    with tempfile.TemporaryDirectory(prefix="roguewatch-probe-") as folder:
        inside = Inside(deployment="probe", command=("true",), project=Path(folder), processes=16)
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        try:
            with Contained(inside, **quiet) as contained:
                status = contained.wait(PROBE_SECONDS)
                walls = contained.walls
        except (ControlError, OSError, subprocess.SubprocessError) as error:
            return f"cannot be put up: {printable(str(error), 200)}"
    lacking = [wall.name for wall in walls if not wall.enforced]
    told = f"{len(walls) - len(lacking)} walls stand"
    told += f", not {', '.join(lacking)}" if lacking else ""
    return told if status == 0 else f"{told}, exit status {status}"


@cache
def _version() -> str:
    try:
        done = subprocess.run(
            [find_bubblewrap(), "--version"], capture_output=True, timeout=10, check=False
        )
    except (ControlError, OSError, subprocess.SubprocessError):
        return "missing"
    return printable(done.stdout.decode("utf-8", "replace").strip(), 100)


def _sysctls() -> str:
    """Kernel settings that containment hangs on."""
    told = []
    for name in (
        "kernel/unprivileged_userns_clone", "user/max_user_namespaces", "kernel/yama/ptrace_scope",
        "kernel/apparmor_restrict_unprivileged_userns", "kernel/seccomp/actions_avail",
    ):  # fmt: skip
        try:
            told.append(f"{name}={Path('/proc/sys', name).read_text().strip()}")
        except OSError:
            told.append(f"{name}=none")
    return "\n".join(told)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:16]


def counted(found: Iterable[Proof]) -> dict[State, int]:
    """How many proofs are in each state."""
    counts: dict[State, int] = {"proven": 0, "failed": 0, "stale": 0, "unassessed": 0}
    for one in found:
        counts[one.state] += 1
    return counts
