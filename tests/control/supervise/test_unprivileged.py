"""A user without privileges can run, stop, attach and drill; what is missing is said."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import roguewatch

User = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else"),
    pytest.mark.skipif(shutil.which("setpriv") is None, reason="setpriv is missing"),
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing"),
]

NOBODY = pwd.getpwnam("nobody").pw_uid


@pytest.fixture(scope="module")
def python() -> Iterator[Path]:
    """An interpreter that everybody may run, with this roguewatch and what it needs."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    system = shutil.which(f"python{here}", path="/usr/bin:/usr/local/bin:/bin")
    if system is None or Path(os.path.realpath(system)).is_relative_to("/root"):
        pytest.skip(f"no Python {here} that everybody may run")
    folder = Path(tempfile.mkdtemp(prefix="roguewatch-venv-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        made = subprocess.run(
            [system, "-m", "venv", "--without-pip", folder / "venv"],
            capture_output=True,
            check=False,
        )
        if made.returncode:
            pytest.skip("this Python makes no venv")
        places = [str(Path(roguewatch.__file__).parents[1]), sysconfig.get_path("purelib")]
        site = folder / "venv" / "lib" / f"python{here}" / "site-packages" / "places.pth"
        site.write_text("\n".join(places) + "\n")
        yield folder / "venv" / "bin" / "python"
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="roguewatch-nobody-", dir="/var/tmp"))
    (folder / "project").mkdir()
    for path in (folder, folder / "project"):
        os.chown(path, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def user(python: Path, home: Path) -> User:
    """Runs the command as nobody."""
    told = as_nobody(home, str(python), "-c", "import roguewatch.cli, roguewatch.state.database")
    if told.returncode:
        pytest.skip(f"nobody cannot read what the tests run: {told.stderr.splitlines()[-1:]}")

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        return as_nobody(home, str(python), "-m", "roguewatch", *map(str, words))

    return run


def as_nobody(home: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*drop(), *command], capture_output=True, text=True, timeout=60, check=False, cwd=home,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8"},
    )  # fmt: skip


def drop() -> list[str]:
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def contained(user: User, home: Path, script: str) -> subprocess.CompletedProcess[str]:
    done = user("run", "--store", home / "store", "--deployment", "demo",
                "--project", home / "project", "--", "sh", "-c", script)  # fmt: skip
    if "uid map" in done.stderr or "No permissions to create" in done.stderr:
        pytest.skip("this machine lets no unprivileged user make a user namespace")
    return done


def test_a_run_is_contained_and_names_what_this_user_cannot_enforce(user: User, home: Path) -> None:
    assert (
        user("register", "add", "demo", "--owner", "ana", "--store", home / "store").returncode == 0
    )
    (home / "secret").write_text("s")
    script = (
        "echo made > out; "
        f"cat {home}/secret && echo READ; echo x > /usr/x && echo WROTE; "
        "kill -9 1 2>/dev/null; mount -t tmpfs x /mnt 2>/dev/null && echo MOUNTED; "
        "ls /proc | grep -c '^[0-9]'; exit 5"
    )
    done = contained(user, home, script)
    assert done.returncode == 5, done.stderr
    assert (home / "project" / "out").read_text() == "made\n"
    assert (home / "project" / "out").stat().st_uid == NOBODY
    assert not {"READ", "WROTE", "MOUNTED"} & set(done.stdout.split())
    assert int(done.stdout.split()[-1]) < 10  # of the machine's processes, only its own
    assert "cannot enforce identity" in done.stderr


def test_a_run_is_stopped_with_all_that_it_detached(user: User, home: Path, python: Path) -> None:
    store = home / "store"
    user("register", "add", "demo", "--owner", "ana", "--store", store)
    contained(user, home, "true")
    running = subprocess.Popen(
        [*drop(), str(python), "-m", "roguewatch", "run", "--store", str(store), "--deployment",
         "demo", "--project", str(home / "project"), "--", "sh", "-c",
         "trap '' TERM; setsid sleep 50 & touch up; sleep 50"],
        stderr=subprocess.DEVNULL, env={"PATH": "/usr/bin:/bin", "HOME": str(home)},
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 20
        while not (home / "project" / "up").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        done = user("stop", "demo", "--store", store, "--json")
        report = json.loads(done.stdout)
        assert (done.returncode, report["stopped"], report["survivors"]) == (0, True, [])
        assert report["found"] >= 3
        assert running.wait(15) == 137
    finally:
        running.kill()
        running.wait()


def test_a_process_of_its_own_is_attached_and_stopped_and_one_of_others_survives_in_the_report(
    user: User, home: Path
) -> None:
    store = home / "store"
    mine = subprocess.Popen([*drop(), "sleep", "50"], cwd=home)
    theirs = subprocess.Popen(["sleep", "50"])
    try:
        for name, process in (("mine", mine), ("theirs", theirs)):
            user("register", "add", name, "--store", store)
            told = user("register", "attach", name, "--pid", str(process.pid), "--store", store)
            assert told.returncode == 0, told.stderr
        done = user("stop", "mine", "--store", store, "--json")
        assert json.loads(done.stdout)["survivors"] == []
        assert mine.wait(5) == -9
        refused = user("stop", "theirs", "--store", store, "--json")
        report = json.loads(refused.stdout)
        assert (refused.returncode, report["stopped"]) == (1, False)
        assert any(f"pid {theirs.pid} " in one for one in report["survivors"])
        assert theirs.poll() is None
    finally:
        for process in (mine, theirs):
            process.kill()
            process.wait()
