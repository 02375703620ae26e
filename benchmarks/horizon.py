"""Time horizons: our batched exact fits against refitting with scikit-learn in a loop.

Both refit the same hierarchical draws, in turns, in one run. The large case is 10,000 draws
for 12 agents on 228 tasks, in a process of its own so that its peak memory is its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

from benchmarks.report import Row
from roguewatch.measure.bootstrap import Design, design, draw, refit
from roguewatch.measure.logistic import fit
from roguewatch.measure.runs import Runs, read_runs, run_weights

PUBLIC = Path(__file__).resolve().parents[2] / "shared" / "data" / "horizon" / "runs.jsonl"


def synthetic(agents: int, tasks: int, runs: int, seed: int = 0, families: int = 80) -> Runs:
    """Runs with rising horizons; scores are 0 or 1."""
    rng = np.random.default_rng(seed)
    family = rng.integers(0, families, tasks)
    minutes = np.exp2(rng.uniform(0, 10, tasks))
    effect = rng.normal(size=families)
    shape = (agents, tasks, runs)
    logit = -0.6 * (np.log2(minutes)[None, :] - 3 - np.arange(agents)[:, None]) + effect[family]
    score = (rng.random(shape) < 1 / (1 + np.exp(-logit))[:, :, None]).astype(float)
    agent, task, _ = (grid.ravel() for grid in np.indices(shape))
    return Runs(
        agent=np.char.mod("agent %02d", agent),
        task=np.char.mod("task %03d", task),
        family=np.char.mod("family %02d", family[task]),
        minutes=minutes[task],
        score=score.ravel(),
        cheated=np.zeros(score.size, dtype=bool),
    )


def loop(runs: Runs, plan: Design, seeds: range) -> np.ndarray:
    """The plain way: copy the drawn rows and refit each agent with scikit-learn."""
    weight = np.empty(len(runs))
    for agent in plan.agents:
        mine = runs.agent == agent
        weight[mine] = run_weights(runs.task[mine], runs.family[mine], "invsqrt")
    x = np.log2(runs.minutes)
    slopes = np.full((len(plan.agents), len(seeds)), np.nan)
    for column, seed in enumerate(seeds):
        rows = np.repeat(plan.order, draw(plan, seed))
        for number, agent in enumerate(plan.agents):
            mine = rows[runs.agent[rows] == agent]
            if np.ptp(runs.score[mine]) == 0:
                continue
            model = LogisticRegression(C=10)
            model.fit(x[mine, None], runs.score[mine], sample_weight=weight[mine])
            slopes[number, column] = model.coef_[0][0]
    return slopes


def against_loop(runs: Runs, draws: int = 20, rounds: int = 3) -> tuple[float, float, float]:
    """Milliseconds a draw, ours and the loop's (medians of interleaved rounds), and the
    largest difference of a slope (scikit-learn stops early at its default tolerance)."""
    plan = design(runs)
    refit(plan, 5)
    ours, theirs, apart = [], [], 0.0
    for number in range(rounds):
        start = time.perf_counter()
        refit(plan, 10 * draws, seed=1000 * number)
        ours.append((time.perf_counter() - start) / draws * 100)
        start = time.perf_counter()
        slopes = loop(runs, plan, range(1000 * number, 1000 * number + draws))
        theirs.append((time.perf_counter() - start) / draws * 1000)
        exact = refit(plan, draws, seed=1000 * number)[1]
        apart = max(apart, float(np.nanmax(np.abs(exact - slopes))))
    return statistics.median(ours), statistics.median(theirs), apart


def coefficients() -> float:
    """Largest difference to scikit-learn at a tight tolerance: 3 agents, 200 tasks, 8 runs."""
    runs, apart = synthetic(3, 200, 8), 0.0
    for agent in np.unique(runs.agent):
        mine = runs.where(runs.agent == agent)
        weight = run_weights(mine.task, mine.family, "invsqrt")
        x = np.log2(mine.minutes)
        ours = fit(x, mine.score, weight)
        model = LogisticRegression(C=10, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
        model.fit(x[:, None], mine.score, sample_weight=weight)
        if ours is not None:
            apart = max(
                apart,
                abs(ours.slope - float(model.coef_[0][0])),
                abs(ours.intercept - float(model.intercept_[0])),
            )
    return apart


def large() -> None:
    """The large case; prints seconds and peak resident MiB as JSON."""
    import resource

    runs = synthetic(12, 228, 8)
    start = time.perf_counter()
    refit(design(runs), 10_000)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "mib": peak}))


def run() -> list[Row]:
    peer = f"scikit-learn {sklearn.__version__} loop"
    command = [sys.executable, "-c", "from benchmarks.horizon import large; large()"]
    done = subprocess.run(command, capture_output=True, check=True)
    big = json.loads(done.stdout)
    apart = coefficients()
    rows = [
        Row(
            name="coefficients, largest difference (3 agents, 200 tasks, 8 runs)",
            ours=apart, peer_name=f"scikit-learn {sklearn.__version__}, tol 1e-12", unit="",
            better="lower", target="at most 1e-6", reached=apart <= 1e-6,
        ),
        Row(
            name="10,000 draws, 12 agents, 228 tasks, 8 runs",
            ours=big["seconds"], peer=30.0, peer_name="limit", unit="s", better="lower",
            target="under 30 s", reached=big["seconds"] < 30,
        ),
        Row(
            name="the same, peak memory",
            ours=big["mib"], peer=1024.0, peer_name="limit", unit="MiB", better="lower",
            target="under 1 GiB", reached=big["mib"] < 1024,
        ),
    ]  # fmt: skip
    cases = [("12 agents, 228 tasks, 8 runs", synthetic(12, 228, 8))]
    if PUBLIC.exists():
        cases.append(("METR's public runs", read_runs(PUBLIC)))
    for name, runs in cases:
        ours, theirs, _ = against_loop(runs)
        rows.append(
            Row(
                name=f"refit one draw: {name}",
                ours=ours, peer=theirs, peer_name=peer, unit="ms", better="lower",
                target="50 times faster", reached=theirs / ours >= 50,
            )
        )  # fmt: skip
        if runs is cases[-1][1] and len(cases) > 1:
            rows.append(
                Row(
                    name="one draw of METR's public runs, against the published code's own time",
                    ours=ours, peer=27.0, peer_name="eval-analysis-public (as stated)", unit="ms",
                    better="lower", target="at most a fiftieth", reached=ours <= 27 / 50,
                )
            )  # fmt: skip
    return rows
