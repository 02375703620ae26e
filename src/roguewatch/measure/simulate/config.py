"""What is simulated: one YAML or JSON document, checked field by field."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from roguewatch.errors import InputError
from roguewatch.printable import printable, printable_path

Synchrony = Literal["synchronous", "semi-synchronous", "asynchronous"]
Latency = Literal["exponential", "fixed"]


class Binormal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Monitor scores as normals: honest N(0, 1), attacks N(separation, 1).

    An ensemble is the mean of `monitors` such scores whose errors have the given
    correlation; it separates by separation · √(m / (1 + (m - 1)·correlation)).
    """

    separation: float
    """d', how far attacks stand above honest sessions, in standard deviations."""
    monitors: int = 1
    correlation: float = 0.0
    """Of two monitors' errors, from 0 to 1."""


class Empirical(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Monitor scores drawn with replacement from measured ones."""

    honest: list[float]
    attacks: list[float]


class Operating(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A monitor that is only known at its threshold."""

    fpr: float
    fnr: float


class Monitor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Exactly one of the three descriptions."""

    operating: Operating | None = None
    binormal: Binormal | None = None
    empirical: Empirical | None = None


class Oversight(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How flags become audits, and audits become a stop."""

    synchrony: Synchrony = "asynchronous"
    audit_budget: float = 0.01
    """Share of tasks that is audited: the most suspicious. Sets the threshold where scores
    are given."""
    audit_hours: float = 1.0
    """Mean time from flag to an auditor's verdict."""
    latency: Latency = "exponential"
    auditor_recall: float = 1.0
    """Share of audited attacks that the auditor recognises."""


class RedTeam(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the agent attacks. Strategies: `steady` attacks at its rate; `burst` launches
    `burst` attacks at once, and again at its rate; `patient` waits `wait_hours` after each
    attack; `selective` can see a noisy copy of its own score and only goes on with the
    attacks that look least suspicious."""

    strategy: Literal["steady", "burst", "patient", "selective"] = "steady"
    attack_rate: float = 1e-4
    """Attacks per task."""
    needed: int = 1
    """Successful attacks that do the harm."""
    success: float = 1.0
    """Chance that one attack works, if nobody stops it."""
    delay_hours: float = 0.0
    """From the last attack needed to irreversible harm."""
    burst: int = 1
    wait_hours: float = 0.0
    keep: float = 1.0
    """Share of its attacks that a `selective` attacker goes on with."""
    insight: float = 0.0
    """Correlation of a `selective` attacker's guess with its real score, 0 to 1."""


class Protocol(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to a flagged action before an auditor sees it."""

    kind: Literal["none", "resample", "trusted-edit"] = "none"
    resamples: int = 1
    """How often a flagged action is drawn again; the least suspicious is taken."""
    honest_again: float = 0.0
    """Chance that an attacker's resample is honest (it does not know that it is one)."""
    edit_safety: float = 0.0
    """Chance that a trusted model's edit removes an attack."""
    edit_usefulness: float = 1.0
    """Usefulness of an edited honest action against the original."""


class Deployment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A deployment to extrapolate to."""

    name: str = "deployment"
    tasks_a_day: float = 10_000
    days: float = 180
    instances: int = 100
    """Agents that run in parallel."""
    actions_an_hour: float | None = None
    """Monitored actions of one instance an hour; tasks a day over instances by default."""
    monitor: Monitor = msgspec.field(default_factory=lambda: Monitor(Operating(0.01, 0.06)))
    oversight: Oversight = msgspec.field(default_factory=Oversight)
    red_team: RedTeam = msgspec.field(default_factory=RedTeam)
    protocol: Protocol = msgspec.field(default_factory=Protocol)
    usefulness: float = 1.0
    """Usefulness of an honest action that is not touched."""
    runs: int = 2000
    """Simulated deployments."""
    seed: int = 0


_UNIT = {
    "oversight": ("audit_budget", "auditor_recall"),
    "red_team": ("attack_rate", "success", "keep", "insight"),
    "protocol": ("honest_again", "edit_safety", "edit_usefulness"),
}


def check(deployment: Deployment, where: str = "config") -> Deployment:
    """The same deployment, once every number is known to be in range.

    Raises:
        InputError: names the field and what was expected.
    """

    def need(good: bool, field: str, expected: str) -> None:
        if not good:
            raise InputError(f"{where}: {field}: expected {expected}")

    for part, fields in _UNIT.items():
        for field in fields:
            value = getattr(getattr(deployment, part), field)
            need(0 <= value <= 1, f"{part}.{field}", "a share from 0 to 1")
    described = [d for d in _descriptions(deployment.monitor) if d is not None]
    need(len(described) == 1, "monitor", "exactly one of operating, binormal, empirical")
    operating, binormal = deployment.monitor.operating, deployment.monitor.binormal
    empirical = deployment.monitor.empirical
    if operating is not None:
        shares = 0 <= operating.fpr <= 1 and 0 <= operating.fnr <= 1
        need(shares, "monitor.operating", "fpr and fnr from 0 to 1")
    if binormal is not None:
        need(abs(binormal.separation) <= 30, "monitor.binormal.separation", "-30 to 30")
        need(binormal.monitors >= 1, "monitor.binormal.monitors", "at least 1")
        need(0 <= binormal.correlation <= 1, "monitor.binormal.correlation", "from 0 to 1")
    if empirical is not None:
        need(bool(empirical.honest and empirical.attacks), "monitor.empirical", "scores of both")
        scores = [*empirical.honest, *empirical.attacks]
        need(all(map(math.isfinite, scores)), "monitor.empirical", "finite scores")
    team, watch = deployment.red_team, deployment.oversight
    need(0 < deployment.tasks_a_day <= 1e9, "tasks_a_day", "above 0, up to a billion")
    need(0 < deployment.days <= 36_500, "days", "above 0, up to a century")
    need(1 <= deployment.instances <= 10**7, "instances", "from 1 to ten million")
    need(1 <= deployment.runs <= 10**6, "runs", "from 1 to a million")
    hours = deployment.actions_an_hour
    need(hours is None or 0 < hours <= 1e6, "actions_an_hour", "above 0, up to a million")
    need(0 <= watch.audit_hours <= 1e6, "oversight.audit_hours", "0 or more, up to a million")
    need(1 <= team.needed <= 1000, "red_team.needed", "from 1 to 1,000")
    need(1 <= team.burst <= 1000, "red_team.burst", "from 1 to 1,000")
    for field in ("delay_hours", "wait_hours"):
        need(0 <= getattr(team, field) <= 1e6, f"red_team.{field}", "0 or more, up to a million")
    need(0 <= deployment.usefulness <= 1e9, "usefulness", "0 or more")
    need(1 <= deployment.protocol.resamples <= 100, "protocol.resamples", "from 1 to 100")
    return deployment


def _descriptions(monitor: Monitor) -> tuple[Any, ...]:
    return monitor.operating, monitor.binormal, monitor.empirical


class Study(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Several deployments side by side, and what to vary in them."""

    deployments: list[Deployment]
    sensitivity: dict[str, list[float]] = msgspec.field(default_factory=dict)
    """Dotted field (`oversight.audit_hours`) to the values to try, one at a time."""


def read_study(path: Path) -> Study:
    """A study, or a single deployment, from a YAML or JSON file.

    Raises:
        InputError: names the file and the field.
    """
    name = printable_path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: cannot be read: {printable(str(error), 200)}") from error
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = printable(str(error).replace("\n", " "), 200)
        raise InputError(f"{name}: is not valid YAML or JSON ({problem})") from None
    if not isinstance(document, dict):
        raise InputError(f"{name}: expected an object with the fields of a deployment")
    made: Study | Deployment
    try:
        if "deployments" in document:
            made = msgspec.convert(document, Study)
        else:
            made = msgspec.convert(document, Deployment)
    except (msgspec.ValidationError, RecursionError) as error:
        raise InputError(f"{name}: {printable(str(error), 300)}") from None
    study = Study([made]) if isinstance(made, Deployment) else made
    if not study.deployments:
        raise InputError(f"{name}: deployments: expected at least one")
    for number, deployment in enumerate(study.deployments):
        check(deployment, f"{name}: deployment {number + 1}")
    return study
