"""The Podman adapter on real containers, where this machine can run any."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from roguewatch.control.stop.adapters.outside import Target, podman

pytestmark = pytest.mark.skipif(shutil.which("podman") is None, reason="no podman here")

Contain = Callable[..., str]


def ask(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["podman", *words], capture_output=True, text=True, timeout=60, check=False
    )


def state(name: str) -> str:
    return ask("inspect", name, "--format", "{{.State.Status}}").stdout.strip()


@pytest.fixture
def contain(tmp_path: Path) -> Iterator[Contain]:
    """Starts a container that sleeps, from a root folder of its own: no image is needed."""
    root = tmp_path / "root"
    sleep = Path(str(shutil.which("sleep")))
    linked = subprocess.run(["ldd", sleep], capture_output=True, text=True, check=True).stdout
    for name in ("proc", "sys", "dev", "tmp"):
        (root / name).mkdir(parents=True)
    for file in (str(sleep), *re.findall(r"/\S+", linked)):
        place = root / file.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    made: list[str] = []

    def start(*options: str) -> str:
        name = f"roguewatch-test-{secrets.token_hex(4)}"
        made.append(name)
        runtime = ("--runtime", "runc") if shutil.which("runc") else ()  # crun: no hybrid cgroups
        done = ask(
            "--cgroup-manager", "cgroupfs", *runtime, "run", "--detach", "--name", name, "--net", "none",
            "--cgroupns", "host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000",
            *options, "--rootfs", str(root), str(sleep), "300",
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"podman cannot run a container here: {done.stderr.strip()[-200:]}")
        return name

    yield start
    for name in made:
        ask("rm", "--force", name)


def target(name: str) -> str:
    return msgspec.json.encode(Target(name=name)).decode()


@pytest.mark.parametrize("options", [(), ("--restart", "always")], ids=["plain", "restarts"])
def test_a_container_is_dead_after_a_stop_and_its_neighbour_is_not(
    contain: Contain, options: tuple[str, ...]
) -> None:
    name, neighbour = contain(*options), contain()
    assert podman.probe(target(name))[0].survivors
    podman.stop(target(name))
    assert not podman.probe(target(name))[0].survivors
    assert podman.probe(target(name))[0].observed
    assert (state(name), state(neighbour)) == ("exited", "running")


def test_a_paused_container_is_dead_too(contain: Contain) -> None:
    name = contain()
    assert ask("pause", name).returncode == 0
    podman.stop(target(name))
    assert (state(name), podman.probe(target(name))[0].survivors) == ("exited", ())
