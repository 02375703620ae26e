"""What runs inside can do its work, and ends when it is told to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from roguewatch.control.contain.run import Contained, Inside
from roguewatch.control.stop.process import read_process
from roguewatch.errors import ControlError

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing")


def run(project: Path, *command: str, **more: object) -> tuple[int, str]:
    inside = Inside(deployment="demo", command=command, project=project, **more)  # type: ignore[arg-type]
    with Contained(inside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as contained:
        assert contained.process.stdout is not None
        text = contained.process.stdout.read().decode()
        return contained.wait(20), text


def test_work_in_the_project_reaches_the_disk_and_keeps_its_owner(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("given\n")
    status, text = run(tmp_path, "sh", "-c", "cat in.txt; echo made > out.txt; pwd")
    assert (status, text) == (0, f"given\n{tmp_path}\n")
    assert (tmp_path / "out.txt").read_text() == "made\n"
    assert (tmp_path / "out.txt").stat().st_uid == os.geteuid()


@pytest.mark.parametrize(("command", "expected"), [("exit 7", 7), ("kill -TERM $$", 143)])
def test_the_exit_status_is_the_command_s(tmp_path: Path, command: str, expected: int) -> None:
    assert run(tmp_path, "sh", "-c", command)[0] == expected


def test_a_command_that_is_not_there_is_127(tmp_path: Path) -> None:
    status, text = run(tmp_path, "no-such-program")
    assert status == 127
    assert "no-such-program" in text


def test_nothing_of_the_caller_s_environment_is_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVIDER_KEY", "sk-secret")
    _, text = run(tmp_path, "env", environment={"GIVEN": "yes"})
    assert "sk-secret" not in text
    assert "GIVEN=yes" in text


def test_it_runs_under_an_identity_of_its_own_when_root_starts_it(tmp_path: Path) -> None:
    _, text = run(tmp_path, "id", "-u")
    assert (int(text) >= 61184) == (os.geteuid() == 0)


def test_killing_it_kills_detached_and_signal_ignoring_descendants(tmp_path: Path) -> None:
    script = (
        "trap '' TERM HUP INT; (setsid nohup sh -c \"trap '' TERM; while :; do sleep 0.1; "
        'echo x >> beat; done" >/dev/null 2>&1 &); while :; do sleep 0.1; done'
    )
    inside = Inside(deployment="demo", command=("sh", "-c", script), project=tmp_path)
    with Contained(inside) as contained:
        beat = tmp_path / "beat"
        deadline = time.monotonic() + 10
        while not beat.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert beat.exists()
        contained.kill()
        contained.wait(5)
        assert contained.survivors() == set()
        size = beat.stat().st_size
        time.sleep(0.4)
        assert beat.stat().st_size == size


def test_it_ends_when_the_one_who_started_it_dies(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from roguewatch.control.contain.run import Contained, Inside\n"
        "c = Contained(Inside(deployment='d', command=('sleep', '1000.25'), "
        "project=Path(sys.argv[1])))\n"
        "print(c.init_pid, c.staging, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert parent.stdout is not None
    pid, staging = parent.stdout.readline().split()
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 20
    # Dead is dead: when its number is free again is up to whoever inherits it.
    while (left := read_process(int(pid))) and not left.dead and time.monotonic() < deadline:
        time.sleep(0.02)
    assert left is None or left.dead
    shutil.rmtree(staging, ignore_errors=True)


KILLED_WHILE_IT_STARTS = """
import ctypes, os, random, signal, sys, time
from pathlib import Path
from roguewatch.control.contain.run import Contained, Inside

PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # orphans become our own children
moments = random.Random(20)
quiet = os.open("/dev/null", os.O_RDWR)
inside = Inside(deployment="d", command=("sleep", "1000.5"), project=Path(sys.argv[1]))
for _ in range(12):
    supervisor = os.fork()
    if supervisor == 0:
        Contained(inside, stdin=quiet, stdout=quiet, stderr=quiet)
        os.write(1, b"up ")
        time.sleep(60)
        os._exit(0)
    time.sleep(moments.uniform(0, float(sys.argv[2])))
    os.kill(supervisor, signal.SIGKILL)
until = time.monotonic() + 20
while True:
    try:
        pid, _ = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        break
    if not pid:
        if time.monotonic() > until:
            left = [int(name) for name in os.listdir("/proc") if name.isdigit()
                    and f"PPid:\\t{os.getpid()}\\n" in Path(f"/proc/{name}/status").read_text()]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            print("survivors:", left)
            break
        time.sleep(0.02)
"""


def test_nothing_survives_the_one_who_started_it_being_killed_while_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where they stage what they leave behind
    project = tmp_path / "project"
    project.mkdir()
    tmp_path.chmod(0o755)
    began = time.monotonic()
    with Contained(Inside(deployment="d", command=("true",), project=project)) as contained:
        contained.wait(20)
        took = time.monotonic() - began
    done = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_IT_STARTS, str(project), str(1.3 * took)],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "survivors" not in done.stdout
    assert done.stdout.count("up") < 12  # else none was killed while it started


def test_what_is_inside_ends_when_bubblewrap_alone_is_killed(tmp_path: Path) -> None:
    with Contained(Inside(deployment="d", command=("sleep", "1000.75"), project=tmp_path)) as one:
        one.process.kill()
        assert one.wait(5) == 137
        assert one.survivors() == set()
        deadline = time.monotonic() + 10
        while (left := read_process(one.init_pid)) and not left.dead:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_nothing_is_run_when_a_required_wall_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roguewatch.control.contain.bubblewrap.shutil.which", lambda *a, **k: None)
    with pytest.raises(ControlError, match="nothing is run uncontained"):
        run(tmp_path, "touch", "ran")
    assert not (tmp_path / "ran").exists()
