"""What others start for a run: schedulers, servers of this machine, and models asked past us."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from roguewatch.control.contain.cgroup import ROOT as CGROUPS
from roguewatch.control.drills.drill import chosen, in_the_open, in_workspace
from roguewatch.control.drills.ground import Ground
from roguewatch.control.drills.routes import ROUTES, STAY, unavailable
from roguewatch.control.drills.scope import MARKER, DrillScope
from roguewatch.control.stop.adapters.process import adapter
from roguewatch.control.stop.process import Process, command_line, processes, read_process
from roguewatch.control.stop.sockets import connections, listeners
from roguewatch.control.watch.models import ModelHosts
from roguewatch.control.watch.schedules import Schedules, jobs
from roguewatch.control.watch.watch import ProcessWatch
from roguewatch.errors import ControlError
from roguewatch.state.runs import Run, Runs
from tests.control.watch.test_watch import (
    Kept,
    folder,
    idle,
    root_only,
    runs,
    stand_by,
    until,
)

__all__ = ["folder", "runs"]


@contextmanager
def planted(
    name: str, folder: Path, runs: Runs
) -> Iterator[tuple[Ground, Run, Kept, ProcessWatch]]:
    """A drill's route in the open, with the service that it needs, and a watch beside it."""
    route = chosen(ROUTES, name)
    if reason := unavailable(route):
        pytest.skip(reason)
    (folder / MARKER).touch()
    scope, kept = DrillScope(folder), Kept()
    with contextlib.ExitStack() as ending:
        ground = ending.enter_context(in_workspace(route, scope))
        try:
            ending.enter_context(ground.service())
        except ControlError as error:
            pytest.skip(str(error))
        gate = folder / "gate"
        script = f"while [ ! -e {gate} ]; do sleep 0.05; done; {route.script}{STAY}"
        command = ("sh", "-c", script, ground.workspace.name)
        with in_the_open(ground, command) as (kind, target):
            run = runs.begin("agent", kind, target)
            with ProcessWatch(runs, kept, ground.home) as watching:
                watching.look()
                gate.touch()
                yield ground, run, kept, watching


@root_only
@pytest.mark.parametrize(("name", "sign", "by"), [("cron", "scheduled", "cron"),
                                                  ("ssh-loopback", "served", "sshd")])  # fmt: skip
def test_what_a_daemon_starts_for_a_run_is_told_and_stopped_with_it(
    folder: Path, runs: Runs, name: str, sign: str, by: str
) -> None:
    """Real cron and a real sshd, with a spool and a port of their own."""
    with planted(name, folder, runs) as (ground, run, kept, watching):
        until(watching, lambda: sign in kept.signs() and ground.beating(), 40)
        told = [one.parsed_detail() for one in kept.events]
        pids = {one["pid"] for one in told if one["change"] == sign}
        assert pids <= {one.pid for one in ground.planted()}
        watching.look()
        services = {one.identity for one in processes() if one.name.lower().startswith(by)}
        current = next(one for one in runs.all() if one.id == run.id)
        assert adapter.stop(current.target).survivors == ()
        assert ground.beating() == []
        left = {one.identity for one in processes() if one.name.lower().startswith(by)}
        daemon = min(services, key=lambda one: one[1])
        assert daemon in left, "the daemon is not the run's"


def test_a_job_is_the_run_s_only_where_its_writing_added_the_command(tmp_path: Path) -> None:
    me = pwd.getpwuid(os.geteuid()).pw_name
    table = tmp_path / "crontabs" / me
    table.parent.mkdir()
    table.write_text("0 0 * * * sleep 61\n")
    schedules = Schedules()
    schedules.know([table])
    table.write_text("0 0 * * * sleep 61\nSHELL=/bin/sh\n#@daily sleep 64\n@reboot sleep 62; :\n"
                     "*/5 1-2 * jan mon\tsleep  63 \\% x%input\n")  # fmt: skip
    assert {job.command for job in jobs(table)} == {"sleep 61", "sleep 62; :", "sleep  63 % x"}
    assert schedules.planted("run", "cron table", table, new=False)
    assert not schedules.planted("run", "cron table", table, new=False), "nothing new"
    with cron(tmp_path) as daemon:
        for command, whose in (("sleep 61", None), ("sleep 62; :", "run"), ("sleep 65", None)):
            job = daemon.starts(command)
            assert schedules.whose(job) == whose, command
        schedules.forget(["run"])
        assert schedules.whose(daemon.starts("sleep 62; :")) is None
    # The same command, and nobody's: cron did not start it.
    schedules = Schedules()
    schedules.planted("run", "cron table", table, new=False)
    other = subprocess.Popen(["sh", "-c", "sleep 62; :"], start_new_session=True)
    try:
        stranger = read_process(other.pid)
        assert stranger is not None
        assert schedules.whose(stranger) is None
    finally:
        subprocess.run(["pkill", "-s", str(other.pid)], check=True)
        other.wait()


@root_only
def test_a_unit_that_the_run_wrote_is_known_by_its_control_group(tmp_path: Path) -> None:
    """A stand-in for systemd: a control group of the unit's name, as it makes one."""
    name = f"drill-{secrets.token_hex(8)}"
    group = next((one for one in (CGROUPS / "pids", CGROUPS) if one.is_dir()), CGROUPS)
    group = group / f"{name}.service"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no control group can be made here")
    before = subprocess.Popen(["sleep", "61"])
    time.sleep(0.05)
    unit = tmp_path / f"{name}.timer"
    unit.write_text("[Timer]\n")
    old, new = Schedules(), Schedules()
    assert new.planted("run", "user unit", unit, new=True)
    assert not old.planted("run", "user unit", unit, new=False), "it was there before"
    time.sleep(0.05)
    after = subprocess.Popen(["sleep", "61"])
    try:
        known = [read_process(one.pid) for one in (before, after)]
        assert [new.whose(one) for one in known if one] == [None, None]
        for one in (before, after):
            (group / "cgroup.procs").write_text(str(one.pid))
        assert [new.whose(one) for one in known if one] == [None, "run"]
        assert [old.whose(one) for one in known if one] == [None, None]
    finally:
        for one in (before, after):
            one.kill()
            one.wait()
        group.rmdir()


class Cron:
    """A process of cron's name that starts what it is told as cron does: by `sh -c`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def starts(self, command: str) -> Process:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        deadline = time.monotonic() + 20
        while command_line(pid) in ([], command_line(self._process.pid)):
            assert time.monotonic() < deadline  # it is between fork and exec
            time.sleep(0.01)
        found = read_process(pid)
        assert found is not None
        return found


@contextmanager
def cron(folder: Path) -> Iterator[Cron]:
    program = folder / "cron"
    shutil.copy(shutil.which("bash") or "/bin/bash", program)
    loop = 'while read -r line; do sh -c "$line" </dev/null >/dev/null & echo $!; done'
    process = subprocess.Popen(
        [str(program), "-c", loop], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield Cron(process)
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=True)
        process.communicate()


@root_only
def test_of_two_runs_the_one_that_wrote_the_table_has_the_job(folder: Path, runs: Runs) -> None:
    """The table is in a mount namespace that both see; a stand-in for cron starts the job."""
    kept, me = Kept(), pwd.getpwuid(os.geteuid()).pw_name
    spool = folder / "crontabs"
    spool.mkdir()
    bind = ["unshare", "--mount", "mount", "--bind", str(spool), "/etc/cron.d"]
    if shutil.which("unshare") is None or subprocess.run(bind, capture_output=True).returncode:
        pytest.skip("this machine gives no mount namespace, or has no /etc/cron.d")
    command = f"sleep 61; : {folder.name}"
    with stand_by(folder, runs) as one, stand_by(folder, runs) as other:
        for agent in (other, one):
            agent.does(f"exec unshare --mount sh -c 'mount --bind {spool} /etc/cron.d; exec sh'")
        with ProcessWatch(runs, kept, folder / "home") as watching, cron(folder) as daemon:
            idle(watching, 3.0)
            one.does(f"echo '@daily {me} {command}' > /etc/cron.d/job")
            until(watching, lambda: "planted" in kept.signs())
            job = daemon.starts(command)
            until(watching, lambda: "scheduled" in kept.signs())
        told = [each for each in kept.events if each.parsed_detail()["change"] == "scheduled"]
        assert [each.parsed_detail()["pid"] for each in told] == [job.pid]
        assert told[0].session == f"run-{one.run.id}"
        assert other.process.poll() is None


def test_a_pipe_or_link_in_place_of_a_table_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    assert jobs(tmp_path / "pipe") == jobs(tmp_path / "zero") == frozenset()


CLIENT = "import socket,time; s=socket.create_connection(('{}',{})); time.sleep(61)"


@pytest.mark.parametrize("claimed", [True, False])
def test_a_connection_to_a_provider_is_told_where_the_relay_is_claimed(
    folder: Path, runs: Runs, claimed: bool
) -> None:
    """The provider is a server of ours at an address that the relay leads to."""
    kept = Kept()
    with socket.create_server(("127.0.0.1", 0)) as provider, stand_by(folder, runs) as agent:
        port = provider.getsockname()[1]
        models = ModelHosts((f"http://localhost:{port}/v1",), providers=())
        with ProcessWatch(runs, kept, folder / "home", models=models,
                          relayed=lambda name: claimed and name == "agent") as watching:  # fmt: skip
            agent.does(f'{sys.executable} -c "{CLIENT.format("127.0.0.1", port)}" &')
            neighbour = subprocess.Popen(
                [sys.executable, "-c", CLIENT.format("127.0.0.1", port)]
            )  # fmt: skip
            try:
                until(watching, lambda: kept.findings)
                idle(watching, 1.5)
            finally:
                neighbour.kill()
                neighbour.wait()
        (finding,) = kept.findings
        assert (finding.detector, finding.behaviour) == ("process-model", "E9")
        assert finding.level == ("medium" if claimed else "low")
        assert kept.events[0].parsed_detail()["host"] == "localhost"
        assert str(neighbour.pid) not in finding.excerpt


def test_the_other_ports_of_a_provider_s_address_are_no_provider(folder: Path) -> None:
    models = ModelHosts(("http://127.0.0.1:7", "no address", "http://[::1"), providers=())
    models.refresh()
    deadline = time.monotonic() + 20
    while models.at(("127.0.0.1", 7)) != "127.0.0.1":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert models.at(("127.0.0.1", 8)) == models.at(("10.0.0.1", 7)) == ""


ASKING_NOBODY = """
import sys
def seen(what, arguments):
    if what == "socket.getaddrinfo":
        print("asked for", arguments[0], file=sys.stderr, flush=True)
        raise OSError("there is no name server here")
sys.addaudithook(seen)
from roguewatch.cli import main
main()
"""


@pytest.mark.parametrize("option", ["--look-up-providers", "--no-look-up-providers"])
def test_providers_are_looked_up_unless_told_otherwise(
    folder: Path, runs: Runs, option: str
) -> None:
    with stand_by(folder, runs):
        done = subprocess.run(
            [sys.executable, "-c", ASKING_NOBODY, "watch", "--store", str(folder / "store"),
             "--seconds", "1.5", option],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert ("asked for api.openai.com" in done.stderr) is (option == "--look-up-providers")
    assert ("asked for" in done.stderr) is (option == "--look-up-providers")


FORKING = """
import os, socket, subprocess, sys, time
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    connection, _ = server.accept()
    if sys.argv[1] == "threads" or os.fork() == 0:
        if sys.argv[1] == "forks":
            server.close()
        subprocess.Popen(["sleep", "61"], start_new_session=False)
        if sys.argv[1] == "forks":
            time.sleep(61)
"""


@pytest.mark.parametrize("how", ["forks", "threads"])
def test_a_server_that_serves_everyone_gives_nothing_away(
    folder: Path, runs: Runs, how: str
) -> None:
    """What a server forked for the run's connection started is the run's; what one that goes
    on listening started may be anybody's."""
    kept = Kept()
    server = subprocess.Popen(
        [sys.executable, "-c", FORKING, how], stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with stand_by(folder, runs) as agent, ProcessWatch(runs, kept, folder) as watching:
            watching.look()
            agent.does(f'{sys.executable} -c "{CLIENT.format("127.0.0.1", port)}" &')
            if how == "forks":
                until(watching, lambda: "served" in kept.signs())
                (finding,) = kept.findings
                assert (finding.behaviour, finding.level) == ("E9", "medium")
                assert "sleep 61" in finding.excerpt
            else:
                idle(watching, 3.0)
                assert kept.findings == []
    finally:
        subprocess.run(["pkill", "-KILL", "-s", str(server.pid)], check=True)
        server.communicate()


def test_both_ends_of_a_connection_of_this_machine_are_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        assert address in {(one.address, one.port) for one in listeners()}
        with socket.create_connection(address) as client, server.accept()[0] as other:
            ends = {one.inode: one for one in connections()}
            mine = ends[os.fstat(client.fileno()).st_ino]
            theirs = ends[os.fstat(other.fileno()).st_ino]
            assert (mine.here, mine.there) == (theirs.there, theirs.here)
            assert mine.there == address
