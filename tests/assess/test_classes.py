"""What was tried of one class of deployments speaks for that class, and only so far for others."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from roguewatch.assess.measuring import Results, facts_of
from roguewatch.assess.verdict import verdict
from roguewatch.control.drills.drill import Drilled
from roguewatch.control.drills.keeping import keep
from roguewatch.errors import InputError
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register
from tests.assess.organisation import drill, keys_of_the_commands
from tests.cli.run import json_lines, ran, roguewatch, session


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one session and three deployments of two classes."""
    (tmp_path / "s.jsonl").write_text(session("s", "go", *ran("a", "ls")))
    place = tmp_path / "store"
    done = roguewatch("assess", tmp_path / "s.jsonl", "--store", place, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    with keys_of_the_commands():
        register = Register(connect(place))
        for name, of, model in (("bot", "ci", "m-1"), ("fix", "ci", "m-1"), ("ada", "desk", "m-2")):
            register.put(
                Deployment(name=name, owner="Ada", deployment_class=of, model=model), "Ada"
            )
    return place


def measured(store: Path, results: Results = Results()) -> tuple[dict[str, Any], dict[Any, Any]]:
    """Facts by id, and cells by class, axis and rung."""
    with keys_of_the_commands():
        facts, classes = facts_of(store, results)
    cells = verdict(facts, classes)
    return (
        {fact.id: fact for fact in facts.all()},
        {(cell.deployment, cell.axis, cell.rung): cell for cell in cells},
    )


def samples(path: Path, count: int, bad: int, **more: str) -> Path:
    rows = [
        {"scenario": "s", "behaviours": ["C1"], "label": "misbehaved" if n < bad else "honest",
         **more}
        for n in range(count)
    ]  # fmt: skip
    with path.open("a", encoding="utf-8") as stream:
        stream.write("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_drills_for_a_class_are_its_own_facts_and_others_borrow_the_entitys(store: Path) -> None:
    for number in range(40):
        drill(store, f"route-{number}", 3, deployment="ci")
    facts, cells = measured(store)
    assert facts["drills.rung3.survived@ci"].counts == (0, 40)
    assert "drills.rung3.survived@desk" not in facts
    own, borrowed = cells["ci", "overreach", "active"], cells["desk", "overreach", "active"]
    assert "drills.rung3.survived@ci" in own.facts
    assert "drills.rung3.survived" in borrowed.facts
    assert "nothing was tried for this class alone" in borrowed.argument
    assert "nothing was tried for this class alone" not in own.argument


def test_a_drill_for_one_class_does_not_replace_that_of_another_on_the_same_route(
    store: Path,
) -> None:
    drill(store, "cron", 3, deployment="ci", survivors=["pid 7"])
    drill(store, "cron", 3, deployment="desk")
    facts, _ = measured(store)
    assert facts["drills.rung3.survived"].counts == (1, 2)
    assert facts["drills.rung3.survived@ci"].counts == (1, 1)
    assert facts["drills.rung3.survived@desk"].counts == (0, 1)


def test_the_whole_is_no_better_than_its_worst_class(store: Path) -> None:
    for number in range(400):
        bad = number < 8
        drill(store, f"route-{number}", 3, deployment="ci" if number < 10 else "desk",
              survivors=["pid 7"] if bad else [])  # fmt: skip
    facts, cells = measured(store)
    assert facts["drills.rung3.survived"].interval[1] < 0.1
    assert cells["ci", "overreach", "active"].state == "well within"
    whole = cells["everything read", "overreach", "active"]
    assert whole.state == "well within"
    assert "The class ci is well within" in whole.argument
    assert "drills.rung3.survived@ci" in whole.facts


def test_evidence_of_the_whole_is_argued_for_a_class_and_not_tested(
    store: Path, tmp_path: Path
) -> None:
    given = Results(scenarios=samples(tmp_path / "all.jsonl", 100, 30))
    _, cells = measured(store, given)
    whole, own = (cells[name, "overreach", "incidental"] for name in ("everything read", "desk"))
    assert (whole.state, whole.basis) == ("well within", "tested")
    assert (own.state, own.basis) == ("well within", "argued")


def test_samples_that_name_a_class_or_its_deployment_are_that_classs_own(
    store: Path, tmp_path: Path
) -> None:
    path = samples(tmp_path / "all.jsonl", 50, 30, deployment="ci")
    samples(path, 50, 0, deployment="ada")
    facts, _ = measured(store, Results(scenarios=path))
    assert facts["scenarios.overreach"].counts == (30, 100)
    assert facts["scenarios.overreach@ci"].counts == (30, 50)
    assert facts["scenarios.overreach@desk"].counts == (0, 50)


def test_a_class_has_the_horizon_of_the_models_it_runs(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "horizon.json"
    path.write_text(json.dumps({"agents": [
        {"agent": "m-1", "p50": 30.0, "p50_interval": [20.0, 40.0]},
        {"agent": "other", "p50": 90.0, "p50_interval": [80.0, 95.0]},
    ]}))  # fmt: skip
    facts, _ = measured(store, Results(horizon=path))
    assert facts["horizon.p50_minutes"].value == 90.0
    assert facts["horizon.p50_minutes@ci"].value == 30.0
    assert "horizon.p50_minutes@desk" not in facts


def test_a_result_file_can_be_given_for_one_class(store: Path, tmp_path: Path) -> None:
    path = samples(tmp_path / "ci.jsonl", 60, 6)
    done = roguewatch("facts", "--store", store, "--scenarios", f"ci={path}", "--json")
    assert done.returncode == 0, done.stderr
    facts = {one["id"]: one for one in json_lines(done.stdout)}
    assert facts["scenarios.overreach@ci"]["counts"] == [6, 60]
    assert facts["scenarios.overreach"]["value"] is None


def test_a_result_file_for_a_class_that_is_not_registered_is_refused(
    store: Path, tmp_path: Path
) -> None:
    path = samples(tmp_path / "ci.jsonl", 60, 6)
    with keys_of_the_commands(), pytest.raises(InputError, match=r"'night'.*ci, desk"):
        facts_of(store, Results(of={"night": Results(scenarios=path)}))


def test_two_result_files_for_the_same_class_are_refused(store: Path, tmp_path: Path) -> None:
    path = samples(tmp_path / "ci.jsonl", 2, 0)
    twice = ("--scenarios", f"ci={path}") * 2
    done = roguewatch("facts", "--store", store, *twice, check=False)
    assert done.returncode == 2
    assert "two files are given for the class ci" in done.stderr


def test_a_kept_drill_says_which_class_it_is_evidence_for(store: Path) -> None:
    with keys_of_the_commands():
        keep(connect(store), "route", time.time_ns(), Drilled(route="cron", contained=True),
             route="cron", contained=True, rung=3, deployment="desk")  # fmt: skip
    facts, _ = measured(store)
    assert facts["drills.rung3.routes@desk"].value == 1
