"""A drill that is killed half-way leaves nothing once the next one has begun."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roguewatch.control.contain.cgroup import ROOT
from roguewatch.control.drills.scope import MARKER, DrillScope
from roguewatch.control.stop.process import command_line, processes


@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_left_of_a_drill_that_was_killed(tmp_path: Path, seed: int) -> None:
    (tmp_path / MARKER).touch()
    scope = DrillScope(tmp_path)
    # Once without monitors and once with: there a gate is left as well.
    rung = ("3", "2")[seed % 2]
    drill = subprocess.Popen(
        [sys.executable, "-m", "roguewatch", "drill", "run", "--all", "--rung", rung,
         "--scope", str(tmp_path), "--store", str(tmp_path / "store")],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not scope.left_over() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(random.Random(seed).uniform(0, 2))
    drill.send_signal(signal.SIGKILL)
    drill.wait()
    names = [workspace.name for workspace in scope.left_over()]
    assert names
    for workspace in scope.left_over():
        scope.clean(workspace)
    time.sleep(0.3)
    own = str(tmp_path)
    alive = [command_line(one.pid) for one in processes() if not one.dead]
    left = [words for words in alive if any(own in word for word in words)]
    assert left == []
    groups = [path for name in names for path in ROOT.glob(f"**/roguewatch/{name}-*")]
    assert groups == []
