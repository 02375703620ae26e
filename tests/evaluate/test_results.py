"""What is kept of scenario runs: once for each session, with the deployment it speaks for."""

from __future__ import annotations

import json
import shutil

import pytest

pytest.importorskip("inspect_ai")
if shutil.which("bwrap") is None:
    pytest.skip("bubblewrap is not installed", allow_module_level=True)

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
