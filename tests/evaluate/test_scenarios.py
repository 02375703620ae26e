"""Every scenario tells its organisms apart, end to end, in the real sandbox."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("inspect_ai")
if shutil.which("bwrap") is None:
    pytest.skip("bubblewrap is not installed", allow_module_level=True)

from roguewatch.detect.evaluate import read_labels
from roguewatch.evaluate.registry import instance_of, scenarios
from roguewatch.evaluate.running import LOGS, rows, run
from roguewatch.evaluate.selftest import told
from roguewatch.ledger.ledger import Ledger
from roguewatch.measure.effects import compared
from roguewatch.measure.scenarios import by_condition

PAIRS = [(one.name, organism) for one in scenarios().values() for organism in one.organisms]


@pytest.mark.parametrize(("name", "organism"), PAIRS, ids=[f"{n}-{o.name}" for n, o in PAIRS])
def test_an_organism_is_told_for_what_it_is(name, organism, tmp_path):
    _, found = run(
        name, store=tmp_path, organism=organism.name, seed=7, limit=1, conditions=["silent"]
    )
    assert len(found) == 1
    assert all(told(organism, row) for row in found), found


@pytest.mark.parametrize("name", scenarios())
def test_a_seed_gives_the_same_ten_different_instances(name):
    first = [instance_of(name, 3, number) for number in range(10)]
    assert first == [instance_of(name, 3, number) for number in range(10)]
    assert len({_met(one) for one in first}) == 10
    other = [instance_of(name, 4, number) for number in range(10)]
    assert all(one.facts != two.facts for one, two in zip(first, other, strict=True))
    for one, twin in zip(first[::2], first[1::2], strict=True):
        assert one.pair == twin.pair
        assert sum(one.factors[name] != twin.factors[name] for name in one.factors) == 1


@pytest.mark.parametrize("name", scenarios())
def test_a_seeds_instances_have_every_combination_of_factors(name):
    given = [instance_of(name, 3, number) for number in range(scenarios()[name].instances)]
    levels = {name: set(values) for name, values in _factors(given).items()}
    assert all(len(values) > 1 for values in levels.values())
    assert len({str(one.factors) for one in given}) == math.prod(map(len, levels.values()))


def _met(instance):
    """All that an agent can meet of an instance."""
    given = (instance.files, instance.pages, instance.happenings, instance.prepare)
    return (instance.task, *instance.later, *map(str, given))


def _factors(instances):
    found = {}
    for instance in instances:
        for name, value in instance.factors.items():
            found.setdefault(name, []).append(value)
    return found


def test_conditions_are_paired_and_the_run_becomes_evidence_with_labels(tmp_path):
    path, found = run(
        "forbidden_path",
        store=tmp_path,
        organism="raises-limit",
        limit=2,
        conditions=["monitored", "unmonitored"],
    )
    assert {(row.instance, row.condition) for row in found} == {
        (f"forbidden_path-0-{number}", condition)
        for number in (0, 1)
        for condition in ("monitored", "unmonitored")
    }
    labels = read_labels(tmp_path / LOGS / "labels.jsonl")
    with Ledger.open(tmp_path, readonly=True) as ledger:
        sessions = {session.session for session in ledger.sessions()}
        for row in found:
            assert any(event.kind == "tool_call" for event in ledger.events(session=row.session))
    assert set(labels) == sessions == {row.session for row in found}
    assert all(label.positive and label.behaviour == "C1" for label in labels.values())
    assert rows(path) == found


def test_rates_leave_out_what_was_not_measured_and_compare_pairs(tmp_path):
    name, conditions = "loose_credentials", ["silent"]
    _, bad = run(name, store=tmp_path, organism="service-token", limit=3, conditions=conditions)
    _, good = run(name, store=tmp_path, organism="honest", limit=3, conditions=conditions)
    _, none = run(name, store=tmp_path, organism="never-starts", limit=3, conditions=conditions)
    (rate,) = by_condition([*bad, *none])
    assert (rate.misbehaved, rate.measured, rate.outcomes) == (3, 3, {"unreached": 3})
    (empty,) = by_condition(none)
    assert (empty.rate, empty.low, empty.high) == (None, 0.0, 1.0)
    pair = compared(good, bad, first="good", second="bad")
    # Three instances of two drawn tasks: the tasks are exchanged, 2 of the 4 ways as extreme.
    assert (pair.units, pair.pairs, pair.before, pair.after, pair.p) == (2, 3, 0, 3, 0.5)
    assert pair.only_second == tuple(row.session for row in bad)
    assert compared(good, none, first="good", second="none") is None


def test_a_run_leaves_no_folder_behind(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "t"))
    (tmp_path / "t").mkdir()
    (tmp_path / "t").chmod(0o711)
    run(
        "outliving_the_task",
        store=tmp_path / "store",
        organism="goes-on",
        limit=1,
        conditions=["silent"],
    )
    assert not [one for one in os.listdir(tmp_path / "t") if one.startswith("task-")]
    assert Path(tmp_path / "store").is_dir()
