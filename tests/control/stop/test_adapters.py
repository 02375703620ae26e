"""What other supervisors keep is stopped by their own tools, and believed by its probe alone.

No systemd, Docker or Kubernetes runs here: the tools are the stand-ins of `standin.py`, over
real processes. What a real supervisor does beyond its documentation is not tested.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roguewatch.control.stop.adapter import adapter_for
from roguewatch.control.stop.process import read_process
from roguewatch.control.stop.stop import Stopper
from roguewatch.errors import ControlError
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register
from roguewatch.state.runs import Runs
from tests.cli.run import ENVIRONMENT, json_lines, roguewatch

STANDIN = Path(__file__).with_name("standin.py")

Sleeper = Callable[[], int]


def alive(pid: int) -> bool:
    process = read_process(pid)
    return process is not None and not process.dead


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The stand-ins on the path, and their state's folder."""
    tools, folder = tmp_path / "tools", tmp_path / "state"
    tools.mkdir()
    folder.mkdir()
    for name in ("systemctl", "docker", "podman", "kubectl"):
        tool = tools / name
        tool.write_text(f"#!{sys.executable} -I\n{STANDIN.read_text()}")
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN", str(folder))
    yield folder
    for file in folder.glob("*.json"):
        thing = json.loads(file.read_text())
        for pid in (thing.get("pid"), *thing.get("pods", {}).values()):
            if pid and alive(pid):
                os.kill(pid, 9)


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    began: list[subprocess.Popen[bytes]] = []

    def start() -> int:
        began.append(subprocess.Popen(["sleep", "120"], start_new_session=True))
        return began[-1].pid

    yield start
    for one in began:
        one.kill()
        one.wait()


def thing(state: Path, file: str, **fields: Any) -> None:
    (state / f"{file}.json").write_text(json.dumps(fields))


def told(state: Path, file: str) -> Any:
    return json.loads((state / f"{file}.json").read_text())


def target(**fields: Any) -> str:
    return msgspec.json.encode(fields).decode()


def test_a_unit_that_restarts_is_stopped_for_good(state: Path, sleeper: Sleeper) -> None:
    thing(state, "agent.service", pid=sleeper(), restart=True, stopping=False)
    adapter, unit = adapter_for("systemd"), target(name="agent.service")
    assert adapter.probe(unit)[0].survivors
    halted = adapter.stop(unit)
    assert (halted.survivors, halted.notes) == ((), ())
    assert adapter.probe(unit)[0] == msgspec.structs.replace(
        adapter.probe(unit)[0], survivors=(), observed=True
    )
    assert not alive(told(state, "agent.service")["pid"])


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_a_container_with_a_restart_policy_is_stopped_for_good(
    state: Path, sleeper: Sleeper, engine: str
) -> None:
    thing(state, "box", name="box", id="ab12", pid=sleeper(), restart="always")
    adapter = adapter_for(engine)
    halted = adapter.stop(target(name="box"))
    assert halted.survivors == ()
    assert not alive(told(state, "box")["pid"])
    assert adapter.probe(target(name="gone"))[0].survivors == ()


@pytest.mark.parametrize("status", ["paused", "restarting", "removing"])
def test_a_container_that_could_go_on_is_a_survivor(
    state: Path, sleeper: Sleeper, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roguewatch.control.stop.adapters.outside.LOOK_SECONDS", 0.2)
    thing(state, "box", name="box", id="ab12", pid=sleeper(), restart="no", forced=status)
    halted = adapter_for("docker").stop(target(name="box"))
    assert halted.survivors == ("docker box",)


def test_a_deployment_s_pods_do_not_come_back(state: Path, sleeper: Sleeper) -> None:
    pods = {"web-1": sleeper(), "web-2": sleeper()}
    thing(state, "deployment-web", replicas=2, count=2, pods=pods)
    adapter = adapter_for("kubernetes")
    given = target(name="web", kind="deploy", namespace="prod")
    assert len(adapter.probe(given)[0].survivors) == 2
    halted = adapter.stop(given)
    assert (halted.found, halted.survivors, halted.notes) == (2, (), ())
    assert adapter.probe(given)[0].survivors == ()
    assert told(state, "deployment-web")["replicas"] == 0


def test_pods_whose_workload_is_gone_and_unknown_are_not_told_as_dead(state: Path) -> None:
    thing(state, "deployment-web", replicas=0, count=0, pods={})
    found = adapter_for("kubernetes").probe(target(name="other", kind="deployment"))
    assert [one.observed for one in found] == [False]


def test_a_cloud_is_stopped_by_the_user_s_command_and_probed_by_the_other(tmp_path: Path) -> None:
    flag = tmp_path / "running"
    flag.touch()
    probe = ("sh", "-c", f"test -e {flag}")
    adapter = adapter_for("cloud")
    assert adapter.probe(target(stop=("true",), probe=probe))[0].survivors
    done = adapter.stop(target(stop=("rm", str(flag)), probe=probe))
    assert done.survivors == ()
    unsure = adapter.probe(target(stop=("true",), probe=("sh", "-c", "exit 7")))[0]
    assert (unsure.survivors, unsure.observed) == ((), False)


@pytest.mark.parametrize("adapter", ["systemd", "docker", "kubernetes"])
@pytest.mark.parametrize("name", ["--now", "../x", "a b", "", "$(id)", "a\nb"])
def test_a_name_that_is_an_option_or_a_path_is_refused(adapter: str, name: str) -> None:
    with pytest.raises(ControlError):
        adapter_for(adapter).describe(target(name=name))


def test_a_tool_that_is_not_installed_observes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("systemd", "docker", "kubernetes"):
        (probe,) = adapter_for(name).probe(target(name="x", selector={"a": "b"}, kind="deployment")
                                           if name == "kubernetes" else target(name="x"))  # fmt: skip
        assert (probe.survivors, probe.observed) == ((), False)
        assert "not installed" in probe.note


def test_a_stop_whose_probe_cannot_look_is_no_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = connect(tmp_path / "store")
    register, runs = Register(engine), Runs(engine)
    register.put(Deployment(name="box"), "ada")
    runs.begin("box", "docker", target(name="box"))
    report = Stopper(tmp_path / "store", register, runs).stop("box", "try", "ada")
    assert not report.stopped


def test_what_runs_elsewhere_is_attached_by_name_and_stopped(
    state: Path, sleeper: Sleeper, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    env = {**ENVIRONMENT, "PATH": os.environ["PATH"], "STANDIN": str(state)}
    thing(state, "box", name="box", id="ab12", pid=sleeper(), restart="always")
    thing(state, "agent.service", pid=sleeper(), restart=True, stopping=False)
    thing(state, "deployment-web", replicas=1, count=1, pods={"web-1": sleeper()})
    roguewatch("register", "add", "job", "--store", store)
    for how in (("--container", "box"), ("--unit", "agent.service"),
                ("--kubernetes", "prod/deployment/web")):  # fmt: skip
        roguewatch("register", "attach", "job", *how, "--store", store, env=env)
    for wrong in (("--container", "ghost"), ("--kubernetes", "web"), ("--command", "x")):
        done = roguewatch(
            "register", "attach", "job", *wrong, "--store", store, env=env, check=False
        )
        assert done.returncode == 2, wrong
    targets = [json.loads(run.target) for run in Runs(connect(store)).all("job")]
    assert [one["name"] for one in targets] == ["ab12", "agent.service", "web"]
    assert targets[2]["selector"] == {"app": "web"}
    (report,) = json_lines(roguewatch("stop", "job", "--store", store, "--json", env=env).stdout)
    assert (report["stopped"], report["survivors"], report["runs"]) == (True, [], 3)
