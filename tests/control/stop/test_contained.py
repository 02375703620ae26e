"""A containment is known by its first process: a number that came back is somebody else's."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from roguewatch.control.contain.run import Contained, Inside
from roguewatch.control.stop.adapters.contained import adapter, target_of
from roguewatch.control.stop.process import read_process

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing")


def test_a_new_containment_with_the_number_of_a_dead_one_s_namespace_is_left_alone(
    tmp_path: Path,
) -> None:
    former = subprocess.Popen(["sleep", "60"])
    known = read_process(former.pid)
    assert known is not None
    former.kill()
    former.wait()
    with Contained(
        Inside(deployment="neighbour", command=("sleep", "60"), project=tmp_path)
    ) as neighbour:
        now = msgspec.json.decode(target_of(neighbour.init_pid))
        reused = msgspec.json.encode({**now, "init": known.identity}).decode()
        assert [probe.survivors for probe in adapter.probe(reused)] == [()]
        halted = adapter.stop(reused)
        assert (halted.found, halted.survivors) == (0, ())
        assert neighbour.process.poll() is None
        still = adapter.stop(target_of(neighbour.init_pid))
        assert still.found >= 1
        assert still.survivors == ()
