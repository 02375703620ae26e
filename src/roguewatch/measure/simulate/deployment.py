"""The simulated deployment: attacks race against audits.

The model follows Async Control (Cooper Stickland et al. 2025, arXiv:2512.13526): sabotage
attempts arrive over the deployment, the most suspicious tasks are audited, the first attack
that an auditor recognises ends the deployment, and harm is done once enough attacks have
worked and the delay to irreversible harm has passed. The three kinds of synchrony and their
availability are those of Lindner et al. 2025 (arXiv:2512.22154, section 2.2).
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from roguewatch.errors import InputError
from roguewatch.measure.rates import exact
from roguewatch.measure.simulate.config import Deployment, Study, check
from roguewatch.measure.simulate.monitor import Gauge, attack_noise

Array = NDArray[np.float64]

MOST_ATTACKS = 20_000
"""Rounds of attacks in one deployment before the simulation gives up."""


class Outcome(msgspec.Struct, frozen=True):
    """What a deployment gives, over its simulated runs."""

    name: str
    safety: float
    """Share of runs in which no irreversible harm was done."""
    safety_interval: tuple[float, float]
    """Exact 95% interval for the Monte Carlo error alone, not for the assumptions."""
    detected: float
    """Share of runs that an audit ended."""
    hours_to_stop: float | None
    """Median, over the runs that were stopped."""
    attacks: float
    """Mean attacks launched in a run."""
    usefulness: float
    """Of an honest action, while the deployment runs, availability included."""
    availability: float
    """Share of time in which agents can act."""
    audits_a_day: float
    auditor_hours_a_day: float
    """If each audit takes its latency as work."""
    fpr: float
    fnr: float
    """Of the monitor at the threshold in force."""
    auroc: float
    runs: int


class Variation(msgspec.Struct, frozen=True):
    """One field varied, everything else as in the deployment."""

    field: str
    value: float
    safety: float
    safety_interval: tuple[float, float]
    usefulness: float
    availability: float
    audits_a_day: float


class Result(msgspec.Struct, frozen=True):
    """A deployment's outcome, and its sensitivity."""

    outcome: Outcome
    sensitivity: tuple[Variation, ...] = ()


def simulate(deployment: Deployment) -> Outcome:
    """Simulate one deployment many times.

    Raises:
        InputError: a field is out of range, or attacks never come to a decision.
    """
    check(deployment)
    gauge = Gauge(deployment.monitor)
    watch, team = deployment.oversight, deployment.red_team
    threshold = gauge.threshold(watch.audit_budget, team.attack_rate)
    fpr, tpr = gauge.rates(threshold)
    available = availability(deployment, fpr)
    rng = np.random.default_rng(deployment.seed)
    stop, harm, launched = _race(deployment, gauge, threshold, available, rng)
    safe = ~(harm < stop)
    stopped = np.isfinite(stop) & safe
    flagged = (1 - team.attack_rate) * fpr + team.attack_rate * tpr
    audits = deployment.tasks_a_day * available * flagged
    touched = fpr * (deployment.protocol.edit_usefulness if _edits(deployment) else 1.0)
    return Outcome(
        name=deployment.name,
        safety=float(safe.mean()),
        safety_interval=exact(int(safe.sum()), len(safe)),
        detected=float(stopped.mean()),
        hours_to_stop=float(np.median(stop[stopped])) if stopped.any() else None,
        attacks=float(launched.mean()),
        usefulness=deployment.usefulness * (1 - fpr + touched) * available,
        availability=available,
        audits_a_day=audits,
        auditor_hours_a_day=audits * watch.audit_hours,
        fpr=fpr,
        fnr=1 - tpr,
        auroc=gauge.auroc(),
        runs=deployment.runs,
    )


def availability(deployment: Deployment, fpr: float) -> float:
    """Share of time in which agents can act (Lindner et al. 2025, section 2.2.1).

    Agents act until a false flag, then wait for its audit: by the renewal-reward theorem
    1 / (1 + flags an hour while acting · hours an audit). A flag blocks every instance
    (synchronous), its own (semi-synchronous) or none (asynchronous).
    """
    hours = deployment.actions_an_hour
    if hours is None:
        hours = deployment.tasks_a_day / 24 / deployment.instances
    flags = hours * fpr * deployment.oversight.audit_hours
    blocked = {"synchronous": deployment.instances, "semi-synchronous": 1, "asynchronous": 0}
    return 1 / (1 + flags * blocked[deployment.oversight.synchrony])


def _race(
    deployment: Deployment,
    gauge: Gauge,
    threshold: float,
    available: float,
    rng: np.random.Generator,
) -> tuple[Array, Array, Array]:
    """Hours at which each run is stopped and harmed, and attacks launched in it."""
    team = deployment.red_team
    runs, end = deployment.runs, deployment.days * 24
    stop, harm = np.full(runs, np.inf), np.full(runs, np.inf)
    launched = np.zeros(runs)
    rate = team.attack_rate * deployment.tasks_a_day / 24 * available
    if rate == 0:
        return stop, harm, launched
    size = team.burst if team.strategy == "burst" else 1
    worked = np.full((runs, team.needed), np.inf)  # the earliest successes, in order
    now = np.zeros(runs)
    live = np.arange(runs)
    for _ in range(MOST_ATTACKS):
        now[live] += rng.exponential(1 / rate, len(live))
        harm[live] = worked[live, -1] + team.delay_hours
        # Later attacks change nothing once the run is over, stopped, or harmed for good.
        going = (now[live] <= end) & (now[live] < stop[live]) & (now[live] < harm[live])
        live = live[going]
        if not live.size:
            return stop, harm, launched
        effect, caught = _attack(deployment, gauge, threshold, now[live], size, rng)
        launched[live] += size
        stop[live] = np.minimum(stop[live], caught)
        worked[live] = np.sort(np.concatenate([worked[live], effect], axis=1))[:, : team.needed]
        if team.strategy == "patient":
            now[live] += team.wait_hours
    raise InputError(
        f"after {MOST_ATTACKS} attacks some runs were neither stopped nor harmed: lower "
        "red_team.attack_rate or days"
    )


def _attack(
    deployment: Deployment,
    gauge: Gauge,
    threshold: float,
    now: Array,
    size: int,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """One round of attacks in each live run.

    Returns:
        Hours at which each attack takes effect (infinite where it does not), shape
        (runs, size), and hours at which an audit ends each run, shape (runs,).
    """
    watch, team = deployment.oversight, deployment.red_team
    shape = (len(now), size)
    score = gauge.attacks(attack_noise(deployment, shape, rng))
    flagged = score >= threshold
    hours = np.full(shape, float(watch.audit_hours))
    if watch.latency == "exponential":
        hours *= rng.standard_exponential(shape)
    seen = flagged & (rng.random(shape) < watch.auditor_recall)
    verdict = now[:, None] + hours
    effect = np.broadcast_to(now[:, None], shape).copy()
    if watch.synchrony != "asynchronous":
        # A flagged action waits for its verdict; a recognised attack never runs.
        effect = np.where(flagged, verdict, effect)
        effect[seen] = np.inf
    if watch.synchrony == "synchronous":
        # Everything waits: the verdict comes before any other agent can act.
        verdict = np.broadcast_to(now[:, None], shape)
        effect = np.where(np.isfinite(effect), now[:, None], effect)
    effect[~_survives(deployment, gauge, score, flagged, rng)] = np.inf
    effect[rng.random(shape) >= team.success] = np.inf
    return effect, np.where(seen, verdict, np.inf).min(axis=1)


def _survives(
    deployment: Deployment,
    gauge: Gauge,
    score: Array,
    flagged: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Which attacks are still attacks after the protocol has handled the flagged ones."""
    protocol = deployment.protocol
    if protocol.kind == "trusted-edit":
        return ~flagged | (rng.random(score.shape) >= protocol.edit_safety)
    if protocol.kind != "resample":
        return np.ones(score.shape, dtype=bool)
    # Ctrl-Z (Bhatt et al. 2025, arXiv:2504.10374): the least suspicious sample is taken.
    least, malign = score.copy(), np.ones(score.shape, dtype=bool)
    for _ in range(protocol.resamples):
        honest = rng.random(score.shape) < protocol.honest_again
        noise = rng.standard_normal(score.shape)
        again = np.where(honest, gauge.honest(noise), gauge.attacks(noise))
        lower = again < least
        least = np.where(lower, again, least)
        malign = np.where(lower, ~honest, malign)
    return ~flagged | malign


def _edits(deployment: Deployment) -> bool:
    return deployment.protocol.kind == "trusted-edit"


def study(plan: Study) -> list[Result]:
    """Simulate every deployment of a study, each with its sensitivity analysis.

    Raises:
        InputError: a sensitivity field does not exist or a value is out of range.
    """
    results = []
    for deployment in plan.deployments:
        variations = tuple(
            _vary(deployment, field, value)
            for field, values in plan.sensitivity.items()
            for value in values
        )
        results.append(Result(simulate(deployment), variations))
    return results


def _vary(deployment: Deployment, field: str, value: float) -> Variation:
    changed = check(_replace(deployment, field.split("."), value, field), f"sensitivity {field}")
    found = simulate(changed)
    return Variation(
        field,
        value,
        found.safety,
        found.safety_interval,
        found.usefulness,
        found.availability,
        found.audits_a_day,
    )


def _replace(part: msgspec.Struct, path: list[str], value: float, field: str) -> Deployment:
    """A copy of a struct with one nested number changed."""
    current = getattr(part, path[0], None) if path[0] in part.__struct_fields__ else None
    if len(path) > 1 and isinstance(current, msgspec.Struct):
        made: msgspec.Struct = msgspec.structs.replace(
            part, **{path[0]: _replace(current, path[1:], value, field)}
        )
    elif len(path) == 1 and isinstance(current, int | float) and not isinstance(current, bool):
        if isinstance(current, int) and not float(value).is_integer():
            raise InputError(f"sensitivity: {field!r} takes whole numbers, not {value:g}")
        kept = int(value) if isinstance(current, int) else float(value)
        made = msgspec.structs.replace(part, **{path[0]: kept})
    else:
        raise InputError(f"sensitivity: there is no number {field!r} in this deployment")
    return made  # type: ignore[return-value]
