"""Stops on every route, against agent-governance-toolkit's KillSwitch and Tracekit's containment.

Each route is planted three times in the same way, as a process tree of this machine: ours
stops one, the KillSwitch one, Tracekit one; and ours once more inside its walls. Survivors
are the drill's own count, by the payload's random name, and ask none of the three.

The KillSwitch calls what its user registered: here SIGKILL to the agent's process group,
the most that a user has without a search of their own. Tracekit's containment denies an
agent's further calls; the installed package is asked for its operator's verbs, and as none
ends processes, none is called: its column counts the routes on which the rogue lives on. Peers are installed into environments of their own under out/peers;
where that cannot be done their columns stay empty and say why.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.report import Row
from roguewatch.control.drills.drill import Drilled, drill, in_the_open, in_workspace
from roguewatch.control.drills.routes import ROUTES, STAY, Route, unavailable
from roguewatch.control.drills.scope import MARKER, DrillScope

AGT = "agent-governance-toolkit[runtime]==4.1.0"
TRACEKIT = "tracekit-ai==1.4.2"
PEERS = Path("out/peers")
SETTLE_SECONDS = 0.5

KILL = """
import json, os, signal, sys, time
from hypervisor.security.kill_switch import KillReason, KillSwitch
pid, began = int(sys.argv[1]), time.monotonic()
switch = KillSwitch()
switch.register_agent("did:drill", lambda: os.killpg(pid, signal.SIGKILL))
result = switch.kill("did:drill", "drill", KillReason.MANUAL)
print(json.dumps({"said": result.terminated, "seconds": time.monotonic() - began}))
"""

# Hold, quarantine, suspend: each bears on calls that are yet to be asked for.
VERBS = """
import json, time
from tracekit.signer.service import OPERATOR
began = time.monotonic()
ends = sorted(verb for verb in OPERATOR if any(word in verb for word in ("kill", "stop", "term")))
print(json.dumps({"said": bool(ends), "seconds": time.monotonic() - began,
                  "verbs": sorted(OPERATOR)}))
"""


def run() -> list[Row]:
    """All routes that can be tried here."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / MARKER).touch()
        scope = DrillScope(Path(folder))
        routes = [one for one in ROUTES if not one.gate and not unavailable(one)]
        open_ones = [drill(one, scope, contained=False) for one in routes]
        inside = [drill(one, scope, contained=True) for one in routes]
        agt, why_agt = _peer("agt", AGT, "hypervisor")
        tracekit, why_tracekit = _peer("tracekit", TRACEKIT, "tracekit")
        killed = [_killed(one, scope, agt, KILL) for one in routes] if agt else []
        held = [_killed(one, scope, tracekit, VERBS) for one in routes] if tracekit else []
    return _rows(open_ones, inside, killed, held, why_agt, why_tracekit)


class _Result:
    """What a peer left of one route, and what it said."""

    def __init__(self, survivors: int, said: bool, seconds: float) -> None:
        self.survivors, self.said, self.seconds = survivors, said, seconds


def _killed(route: Route, scope: DrillScope, python: Path, script: str) -> _Result:
    with in_workspace(route, scope) as ground, ground.service():
        command = ("sh", "-c", route.script + STAY, ground.workspace.name)
        with in_the_open(ground, command) as (_, target):
            ground.lives()
            pid = json.loads(target)["roots"][0][0]
            done = subprocess.run(
                [str(python), "-I", "-c", script, str(pid)],
                capture_output=True, text=True, timeout=60, check=True,
            )  # fmt: skip
            time.sleep(SETTLE_SECONDS)
            told = json.loads(done.stdout)
            return _Result(len(ground.planted()), told["said"], told["seconds"])


def _rows(
    open_ones: list[Drilled], inside: list[Drilled], killed: list[_Result], held: list[_Result],
    why_agt: str, why_tracekit: str,
) -> list[Row]:  # fmt: skip
    tried, walled = [[one for one in some if not one.skipped] for some in (open_ones, inside)]
    dead = sorted(one.seconds_to_dead for one in walled if one.seconds_to_dead is not None)
    p95 = dead[int(0.95 * (len(dead) - 1))] if dead else float("nan")

    def count(some: list[_Result], holds: Callable[[_Result], bool]) -> float | None:
        return float(sum(map(holds, some))) if some else None

    routes = f"of {len(tried)} routes"
    rows = []
    for name, results, why in (
        ("KillSwitch", killed, why_agt),
        ("containment", held, why_tracekit),
    ):
        peer = (AGT if name == "KillSwitch" else TRACEKIT).replace("==", " ") + f" {name}"
        rows += [
            Row(
                name=f"contained: routes with a survivor, {routes} ({name})",
                ours=sum(bool(one.survivors) for one in walled),
                peer=count(results, lambda one: one.survivors > 0),
                peer_name=peer if results else why, unit="routes", better="lower",
                target="0", reached=not any(one.survivors for one in walled),
            ),
            Row(
                name=f"uncontained: routes with a survivor, {routes} ({name})",
                ours=sum(bool(one.survivors) for one in tried),
                peer=count(results, lambda one: one.survivors > 0),
                peer_name=peer if results else why, unit="routes", better="lower",
            ),
            Row(
                name=f"uncontained: routes with a survivor that the report does not name ({name})",
                ours=sum(bool(one.unreported) for one in tried),
                peer=count(results, lambda one: one.survivors > 0),
                peer_name=f"{peer}; says it stopped "
                f"{sum(one.said for one in results if one.survivors)} of these" if results else why,
                unit="routes", better="lower", target="0",
                reached=not any(one.unreported for one in tried),
            ),
        ]  # fmt: skip
    died = [one.seconds for one in killed if not one.survivors]
    rows.append(
        Row(
            name="from the order until the last payload was dead, p95, contained", ours=p95,
            peer=statistics.median(died) if died else None,
            peer_name="KillSwitch: its call, median where nothing survived" if died else why_agt,
            unit="s", better="lower", target="under 2 s", reached=p95 < 2,
        )
    )  # fmt: skip
    return rows


def _peer(name: str, package: str, module: str) -> tuple[Path | None, str]:
    """The peer's Python; or why it is missing."""
    python = (PEERS / name / "bin" / "python").absolute()
    try:
        if not python.exists():
            subprocess.run([sys.executable, "-m", "venv", str(PEERS / name)], check=True)
        known = [str(python), "-I", "-c", f"import {module}"]
        if subprocess.run(known, capture_output=True, check=False).returncode:
            subprocess.run(
                [str(python), "-m", "pip", "install", "--quiet", package], check=True, timeout=300,
                capture_output=True,
            )  # fmt: skip
        return python, ""
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"{package}: cannot be installed here: {type(error).__name__}"
