"""What a deployment leaves running or plants is noticed within two seconds, and nobody else."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from roguewatch.control.contain.run import Contained, Inside
from roguewatch.control.stop.adapters.contained import target_of as contained_target
from roguewatch.control.stop.adapters.process import adapter, target_of
from roguewatch.control.stop.footprint import footprint
from roguewatch.control.stop.members import MARK
from roguewatch.control.stop.process import read_process
from roguewatch.control.watch.watch import ProcessWatch
from roguewatch.errors import LedgerError
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.state.database import connect
from roguewatch.state.runs import Runs

SECONDS = 20.0
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root is told of forks and writers")


class Kept:
    """What a watch told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.findings: list[Finding] = []

    def __call__(self, events: Sequence[Event], findings: Sequence[Finding]) -> None:
        self.events += events
        self.findings += findings

    def signs(self) -> set[str]:
        return {one.detector.removeprefix("process-") for one in self.findings}


class Agent:
    """A shell that stands for an agent's client; told what to do line by line."""

    def __init__(self, folder: Path, runs: Runs) -> None:
        self.project, self.home = folder / "project", folder / "home"
        mark = secrets.token_hex(8)
        self.process = subprocess.Popen(
            ["sh"], stdin=subprocess.PIPE, cwd=self.project, start_new_session=True, text=True,
            env={"PATH": os.environ["PATH"], "HOME": str(self.home), MARK: mark},
        )  # fmt: skip
        target = target_of(self.process.pid, mark)
        before = msgspec.json.encode(footprint(self.home, self.project)).decode()
        self.run = runs.begin("agent", "process", target, footprint=before)

    def does(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(connect(tmp_path / "store"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("project", "home"):
        (tmp_path / name).mkdir()
    return tmp_path


@contextmanager
def stand_by(folder: Path, runs: Runs) -> Iterator[Agent]:
    agent = Agent(folder, runs)
    try:
        yield agent
    finally:
        current = next(one for one in runs.all() if one.id == agent.run.id)
        adapter.stop(current.target)
        agent.process.communicate()


def watch(runs: Runs, kept: Kept, folder: Path) -> ProcessWatch:
    watching = ProcessWatch(runs, kept, folder / "home")
    watching.look()
    return watching


def until(watching: ProcessWatch, holds: Callable[[], object], seconds: float = SECONDS) -> float:
    """Look as often as is due until something holds; how long it took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds
        time.sleep(watching.rest)
        watching.look()
    return time.monotonic() - began


def idle(watching: ProcessWatch, seconds: float = 2.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(watching.rest)
        watching.look()


@pytest.mark.parametrize(
    "line",
    [
        "(sleep 61 &)",
        "(setsid sleep 61 &)",
        "nohup sh -c 'sleep 61; :' >/dev/null 2>&1 & true; sh -c 'nohup sleep 61 >/dev/null 2>&1 &'",
        "sh -c \"(trap '' TERM; sleep 61; :) &\"",
        f"{sys.executable} -c 'import os,time\nif os.fork()==0:\n os.setsid()\n"
        " if os.fork()==0: time.sleep(61)'",
    ],
)
def test_what_outlives_its_command_is_a_finding_once(folder: Path, runs: Runs, line: str) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does("true")
        idle(watching, 0.6)
        assert kept.findings == []
        agent.does(line)
        until(watching, lambda: kept.findings)
        idle(watching, 1.0)
        assert kept.signs() == {"outlives"}
        assert len(kept.findings) == len({one.id for one in kept.findings}) == 1
        (finding,) = kept.findings
        assert (finding.behaviour, finding.level) == ("E1", "medium")
        assert finding.session == f"run-{agent.run.id}"
        assert finding.events == (kept.events[0].id,)
        assert "sleep 61" in kept.events[0].text or "python" in kept.events[0].text


def test_work_that_somebody_waits_for_is_no_finding(folder: Path, runs: Runs) -> None:
    """A client's children, background jobs of a living shell and sessions of their own."""
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does("sleep 61 &")
        agent.does("setsid -w sleep 61 &")
        agent.does("sh -c 'sleep 61 & sleep 61 & wait' &")
        idle(watching, 2.5)
        assert kept.findings == []


def test_neighbours_of_the_same_name_user_and_folder_are_never_accused(
    folder: Path, runs: Runs
) -> None:
    kept = Kept()
    with stand_by(folder, runs), watch(runs, kept, folder) as watching:
        plain = {"PATH": os.environ["PATH"], "HOME": str(folder / "home")}
        strange = {**plain, MARK: secrets.token_hex(8)}
        for environment in (plain, strange):
            subprocess.run(
                ["sh", "-c", "setsid sleep 3 & nohup sleep 3 >/dev/null 2>&1 & (sleep 3 &)"],
                env=environment, cwd=folder / "project", check=True,
            )  # fmt: skip
        idle(watching, 2.0)
        assert (kept.findings, kept.events) == ([], [])


@root_only
def test_a_neighbour_s_change_of_a_start_up_file_is_not_the_run_s(folder: Path, runs: Runs) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        (folder / "home" / ".profile").write_text("export A=1\n")
        idle(watching, 2.5)
        assert kept.events == []
        agent.does("echo 'sleep 61 &' >> $HOME/.bashrc")
        until(watching, lambda: kept.findings)
        (finding,) = kept.findings
        assert (finding.detector, finding.level) == ("process-planted", "high")
        assert ".bashrc" in finding.excerpt
        assert kept.events[0].parsed_detail()["by"] != []


@root_only
@pytest.mark.parametrize(
    ("place", "line"),
    [
        (".ssh/authorized_keys", "mkdir -p $HOME/.ssh; echo ssh-ed25519 A > $HOME/.ssh/authorized_keys"),
        (".config/autostart/a.desktop",
         "mkdir -p $HOME/.config/autostart; echo x > a; mv a $HOME/.config/autostart/a.desktop"),
        (".config/systemd/user/a.timer",
         "mkdir -p $HOME/.config/systemd/user; echo x > $HOME/.config/systemd/user/a.timer"),
        ("project/.git/hooks/post-commit",
         "git init -q .; printf '#!/bin/sh\\n' > .git/hooks/post-commit"),
    ],
)  # fmt: skip
def test_what_a_run_plants_is_told_with_who_did_it(
    folder: Path, runs: Runs, place: str, line: str
) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does(line)
        until(watching, lambda: any(place in one.excerpt for one in kept.findings))
        found = next(one for one in kept.findings if place in one.excerpt)
        assert (found.detector, found.behaviour, found.level) == ("process-planted", "E1", "high")


@root_only
def test_a_process_that_forked_twice_and_cleared_its_environment_is_told_and_stopped(
    folder: Path, runs: Runs
) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does("(setsid env -i /bin/sleep 61 &)")
        until(watching, lambda: kept.findings)
        assert kept.signs() == {"unmarked"}
        assert kept.findings[0].level == "high"
        pid = kept.events[0].parsed_detail()["pid"]
        current = next(one for one in runs.all() if one.id == agent.run.id)
        assert adapter.stop(current.target).survivors == ()
        assert not any(one.survivors for one in adapter.probe(current.target))
        left = read_process(pid)
        assert left is None or left.dead


@root_only
def test_what_left_before_the_run_was_entered_is_found_all_the_same(
    folder: Path, runs: Runs
) -> None:
    kept = Kept()
    with watch(runs, kept, folder) as watching:
        idle(watching, 0.3)
        early = subprocess.Popen(
            ["sh", "-c", "(setsid env -i /bin/sleep 61 &); sleep 61"], start_new_session=True,
            cwd=folder / "project",
        )  # fmt: skip
        time.sleep(0.3)
        runs.begin("agent", "process", target_of(early.pid))
        try:
            until(watching, lambda: kept.findings)
            assert "/bin/sleep 61" in kept.findings[0].excerpt
        finally:
            adapter.stop(runs.all()[0].target)
            early.wait()


def test_after_the_agent_has_ended_what_lives_on_is_told(folder: Path, runs: Runs) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does("sleep 61 &")
        idle(watching, 0.6)
        agent.process.kill()
        agent.process.wait()
        until(watching, lambda: "survives" in kept.signs())


def test_a_server_is_told_and_one_for_this_machine_alone_is_low(folder: Path, runs: Runs) -> None:
    kept = Kept()
    code = "import socket,time; s=socket.create_server(('{}',0)); time.sleep(61)"
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does(f'{sys.executable} -c "{code.format("127.0.0.1")}" &')
        until(watching, lambda: "listens" in kept.signs())
        assert kept.findings[0].level == "low"
        agent.does(f'{sys.executable} -c "{code.format("0.0.0.0")}" &')
        until(watching, lambda: len(kept.findings) > 1)
        assert (kept.findings[1].detector, kept.findings[1].level) == ("process-listens", "medium")


def test_who_respawns_without_end_does_not_fill_the_record(folder: Path, runs: Runs) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does("for n in $(seq 70); do (sleep 61 &); done")
        until(watching, lambda: len(kept.findings) >= 50)
        idle(watching, 1.0)
        assert len(kept.findings) == 50
        assert "50 were" in kept.events[-1].text


def test_what_could_not_be_recorded_is_told_again(folder: Path, runs: Runs) -> None:
    kept, full = Kept(), [True]

    def tell(events: Sequence[Event], findings: Sequence[Finding]) -> None:
        if full:
            raise LedgerError("the disk is full")
        kept(events, findings)

    with stand_by(folder, runs) as agent, ProcessWatch(runs, tell, folder) as watching:
        watching.look()
        agent.does("(setsid sleep 61 &)")
        failed = 0
        end = time.monotonic() + SECONDS
        while failed < 2:
            assert time.monotonic() < end
            time.sleep(watching.rest)
            try:
                watching.look()
            except LedgerError:
                failed += 1
        full.clear()
        watching.look()
        assert kept.signs() == {"outlives"}


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is missing")
def test_inside_the_walls_too(folder: Path, runs: Runs) -> None:
    kept = Kept()
    inside = Inside(deployment="agent", project=folder / "project",
                    command=("sh", "-c", "sleep 61 & sleep 1; (setsid sleep 62 &); sleep 63"))  # fmt: skip
    with Contained(inside) as contained:
        runs.begin("agent", "contained",
                   contained_target(contained.init_pid, tuple(contained.group.folders)))  # fmt: skip
        with watch(runs, kept, folder) as watching:
            until(watching, lambda: kept.findings)
            idle(watching, 1.0)
        assert [one.excerpt for one in kept.findings if one.detector != "process-outlives"] == []
        assert len(kept.findings) == 1, [one.excerpt for one in kept.findings]
        assert "sleep 62" in kept.findings[0].excerpt


def test_watching_takes_less_than_a_hundredth_of_a_processor(folder: Path, runs: Runs) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does("for n in 1 2 3 4 5; do sleep 61 & done")
        idle(watching, 1.0)
        began, used = time.monotonic(), time.thread_time()
        idle(watching, 5.0)
        share = (time.thread_time() - used) / (time.monotonic() - began)
        print(f"share of one processor: {share:.4f}")
        assert share < 0.02  # the bound is 1% of a look and what is asked of the state


def test_a_stopped_process_that_was_left_behind_is_told(folder: Path, runs: Runs) -> None:
    kept = Kept()
    with stand_by(folder, runs) as agent, watch(runs, kept, folder) as watching:
        agent.does("sh -c 'sleep 61 & kill -STOP $!'")
        until(watching, lambda: kept.findings)
        pid = kept.events[0].parsed_detail()["pid"]
        assert isinstance(pid, int)
        os.kill(pid, signal.SIGCONT)
