"""Horizons straight from Inspect logs, in whatever container they come."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile

import pytest

from roguewatch.errors import InputError
from roguewatch.ledger.ledger import Ledger
from roguewatch.measure.horizon import horizons
from roguewatch.measure.logs import read_logs
from roguewatch.measure.runs import runs_from
from roguewatch.sources.reading import read


def log(path, scores, minutes, extra=None):
    """A small but whole Inspect log: one sample for each score."""
    header = {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": "e", "run_id": "r", "task": "suite", "task_id": "t", "model": "openai/m",
            "created": "2026-01-01T00:00:00+00:00", "dataset": {}, "config": {}, "packages": {},
        },
    }  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        for number, (score, time) in enumerate(zip(scores, minutes, strict=True)):
            sample = {
                "id": number, "epoch": 1, "input": "do it", "target": "",
                "messages": [{"role": "user", "content": "do it"}],
                "metadata": {"human_minutes": time, **(extra or {})} if time else {},
                "scores": {"match": {"value": score}} if score is not None else {},
                "store": {}, "events": [], "attachments": {}, "model_usage": {},
            }  # fmt: skip
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    return path


SCORES, TIMES = ["C", "C", "I", 0.5, "I"], [1, 8, 30, 64, 512]


def test_an_inspect_log_gives_the_horizon_that_its_rows_give(tmp_path):
    found = read_logs(log(tmp_path / "a.eval", SCORES, TIMES))
    rows = [
        {"agent": "openai/m", "task": str(i), "family": "suite", "human_minutes": t, "score": s}
        for i, (s, t) in enumerate(zip([1, 1, 0, 0.5, 0], TIMES, strict=True))
    ]
    ours, plain = horizons(found.runs, draws=0)[0], horizons(runs_from(rows), draws=0)[0]
    assert (ours.agent, ours.tasks) == ("openai/m", 5)
    assert ours.p50 == pytest.approx(plain.p50)


def test_a_store_gives_the_same_runs_as_the_log(tmp_path):
    path = log(tmp_path / "a.eval", SCORES, TIMES)
    with Ledger.open(tmp_path / "store") as ledger:
        for reading in read([path]):
            ledger.append(reading.events())
    from_store = read_logs(tmp_path / "store")
    assert horizons(from_store.runs, draws=0) == horizons(read_logs(path).runs, draws=0)


def test_unscored_and_untimed_samples_are_counted_and_never_failures(tmp_path):
    path = log(tmp_path / "a.eval", [*SCORES, None, "C"], [*TIMES, 5, None])
    found = read_logs(path)
    assert (len(found.runs), found.unscored, found.untimed) == (5, 1, 1)
    command = [sys.executable, "-m", "roguewatch", "measure", "horizon", path, "--json"]
    done = subprocess.run([*command, "--bootstrap", "5"], capture_output=True, check=True)
    assert b"left out 1 samples without a score and 1 without" in done.stderr
    assert json.loads(done.stdout)["agents"][0]["runs"] == 5


def test_metadata_names_agent_family_and_cheating(tmp_path):
    more = {"alias": "me", "task_family": "fam", "cheated": True}
    runs = read_logs(log(tmp_path / "a.eval", SCORES, TIMES, more)).runs
    assert set(runs.agent) == {"me"} and set(runs.family) == {"fam"} and runs.cheated.all()


def test_a_folder_of_logs_sets_aside_what_it_cannot_read(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    log(folder / "a.eval", SCORES, TIMES)
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    found = read_logs(folder)
    assert (len(found.runs), found.unread) == (5, 1)


def test_logs_without_human_times_are_a_clear_error(tmp_path):
    with pytest.raises(InputError, match="human time"):
        read_logs(log(tmp_path / "a.eval", ["C"], [None]))
    with pytest.raises(InputError, match="human_minutes"):
        read_logs(log(tmp_path / "b.eval", ["C"], [-3]))
