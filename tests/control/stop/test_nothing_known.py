"""A stop that could look at nothing claims nothing, and still denies."""

from __future__ import annotations

from pathlib import Path

from roguewatch.state.database import connect
from roguewatch.state.register import Register
from tests.cli.run import json_lines, roguewatch


def test_a_stop_without_runs_and_without_a_gate_is_unproven_and_denies(tmp_path: Path) -> None:
    roguewatch("register", "add", "builder", "--store", tmp_path / "store")
    done = roguewatch("stop", "builder", "--store", tmp_path / "store", "--json")
    (report,) = json_lines(done.stdout)
    assert (done.returncode, report["stopped"], report["survivors"]) == (1, False, [])
    assert "nothing was looked at" in report["notes"][-1]
    assert Register(connect(tmp_path / "store")).stopped("builder")
    said = roguewatch("stop", "builder", "--store", tmp_path / "store")
    assert said.returncode == 1
    assert "UNPROVEN" in said.stdout
    assert "register attach" in said.stdout
