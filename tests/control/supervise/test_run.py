"""`roguewatch run` and `roguewatch stop`, as people call them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roguewatch.control.stop.adapters import process
from roguewatch.control.stop.adapters.process import target_of
from roguewatch.control.stop.members import MARK
from roguewatch.control.stop.process import read_process
from roguewatch.events import Event
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.database import connect
from roguewatch.state.findings import Findings
from roguewatch.state.register import Deployment, Register
from roguewatch.state.runs import Runs

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing")

ROGUEWATCH = [sys.executable, "-c", "from roguewatch.cli import main; main()"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    (tmp_path / "project").mkdir()
    register = Register(connect(folder))
    register.put(Deployment(name="demo", owner="ana", lease_seconds=4), "test")
    register.put(Deployment(name="other", owner="ana"), "test")
    return folder


@pytest.fixture
def gate(store: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*ROGUEWATCH, "gate", "serve", "--store", str(store), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"]
    yield process
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.communicate(timeout=20)


def running(store: Path, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*ROGUEWATCH, "run", "--store", str(store), "--deployment", "demo",
         "--project", str(store.parent / "project"), *more],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def started(store: Path, seconds: float = 20) -> None:
    """Wait until the run can be found by whoever would stop it."""
    runs, deadline = Runs(connect(store)), time.monotonic() + seconds
    while not any(run.target != "{}" for run in runs.all(open_only=True)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def stop(store: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ROGUEWATCH, "stop", "--store", str(store), *more], capture_output=True, text=True
    )


def recorded(store: Path) -> list[Event]:
    ledger = Ledger.open(store, readonly=True)
    try:
        return [event for event in ledger.events() if event.session.startswith("run-")]
    finally:
        ledger.close()


def test_a_run_is_recorded_with_its_end_and_what_it_tried_to_reach(store: Path) -> None:
    code = (
        "import urllib.request as u, urllib.error as e, sys\n"
        "try: u.urlopen('http://example.com/')\nexcept e.HTTPError as x: sys.exit(x.code - 400)"
    )
    run = running(store, "--", "python3", "-c", code)
    run.communicate(timeout=60)
    assert run.returncode == 3
    events = recorded(store)
    assert [event.kind for event in events] == ["process", "network", "process"]
    assert events[1].parsed_detail()["host"] == "example.com"
    assert events[1].parsed_detail()["allowed"] is False
    assert events[2].parsed_detail()["status"] == 3


def test_a_run_without_a_gate_tells_what_its_commands_leave_behind(store: Path) -> None:
    run = running(store, "--", "sh", "-c", "sh -c '(setsid sleep 20 &)'; sleep 20")
    assert run.stderr is not None
    said = ""
    for line in run.stderr:
        said = line
        if "lives on" in line:
            break
    run.terminate()
    run.communicate(timeout=30)
    assert "E1 medium" in said
    assert "sleep 20" in said
    session = f"run-{Runs(connect(store)).all()[0].id}"
    (finding,) = Findings(connect(store)).all(session=session)
    assert finding.detector == "process-outlives"
    (event,) = [event for event in recorded(store) if event.id in finding.events]
    assert event.parsed_detail()["deployment"] == "demo"


def test_anybody_can_watch_what_runs(store: Path) -> None:
    agent = subprocess.Popen(
        ["sh"], stdin=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, MARK: "watched"},
    )  # fmt: skip
    assert agent.stdin is not None
    Runs(connect(store)).begin("demo", "process", target_of(agent.pid, "watched"))
    watch = subprocess.Popen(
        [*ROGUEWATCH, "watch", "--store", str(store), "--json"], stdout=subprocess.PIPE, text=True
    )
    assert watch.stdout is not None
    try:
        agent.stdin.write("(setsid sleep 30 &)\n")
        agent.stdin.flush()
        found = json.loads(watch.stdout.readline())
        assert (found["detector"], found["behaviour"]) == ("process-outlives", "E1")
    finally:
        watch.send_signal(signal.SIGINT)
        watch.communicate(timeout=20)
        agent.communicate()
        process.adapter.stop(target_of_run(store))


def target_of_run(store: Path) -> str:
    return Runs(connect(store)).all()[0].target


def test_a_stop_kills_the_run_and_no_other_can_begin(store: Path) -> None:
    run = running(store, "--", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")
    started(store)
    done = stop(store, "demo", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["stopped"], report["survivors"]) == (0, True, [])
    assert report["deployment"] == "demo"
    _, said = run.communicate(timeout=20)
    assert run.returncode == 137
    assert "a stop is open" in said
    # Where the stop was too slow for its supervisor, that killed it and says so.
    assert report["found"] >= 1 or "has not killed it" in said
    again = running(store, "--", "true")
    _, said = again.communicate(timeout=20)
    assert again.returncode == 2
    assert "a stop is open" in said


def test_a_stop_of_a_name_that_nobody_knows_is_an_error(store: Path) -> None:
    assert stop(store, "demmo", "--json").returncode == 2


def test_what_is_not_registered_is_entered_without_an_owner_and_said(store: Path) -> None:
    Register(connect(store)).remove("demo")
    run = running(store, "--", "touch", "ran")
    _, said = run.communicate(timeout=20)
    assert run.returncode == 0
    assert "without an owner" in said
    entry = Register(connect(store)).get("demo")
    assert entry is not None
    assert (entry.owner, entry.fail_mode) == ("", "closed")


def test_a_run_ends_when_its_entry_is_taken_out(store: Path) -> None:
    run = running(store, "--", "sleep", "60")
    started(store)
    Register(connect(store)).remove("demo")
    _, said = run.communicate(timeout=20)
    assert run.returncode == 137
    assert "not in the register" in said


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_a_gate_that_dies_or_hangs_ends_the_lease(
    store: Path, gate: subprocess.Popen[str], number: int
) -> None:
    run = running(store, "--", "sleep", "100")
    deadline = time.monotonic() + 40
    while not recorded(store):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first = json.loads(Runs(connect(store)).all()[0].target)["init"][0]
    gate.send_signal(number)
    sent = time.monotonic()
    while (inside := read_process(first)) and not inside.dead:
        # Less than the 10 s for which a gate that hangs is waited for: silence is not renewal.
        assert time.monotonic() < sent + 9
        time.sleep(0.02)
    _, said = run.communicate(timeout=60)
    # 2: the gate went before it had said that the run's start was recorded.
    assert (run.returncode, "lease" in said) in ((137, True), (2, False))
    assert "lease" in said or "no answer" in said
    assert not any(one.ended is None for one in Runs(connect(store)).all())


def test_with_a_gate_the_keys_work_inside_until_the_stop_and_the_relay_is_probed(
    store: Path, gate: subprocess.Popen[str]
) -> None:
    code = (
        "import os, urllib.request as u, urllib.error as e\n"
        "r = u.Request(os.environ['ROGUEWATCH_GATE'] + '/status')\n"
        "try: u.urlopen(r)\nexcept e.HTTPError as x: print(x.code, flush=True)\n"
        "import time; time.sleep(60)"
    )
    run = running(store, "--", "python3", "-c", code)
    assert run.stdout is not None
    assert run.stdout.readline() == "403\n"  # the gate is reached, and tells agents nothing
    done = stop(store, "demo", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    probes = {probe["name"]: probe for probe in report["probes"]}
    assert probes["relay"]["observed"]
    assert probes["ledger"]["observed"]
    assert report["tokens_revoked"] >= 2
    run.communicate(timeout=20)
    assert run.returncode == 137


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_it_works_for_a_user_without_privileges_and_says_what_is_missing(tmp_path: Path) -> None:
    folder = Path("/var/tmp") / f"roguewatch-{os.getpid()}-{time.time_ns()}"
    (folder / "project").mkdir(parents=True)
    for path in (folder, folder / "project"):
        os.chown(path, 65534, 65534)
    code = (
        "import os, sys; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "os.environ.update(HOME=sys.argv[1], XDG_CONFIG_HOME=sys.argv[1])\n"
        "from pathlib import Path\nfrom roguewatch.state.database import connect\n"
        "from roguewatch.state.register import *\n"
        "s = Path(sys.argv[1]) / 'store'\n"
        "Register(connect(s)).put(Deployment(name='demo', owner='ana'), 't')\n"
        "sys.argv = ['roguewatch', 'run', '--store', str(s), '--deployment', 'demo',\n"
        "            '--project', sys.argv[1] + '/project', '--', 'sh', '-c',\n"
        "            'echo made > out; exit 5']\n"
        "from roguewatch.cli import main\nmain()"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, cwd="/"
        )
        if "No module named" in done.stderr:
            pytest.skip("nobody cannot read the interpreter that runs the tests")
        if "setting up uid map" in done.stderr or "No permissions to create" in done.stderr:
            pytest.skip("this machine lets no unprivileged user make a user namespace")
        assert done.returncode == 5, done.stderr
        assert (folder / "project" / "out").read_text() == "made\n"
        assert "cannot enforce identity" in done.stderr
    finally:
        shutil.rmtree(folder)
