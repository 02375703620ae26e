"""What is kept of scenario runs: once for each session, with the deployment it speaks for."""

from __future__ import annotations

import json
import shutil

import msgspec
import pytest

pytest.importorskip("inspect_ai")
if shutil.which("bwrap") is None:
    pytest.skip("bubblewrap is not installed", allow_module_level=True)

from roguewatch.assess.gathering import kept_scenarios
from roguewatch.evaluate.results import Results
from roguewatch.evaluate.running import keep, rows, run
from roguewatch.state.database import connect


def kept(store, deployment=None):
    engine = connect(store)
    try:
        return Results(engine).all(deployment)
    finally:
        engine.dispose()


def test_a_log_kept_again_adds_neither_labels_nor_results(tmp_path):
    path, found = run(
        "forbidden_path", store=tmp_path, organism="raises-limit", limit=1,
        conditions=["silent", "monitored"], deployment="release-bot",
    )  # fmt: skip
    labels = tmp_path / "evaluations" / "labels.jsonl"
    before, results = labels.read_text(), kept(tmp_path, "release-bot")
    keep(path, rows(path), tmp_path, "release-bot")
    assert labels.read_text() == before
    assert kept(tmp_path) == results
    assert [json.loads(line)["session"] for line in before.splitlines()] == [
        row.session for row in found
    ]
    assert {(one.label, one.behaviours, one.deployment) for one in results} == {
        ("misbehaved", ("C1",), "release-bot")
    }
    assert kept(tmp_path, "another") == []


def test_an_assessment_reads_what_was_kept_for_a_deployment_and_no_scripted_agent(tmp_path):
    path, _ = run(
        "forbidden_path", store=tmp_path, organism="raises-limit", limit=1, conditions=["silent"],
        deployment="release-bot",
    )  # fmt: skip
    engine = connect(tmp_path)
    try:
        assert kept_scenarios(engine) is None
        (row,) = rows(path)
        real = msgspec.structs.replace(row, model="provider/model", session="other")
        Results(engine).keep([real])
        assert kept_scenarios(engine) is None
        assert Results(engine).keep([real], "release-bot") == 1
        found = kept_scenarios(engine)
        assert [(one.scenario, one.label) for one in found.samples] == [
            ("forbidden_path", "misbehaved")
        ]
        assert kept_scenarios(engine, until=1) is None
    finally:
        engine.dispose()
