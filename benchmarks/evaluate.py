"""Scenarios: 100 samples at once on two cores, their memory, and what a step costs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.report import Row

SAMPLES = 100
_PROGRAM = Path(sys.executable).parent / "roguewatch"


def _resident(root: psutil.Process) -> tuple[float, int]:
    """MiB of a process and all its descendants, shared pages divided among those who share
    them (PSS), and how many sandboxes' command servers there are."""
    total, servers = 0, 0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(OSError, psutil.Error, StopIteration, ValueError):
            text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            pss = next(line for line in text.splitlines() if line.startswith("Pss:"))
            total += int(pss.split()[1])
            # The last argument of the server alone; bwrap and its init name it too.
            line = process.cmdline()
            servers += len(line) == 4 and line[-1].endswith("/server.py")
    return total / 1024, servers


def _run(samples: int, parallel: int) -> tuple[list[dict], float, float, int]:  # type: ignore[type-arg]
    """Truths, seconds, highest PSS in MiB, most sandboxes at once."""
    from inspect_ai.log import read_eval_log

    with tempfile.TemporaryDirectory() as store:
        began = time.monotonic()
        child = psutil.Popen(
            [
                _PROGRAM, "evaluate", "run", "forbidden_path", "--organism", "honest", "--limit",
                str(samples), "--parallel", str(parallel), "--conditions", "silent",
                "--store", store, "--json",
            ],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        memory, most = 0.0, 0
        while child.poll() is None:
            with contextlib.suppress(psutil.NoSuchProcess):
                used, servers = _resident(child)
                memory, most = max(memory, used), max(most, servers)
            time.sleep(0.5)
        seconds = time.monotonic() - began
        labels = [json.loads(line)["label"] for line in child.stdout.read().splitlines()]
        if labels != ["honest"] * samples:
            raise RuntimeError(f"not every sample was measured: {labels}")
        (log,) = Path(store).glob("evaluations/*.eval")
        read = read_eval_log(str(log))
        truths = [
            score.metadata["truth"]
            for sample in read.samples or []
            for score in (sample.scores or {}).values()
            if score.metadata
        ]
    return truths, seconds, memory, most


def _overheads(truths: list[dict]) -> list[float]:  # type: ignore[type-arg]
    return sorted(1000 * step["overhead"] for truth in truths for step in truth["steps"])


async def _trivial() -> list[float]:
    """Milliseconds of steps that run `true`: all that sandbox and instrumentation cost."""
    from roguewatch.evaluate.registry import instance_of
    from roguewatch.evaluate.sandbox import BubblewrapSandbox

    box = BubblewrapSandbox(instance_of("forbidden_path", 0, 0))
    try:
        await box.start()
        for _ in range(50):
            await box.exec(["true"])
        return sorted(1000 * step.seconds for step in (await box.truth()).steps)
    finally:
        await box.stop()


def run() -> list[Row]:
    """What a step costs in one sandbox; then 100 samples at once."""
    single = asyncio.run(_trivial())
    truths, seconds, memory, most = _run(SAMPLES, SAMPLES)
    many = _overheads(truths)
    return [
        Row(
            name="step that runs `true`, one sandbox, median", ours=statistics.median(single),
            unit="ms", better="lower", peer=100, peer_name="limit", target="at most 100 ms",
            reached=statistics.median(single) <= 100,
        ),
        Row(
            name="step that runs `true`, one sandbox, worst of 50", ours=single[-1], unit="ms",
            better="lower", peer=100, peer_name="limit", target="at most 100 ms",
            reached=single[-1] <= 100,
        ),
        Row(
            name=f"instrumentation of a step, {SAMPLES} samples at once, median", ours=statistics.median(many),
            unit="ms", better="lower", peer=100, peer_name="limit", target="at most 100 ms",
            reached=statistics.median(many) <= 100,
        ),
        Row(
            name=f"instrumentation of a step, {SAMPLES} samples at once, 95th percentile",
            ours=many[int(0.95 * len(many))], unit="ms", better="lower", peer=100,
            peer_name="limit",
        ),
        Row(name=f"{SAMPLES} samples at once, all of it", ours=seconds, unit="s", better="lower"),
        Row(
            name="most sandboxes at one time", ours=most, unit="sandboxes", peer=SAMPLES,
            peer_name="asked for",
        ),
        Row(
            name=f"memory (PSS of the process tree), {SAMPLES} samples at once", ours=memory,
            unit="MiB", better="lower", peer=4096, peer_name="limit", target="within 4 GiB",
            reached=memory <= 4096,
        ),
    ]  # fmt: skip
