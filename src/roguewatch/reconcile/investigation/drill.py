"""The investigation drill: plant activity, reconstruct it, and score it against the plan."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from roguewatch.control.drills.scope import DrillScope
from roguewatch.control.stop.adapters.process import target_of
from roguewatch.control.stop.footprint import footprint
from roguewatch.control.stop.members import MARK
from roguewatch.control.stop.stop import Stopped, Stopper
from roguewatch.ledger.ledger import Ledger
from roguewatch.reconcile.investigation.investigation import Investigation, investigate
from roguewatch.reconcile.investigation.planted import BLIND, Planted, planned, told
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register, Scope
from roguewatch.state.runs import Runs

NAME = "drill-investigation"
NEIGHBOUR = "drill-neighbour"
PAYLOADS = 3
BEGIN_SECONDS = 8.0

Fact = tuple[str, str]
"""Category and what it says."""


class Reconstruction(msgspec.Struct, frozen=True, kw_only=True):
    """What a drill of the reconstruction came to."""

    seconds: float
    """From the question until the reconstruction stood."""
    events: int
    completeness: float
    """Share of the planted facts that it tells."""
    found: dict[str, int]
    """By category."""
    planted: dict[str, int]
    missed: tuple[str, ...]
    """Planted and not told."""
    invented: tuple[str, ...]
    """Told of this deployment and not planted: a neighbour's, or nobody's."""


def drill(scope: DrillScope, seed: int | None = None) -> Reconstruction:
    """Plant, reconstruct, score, clean up.

    Args:
        scope: the authorised folder.
        seed: of the plan; None: a new one.

    Raises:
        ControlError: it could not be cleaned up.
    """
    workspace = scope.workspace()
    try:
        return _carry_out(workspace, secrets.randbelow(1 << 32) if seed is None else seed)
    finally:
        scope.clean(workspace)


def _carry_out(workspace: Path, seed: int) -> Reconstruction:
    store, project = workspace / "store", workspace / "project"
    elsewhere = workspace / "elsewhere"
    elsewhere.mkdir()
    engine = connect(store)
    register = Register(engine)
    claimed = ("hook", "transcript", "otel")  # the last never reports
    mine, other = (
        Deployment(name=name, surface="claude-code", sources=claimed, purpose="a drill",
                   scope=Scope(paths=(str(folder),)))
        for name, folder in ((NAME, project), (NEIGHBOUR, elsewhere))
    )  # fmt: skip
    began = time.time_ns() - 4 * 3600 * 1_000_000_000
    plan, theirs = planned(project, began, seed), planned(elsewhere, began, seed + 1)
    try:
        with Ledger.open(store) as ledger:
            for entry, planted in ((mine, plan), (other, theirs)):
                register.put(entry, "drill")
                ledger.append(told(planted, entry, workspace))
            report, pids = _run_and_stop(store, workspace, register, Runs(engine))
            found = investigate(store, ledger, engine, NAME)
    finally:
        engine.dispose()
    truth = set(_truth(plan, report, pids))
    reconstructed = set(_told(found, plan))
    return Reconstruction(
        seconds=found.seconds,
        events=found.events,
        completeness=len(truth & reconstructed) / len(truth),
        found=dict(Counter(category for category, _ in sorted(truth & reconstructed))),
        planted=dict(Counter(category for category, _ in sorted(truth))),
        missed=tuple(f"{category}: {what}" for category, what in sorted(truth - reconstructed)),
        invented=tuple(f"{category}: {what}" for category, what in sorted(reconstructed - truth)),
    )


def _run_and_stop(
    store: Path, workspace: Path, register: Register, runs: Runs
) -> tuple[Stopped, list[int]]:
    """A real tree of inert processes, run as the deployment and stopped."""
    project, home = workspace / "project", workspace / "home"
    payload = project / "payload.py"
    source = Path(__file__).parents[2] / "control" / "drills" / "payload.py"
    shutil.copy(source, payload)
    beats = project / "beats"
    python = os.path.realpath(sys.executable)
    start = shlex.join((python, "-I", "-S", str(payload), str(beats)))
    script = " & ".join([start] * PAYLOADS) + " & wait"
    mark = secrets.token_hex(8)
    before = msgspec.json.encode(footprint(home, project)).decode()
    process = subprocess.Popen(
        ("sh", "-c", script, workspace.name), cwd=project, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env={"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(home), MARK: mark},
    )  # fmt: skip
    try:
        runs.begin(NAME, "process", target_of(process.pid, mark), footprint=before)
        deadline = time.monotonic() + BEGIN_SECONDS
        while len(list(beats.iterdir())) < PAYLOADS and time.monotonic() < deadline:
            time.sleep(0.02)
        pids = [process.pid, *(int(file.name) for file in beats.iterdir() if file.name.isdigit())]
        report = Stopper(store, register, runs).stop(NAME, "drill", "drill")
    finally:
        process.kill()
        process.wait()
    return report, pids


def _truth(plan: Planted, report: Stopped, pids: list[int]) -> Iterator[Fact]:
    for act in plan.acts:
        seen = ["transcript", *(["hook"] if act.hooked else [])]
        decision = ("deny" if act.denied else "allow") if act.hooked else ""
        yield "action", act.id
        yield "outcome", f"{act.id} {act.outcome}"
        yield "sightings", f"{act.id} {' '.join(sorted(seen))}"
        yield "decision", f"{act.id} {decision}"
        if act.file:
            done = "refused" if act.denied else "written" if act.written else "read"
            yield "file", f"{act.file} {done}"
        if act.host:
            yield "host", act.host
        if act.key:
            yield "key", act.key
    yield "order", " ".join(act.id for act in plan.acts)
    yield "tokens", str(plan.tokens)
    for pid in pids:
        yield "process", str(pid)
    for pid in pids[1:]:
        yield "lineage", f"{pid} of {pids[0]}"
    yield "stop", f"{report.stop} {'stopped' if report.stopped else 'survivors'}"
    yield "lack", "source silent: otel"
    yield "lack", f"blind stretch: hook {BLIND}"
    yield "lack", "time without record"
    for act in plan.acts:
        if act.outcome == "no result":
            yield "lack", f"call without result: {act.seconds}"


def _told(found: Investigation, plan: Planted) -> Iterator[Fact]:
    calls = [one for one in found.timeline if one.what == "call"]
    for one in calls:
        yield "action", one.call_id
        yield "outcome", f"{one.call_id} {one.outcome}"
        yield "sightings", f"{one.call_id} {' '.join(one.sightings)}"
        yield "decision", f"{one.call_id} {one.decision}"
    yield "order", " ".join(one.call_id for one in calls)
    for file in found.files:
        done = "refused" if file.refused else "written" if file.written else "read"
        yield "file", f"{file.name} {done}"
    for host in found.hosts:
        yield "host", host.name
    for key in found.keys:
        yield "key", key.name
    yield "tokens", str(sum(one.usage.total for one in found.tokens))
    known = {node.pid for node in found.processes}
    for node in found.processes:
        yield "process", str(node.pid)
        if node.parent in known:
            yield "lineage", f"{node.pid} of {node.parent}"
    for stop in found.stops:
        report = msgspec.json.decode(stop.report)
        yield "stop", f"{stop.id} {'stopped' if report['stopped'] else 'survivors'}"
    for lack in found.missing:
        if lack.lack == "source silent" and "reported nothing" in lack.text:
            yield "lack", f"source silent: {lack.text.split(' ', 1)[0]}"
        elif lack.lack == "blind stretch":
            yield "lack", f"blind stretch: {lack.text.split(' ', 1)[0]} {lack.count}"
        elif lack.lack == "time without record":
            yield "lack", "time without record"
        elif lack.lack == "call without result" and lack.since is not None:
            yield "lack", f"call without result: {round((lack.since - plan.began) / 1e9)}"
