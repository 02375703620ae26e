"""The sweep names everything planted in a place from which it could come back."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from roguewatch.control.stop.footprint import footprint, sweep

PLACES = {
    "cron table": "root/etc/cron.d/job",
    "at job": "root/var/spool/cron/atjobs/a0001",
    "system unit": "root/etc/systemd/system/x.service",
    "preloaded library": "root/etc/ld.so.preload",
    "shell start-up file": "home/.bashrc",
    "user unit": "home/.config/systemd/user/x.timer",
    "authorised key": "home/.ssh/authorized_keys",
    "agent memory or setting": "home/.claude/settings.json",
    "command in the path": "home/.local/bin/ls",
    "git hook": "project/.git/hooks/post-commit",
    "git setting": "project/.git/config",
    "build step": "project/.envrc",
}


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for name in ("root", "home", "project"):
        (tmp_path / name).mkdir()
    return tmp_path


def take(machine: Path) -> dict[str, Path]:
    return {"home": machine / "home", "project": machine / "project", "root": machine / "root"}


@pytest.mark.parametrize("kind", PLACES)
def test_what_appears_in_a_place_is_named(machine: Path, kind: str) -> None:
    before = footprint(**take(machine))
    planted = machine / PLACES[kind]
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text("planted")
    found = sweep(before, **take(machine))
    assert [(one.kind, one.change) for one in found] == [(kind, "appeared")]


def test_a_change_of_content_or_mode_is_named_and_what_is_the_same_is_not(machine: Path) -> None:
    bashrc, profile = machine / "home/.bashrc", machine / "home/.profile"
    bashrc.write_text("ordinary")
    profile.write_text("ordinary")
    before = footprint(**take(machine))
    assert sweep(before, **take(machine)) == []
    bashrc.write_text("planted!")
    profile.chmod(0o777)
    assert {one.change for one in sweep(before, **take(machine))} == {"changed"}


def test_a_link_is_compared_by_where_it_leads_and_never_followed(machine: Path) -> None:
    link = machine / "home/.bashrc"
    link.symlink_to("/dev/zero")
    before = footprint(**take(machine))
    link.unlink()
    link.symlink_to("/dev/urandom")
    assert [one.change for one in sweep(before, **take(machine))] == ["changed"]


def test_without_a_footprint_what_is_younger_than_the_deployment_is_named(machine: Path) -> None:
    (machine / "home/.bashrc").write_text("old")
    time.sleep(0.05)
    began = time.time_ns()
    time.sleep(0.05)
    (machine / "home/.profile").write_text("new")
    found = sweep(None, **take(machine), since=began)
    assert [Path(one.path).name for one in found] == [".profile"]
