"""One drill: plant, wait until it lives, stop it, and count what is left."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from roguewatch.control.contain.run import Contained, Inside
from roguewatch.control.drills.routes import Route, unavailable
from roguewatch.control.drills.scope import DrillScope, payloads
from roguewatch.control.stop.adapters.contained import target_of as contained_target
from roguewatch.control.stop.adapters.process import target_of as process_target
from roguewatch.control.stop.footprint import footprint
from roguewatch.control.stop.members import MARK
from roguewatch.control.stop.probes import describe
from roguewatch.control.stop.stop import Stopper
from roguewatch.errors import ControlError
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register
from roguewatch.state.runs import Runs

BEGIN_SECONDS = 8.0
COUNT_SECONDS = 0.3


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """What one drill came to."""

    route: str
    contained: bool
    rung: int = 3
    """3: active stop, the one rung that is drilled so far."""
    noticed_by: str | None = None
    """Which source or detector, or `nobody`. None: noticing was not measured; on rung 3 the
    stop is ordered, not provoked."""
    seconds_to_notice: float | None = None
    seconds_to_dead: float | None = None
    """From the order until the drill's own count found nothing alive."""
    survivors: tuple[str, ...] = ()
    """What the drill's own count found alive after the stop had ended."""
    unreported: tuple[str, ...] = ()
    """Survivors that the stop's report did not name."""
    traces: tuple[str, ...] = ()
    """What the sweep named as left behind."""
    began: bool = False
    """Whether the payload came to life; inside the walls some routes do not."""
    skipped: str | None = None
    """Why it was not tried; it is unassessed then."""


def drill(route: Route, scope: DrillScope, *, contained: bool) -> Drilled:
    """Carry out one drill inside its scope, and clean up.

    Raises:
        ControlError: it could not be cleaned up.
    """
    reason = unavailable(route)
    if not reason and contained and shutil.which("bwrap") is None:
        reason = "bubblewrap is missing"
    if reason:
        return Drilled(route=route.name, contained=contained, skipped=reason)
    workspace = scope.workspace()
    try:
        return _carry_out(route, workspace, contained)
    finally:
        scope.clean(workspace)


def _carry_out(route: Route, workspace: Path, contained: bool) -> Drilled:
    project, home = workspace / "project", workspace / "home"
    payload = project / "payload.py"
    shutil.copy(Path(__file__).with_name("payload.py"), payload)
    beats = project / "beats"
    name = f"drill-{route.name}"
    engine = connect(workspace / "store")
    register, runs = Register(engine), Runs(engine)
    register.put(Deployment(name=name, purpose="a drill"), "drill")
    before = msgspec.json.encode(footprint(home, project)).decode()
    python = os.path.realpath(sys.executable)
    start = shlex.join((python, "-I", "-S", str(payload), str(beats)))
    # The workspace's name is an argument, so that the script itself can be counted too.
    command = ("sh", "-c", route.script, workspace.name)
    planted = _contained if contained else _uncontained
    try:
        with planted(command, start, project, home) as (adapter, target):
            runs.begin(name, adapter, target, footprint=before)
            began = _lives(beats)
            if not began and not contained:
                return Drilled(
                    route=route.name, contained=False, skipped="the route did not start here"
                )
            ordered = time.monotonic()
            report = Stopper(workspace / "store", register, runs).stop(name, "drill", "drill")
            left = payloads(workspace)
            dead = time.monotonic() - ordered
            if not left:  # what respawns is given the time to do so
                time.sleep(COUNT_SECONDS)
                left = payloads(workspace)
            survivors = tuple(describe(process) for process in left)
    finally:
        engine.dispose()
    named = " ".join(report.survivors)
    unreported = tuple(
        describe(process) for process in left if f"pid {process.pid} " not in named + " "
    )
    return Drilled(
        route=route.name,
        contained=contained,
        seconds_to_dead=None if survivors else dead,
        survivors=tuple(dict.fromkeys((*survivors, *report.survivors))),
        unreported=unreported,
        traces=tuple(f"{one.kind}: {one.path} ({one.change})" for one in report.traces),
        began=began,
    )


def _lives(beats: Path) -> bool:
    deadline = time.monotonic() + BEGIN_SECONDS
    while time.monotonic() < deadline:
        if any(beats.iterdir()):
            return True
        time.sleep(0.02)
    return False


@contextmanager
def _contained(
    command: tuple[str, ...], start: str, project: Path, home: Path
) -> Iterator[tuple[str, str]]:
    inside = Inside(
        deployment="drill", command=command, project=project, environment={"P": start}, processes=64
    )
    with Contained(
        inside, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as contained:
        yield "contained", contained_target(contained.init_pid, tuple(contained.group.folders))


@contextmanager
def _uncontained(
    command: tuple[str, ...], start: str, project: Path, home: Path
) -> Iterator[tuple[str, str]]:
    mark = secrets.token_hex(8)
    process = subprocess.Popen(
        command, cwd=project, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(home), "P": start,
             MARK: mark},
    )  # fmt: skip
    try:
        yield "process", process_target(process.pid, mark)
    finally:
        process.kill()
        process.wait()


def chosen(routes: tuple[Route, ...], name: str) -> Route:
    """The route of a name.

    Raises:
        ControlError: there is none.
    """
    for route in routes:
        if route.name == name:
            return route
    raise ControlError(f"no route {name!r}; there are: {', '.join(one.name for one in routes)}")
