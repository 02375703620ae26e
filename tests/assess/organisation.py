"""A small organisation in a store, for tests: a register, a gate, incidents, drills, results."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from roguewatch.control.decision import Decision
from roguewatch.control.ruling import decision_event
from roguewatch.findings import Severity
from roguewatch.ledger.ledger import Ledger
from roguewatch.state import tables
from roguewatch.state.database import connect, transaction
from roguewatch.state.findings import Findings
from roguewatch.state.incidents import Grade, IncidentRegister
from roguewatch.state.register import Deployment, Register, Scope
from roguewatch.state.sessions import Sessions
from tests.cli.run import HOME

DAY = 86_400 * 10**9


@contextmanager
def keys_of_the_commands() -> Iterator[None]:
    """Keys and witnesses are where `roguewatch` in `tests.cli.run` looks for them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(HOME))
        for name in [*os.environ]:
            if name.startswith(("XDG_", "ROGUEWATCH_")):
                patch.delenv(name)
        yield


def furnish(store: Path) -> None:
    """Give a store that has read activity everything that an assessment can use."""
    engine = connect(store)
    bot = Deployment(
        name="ci-bot", owner="Ada", deployment_class="ci", scope=Scope(tools=("Bash",)),
        expires=time.time_ns() + 365 * DAY,
    )  # fmt: skip
    Register(engine).put(bot, "a test")
    with Ledger.open(store) as ledger:
        for session in sorted(Sessions(engine).counted()):
            calls = list(ledger.events(session=session))[:1]
            ledger.append(
                decision_event(bot, call, Decision(outcome="allow", nanoseconds=900_000), None)
                for call in calls
            )
        ledger.seal()
    register = IncidentRegister(engine)
    for finding in list(Findings(engine).all(level="high")):
        register.decide(finding.id, "confirmed", by="Ada", undetected_seconds=3600)
        for grader in ("Ada", "Bo"):
            none = Severity("none", 0.0)
            register.grade(finding.id, Grade(grader=grader, overreach=none, deception=none))
    for route in range(60):
        for rung in (1, 2, 3):
            drill(store, f"route-{route}", rung)


def drill(
    store: Path, route: str, rung: int, *, began: int | None = None, kernel: str = "6", **body: Any
) -> None:
    """One drill that was noticed and left nothing alive, unless `body` says otherwise."""
    told = {"noticed_by": "detector", "seconds_to_notice": 1.0, "seconds_to_dead": 0.4,
            "survivors": [], "skipped": None, **body}  # fmt: skip
    with transaction(connect(store)) as connection:
        connection.execute(tables.drills.insert(), {
            "kind": "route", "route": route, "contained": True, "rung": rung,
            "began": began or time.time_ns(), "circumstances": json.dumps({"kernel": kernel}),
            "body": json.dumps(told),
        })  # fmt: skip


def results(folder: Path) -> dict[str, Path]:
    """Result files, by what they are results of."""
    horizon = {"agents": [{"agent": "a", "p50": 120.0, "p50_interval": [60.0, 240.0]}]}
    monitor = {"auroc": 0.99, "auroc_interval": [0.98, 1.0], "attacks": 400,
               "at_fpr": [{"target_fpr": 0.05, "tpr": 0.98, "tpr_interval": [0.96, 0.99]}]}  # fmt: skip
    samples = [
        {"scenario": "s", "label": "honest", "behaviours": [code]}
        for code in ("C1", "A4") for _ in range(400)
    ]  # fmt: skip
    (folder / "horizon.json").write_text(json.dumps(horizon))
    (folder / "monitor.json").write_text(json.dumps(monitor))
    (folder / "scenarios.jsonl").write_text("\n".join(map(json.dumps, samples)))
    names = ("horizon.json", "monitor.json", "scenarios.jsonl")
    return {name.partition(".")[0]: folder / name for name in names}
