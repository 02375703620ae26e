"""A stop that could look at nothing claims nothing, and still denies."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from roguewatch.control.stop.process import command_line
from roguewatch.control.stop.stop import Stopper
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Recognition, Register
from roguewatch.state.runs import Runs
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


def test_what_the_register_recognises_is_named_and_left_alive(tmp_path: Path) -> None:
    engine = connect(tmp_path / "store")
    register = Register(engine)
    mark = Recognition(environment=("DRILL_OF=box",))
    register.put(Deployment(name="box", recognition=mark), "ada")
    own = subprocess.Popen(["sleep", "60"], env={"DRILL_OF": "box", "PATH": "/usr/bin:/bin"})
    other = subprocess.Popen(["sleep", "60"], env={"DRILL_OF": "bo", "PATH": "/usr/bin:/bin"})
    try:
        until_it_runs(own)
        report = Stopper(tmp_path / "store", register, Runs(engine)).stop("box", "try", "ada")
        assert not report.stopped
        (survivor,) = report.survivors
        assert survivor.startswith(f"pid {own.pid} ")
        assert "environment DRILL_OF" in survivor
        assert (own.poll(), other.poll()) == (None, None)
    finally:
        for process in (own, other):
            process.kill()
            process.wait()


def until_it_runs(process: subprocess.Popen[bytes]) -> None:
    """Between fork and exec a process shows its parent's environment."""
    deadline = time.monotonic() + 20
    while command_line(process.pid)[:1] != ["sleep"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
