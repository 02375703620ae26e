"""Hooks are put into settings after a diff, and taken out byte for byte; on homes of their own."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from roguewatch.gateway.places import DEFAULT_LISTEN
from roguewatch.gateway.settings import INSTALLERS, can_fail_open, version_in
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register
from tests.gateway.relaying import daemon

OWN = {
    "claude-code": b'{"model":"opus",\n  "hooks": {"PreToolUse": [{"matcher": "Bash", "hooks": '
    b'[{"type": "command", "command": "mine"}]}]}}',
    "codex": b'{"hooks": {"Stop": [{"hooks": [{"type": "command", "command": "mine"}]}]}}\n\n',
    "gemini-cli": b'{"theme": "GitHub"}',
    "cursor": b'{"version": 1, "hooks": {"stop": [{"command": "mine"}]}}',
    "copilot-cli": b'{"version": 1, "hooks": {}}',
}
PLACES = {
    "claude-code": ".claude/settings.json",
    "codex": ".codex/hooks.json",
    "gemini-cli": ".gemini/settings.json",
    "cursor": ".cursor/hooks.json",
    "copilot-cli": ".copilot/hooks/roguewatch.json",
}


class Home:
    """A home directory with a store beside it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.store = folder / "store"
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("CLAUDE")
        } | {"HOME": str(self.home)}

    def run(self, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "roguewatch", "gate", *words, "--store", str(self.store)],
            input=typed, capture_output=True, text=True, env=self.environment, timeout=60,
            check=False,
        )  # fmt: skip

    def deployment(self, name: str) -> Deployment:
        engine = connect(self.store)
        found = Register(engine).get(name)
        engine.dispose()
        assert found is not None
        return found


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("agent", sorted(PLACES))
@pytest.mark.parametrize("existing", [True, False])
def test_installed_beside_what_is_there_and_restored_byte_for_byte(
    home: Home, agent: str, existing: bool
) -> None:
    path = home.home / PLACES[agent]
    if existing:
        path.parent.mkdir(parents=True)
        path.write_bytes(OWN[agent])
        path.chmod(0o640)
    done = home.run("install", agent, "--yes")
    assert done.returncode == 0, done.stderr
    settings = json.loads(path.read_bytes())
    for key, value in json.loads(OWN[agent]).items() if existing else ():
        if key != "hooks":
            assert settings[key] == value
    if existing and "mine" in OWN[agent].decode():
        assert "mine" in path.read_text()
    assert f"+++ {path}" in done.stdout
    assert "rw-hook" not in done.stdout
    assert home.run("install", agent, "--yes").returncode == 2  # not twice
    assert home.run("uninstall", agent).returncode == 0
    if existing:
        assert path.read_bytes() == OWN[agent]
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
    else:
        assert not path.exists()
    assert home.run("uninstall", agent).returncode == 2


def test_a_dry_run_and_a_no_write_nothing(home: Home) -> None:
    assert home.run("install", "claude-code", "--dry-run").returncode == 0
    assert home.run("install", "claude-code", typed="n\n").returncode == 1
    assert list(home.home.rglob("*")) == []
    assert not (home.store / "installs").exists()


def test_settings_changed_since_are_not_thrown_away(home: Home) -> None:
    home.run("install", "claude-code", "--yes")
    path = home.home / ".claude" / "settings.json"
    settings = json.loads(path.read_text())
    settings["mine"] = "later"
    path.write_text(json.dumps(settings, indent=2))
    refused = home.run("uninstall", "claude-code")
    assert refused.returncode == 2
    assert '"mine": "later"' in refused.stderr
    assert "rw-hook" not in refused.stderr
    assert json.loads(path.read_text())["mine"] == "later"
    assert home.run("uninstall", "claude-code", "--force").returncode == 0
    assert not path.exists()


def test_an_old_or_unknown_claude_is_registered_as_able_to_fail_open(
    home: Home, tmp_path: Path
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    home.environment["PATH"] = f"{folder}:{home.environment['PATH']}"
    for version, opens in (("2.1.294", True), ("2.1.295", False), ("3.0.0", False)):
        program = folder / "claude"
        program.write_text(f"#!/bin/sh\necho '{version} (Claude Code)'\n")
        program.chmod(0o755)
        done = home.run("install", "claude-code", "--yes", "--deployment", "d")
        assert done.returncode == 0, done.stderr
        assert home.deployment("d").can_fail_open is opens
        assert ("CAN FAIL OPEN" in done.stdout) is opens
        home.run("uninstall", "claude-code")


def test_which_agents_can_fail_closed() -> None:
    expected = {"claude-code": True, "codex": True, "gemini-cli": True, "cursor": False,
                "copilot-cli": True}  # fmt: skip
    assert {name: can_fail_open(one, ()) for name, one in INSTALLERS.items()} == expected
    assert not can_fail_open(INSTALLERS["claude-code"], version_in("2.1.295 (Claude Code)"))
    assert version_in("codex-cli 0.163.0-alpha") == (0, 163, 0)
    assert version_in("no number") == ()


def test_every_deciding_hook_of_claude_blocks_when_it_fails(home: Home) -> None:
    home.run("install", "claude-code", "--yes", "--listen", "127.0.0.1:7000")
    hooks = json.loads((home.home / ".claude/settings.json").read_text())["hooks"]
    for event in ("PreToolUse", "PermissionRequest", "UserPromptSubmit", "ConfigChange"):
        hook = hooks[event][-1]["hooks"][0]
        assert hook["onFailure"] == "block"
        assert hook["url"] == f"http://127.0.0.1:7000/hooks/claude-code?event={event}"
    assert "Stop" in hooks
    assert "SubagentStop" in hooks


def test_no_hook_of_claude_does_its_work_in_its_place(home: Home) -> None:
    """A WorktreeCreate hook that names no folder leaves Claude Code without a worktree."""
    home.run("install", "claude-code", "--yes")
    hooks = json.loads((home.home / ".claude/settings.json").read_text())["hooks"]
    assert not {"WorktreeCreate", "WorktreeRemove"} & hooks.keys()


@pytest.mark.parametrize(
    ("agent", "before"),
    [
        (
            "gemini-cli",
            b'\xef\xbb\xbf{\r\n\t// no "theme"\r\n\t"a": "//x", /* {\n */ "b": 1.10\r\n}',
        ),
        ("claude-code", b'{"last": "\\ud83d", "model":  "opus"}'),
        ("claude-code", b""),
    ],
)
def test_odd_settings_are_installed_into_and_restored(
    home: Home, agent: str, before: bytes
) -> None:
    path = home.home / PLACES[agent]
    path.parent.mkdir()
    path.write_bytes(before)
    path.chmod(0o400)
    done = home.run("install", agent, "--yes")
    assert done.returncode == 0, done.stderr
    settings = json.loads(path.read_bytes())
    assert settings.pop("hooks")
    assert settings in ({"a": "//x", "b": 1.1}, {"last": "\ud83d", "model": "opus"}, {})
    assert home.run("uninstall", agent).returncode == 0
    assert path.read_bytes() == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o400


def test_a_link_that_leads_nowhere_leads_there_again(home: Home) -> None:
    path, target = home.home / PLACES["claude-code"], home.home / "dots" / "claude.json"
    path.parent.mkdir()
    path.symlink_to(target)
    assert home.run("install", "claude-code", "--yes").returncode == 0
    assert "/hooks/claude-code" in target.read_text()
    assert home.run("uninstall", "claude-code").returncode == 0
    assert path.is_symlink()
    assert not target.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_root_installs_for_a_user_is_the_user_s(home: Home) -> None:
    os.chown(home.home, 1234, 2345)
    assert home.run("install", "codex", "--yes").returncode == 0
    path = home.home / PLACES["codex"]
    (token,) = (home.store / "tokens").iterdir()
    for one in (path, path.parent, token):
        assert (one.stat().st_uid, one.stat().st_gid) == (1234, 2345)
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    # The user reaches it, and nothing else of the store.
    assert stat.S_IMODE(home.store.stat().st_mode) == 0o711
    assert stat.S_IMODE(token.parent.stat().st_mode) == 0o711
    assert stat.S_IMODE((home.store / "installs").stat().st_mode) == 0o700


def test_managed_settings_shut_out_other_hooks(home: Home, tmp_path: Path) -> None:
    root = tmp_path / "root"
    done = home.run("install", "claude-code", "--managed", "--yes", "--root", str(root))
    assert done.returncode == 0, done.stderr
    path = root / "etc/claude-code/managed-settings.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644  # every user's agent must read it
    settings = json.loads(path.read_text())
    assert settings["allowManagedHooksOnly"] is True
    assert settings["disableBypassPermissionsMode"] == "disable"
    assert home.run("install", "codex", "--managed", "--root", str(root)).returncode == 2


def test_environment_variables_that_move_settings_are_followed(home: Home, tmp_path: Path) -> None:
    home.environment |= {
        "CLAUDE_CONFIG_DIR": str(tmp_path / "c"), "CODEX_HOME": str(tmp_path / "x"),
    }  # fmt: skip
    home.run("install", "claude-code", "--yes")
    home.run("install", "codex", "--yes")
    assert (tmp_path / "c" / "settings.json").exists()
    assert (tmp_path / "x" / "hooks.json").exists()


@pytest.mark.parametrize(
    "broken", [b"{", b"[]", b'{"a": 1e999}', b"{} // x", b'{"hooks": 5}', b'{"hooks": {"Stop": 5}}']
)
def test_settings_that_cannot_be_merged_are_left_alone(home: Home, broken: bytes) -> None:
    path = home.home / ".codex" / "hooks.json"
    path.parent.mkdir()
    path.write_bytes(broken)
    assert home.run("install", "codex", "--yes").returncode == 2
    assert path.read_bytes() == broken


def test_no_other_command_touches_an_agent_s_settings(home: Home) -> None:
    home.run("token", "d")
    home.run("status")
    assert list(home.home.rglob("*.json")) == []


def url_of(home: Home) -> str:
    """Where the installed hooks lead."""
    hooks = json.loads((home.home / ".claude/settings.json").read_text())["hooks"]
    return str(hooks["PreToolUse"][-1]["hooks"][0]["url"]).partition("/hooks/")[0]


def test_hooks_lead_to_where_the_store_s_gate_listens(home: Home) -> None:
    home.store.mkdir()
    with daemon(home.store) as running:
        done = home.run("install", "claude-code", "--yes")
        assert (done.returncode, url_of(home)) == (0, running.url), done.stderr
        assert "No gate runs" not in done.stdout
        home.run("uninstall", "claude-code")
        other = home.run("install", "claude-code", "--yes", "--listen", "127.0.0.1:1")
        assert other.returncode == 2
        assert f"listens on {running.ready['listen']}" in other.stderr
        shown = home.run("status")
        assert max(map(len, shown.stdout.splitlines())) <= 80
    done = home.run("install", "claude-code", "--yes")
    assert url_of(home) == running.url, done.stderr
    assert "No gate runs" in done.stdout
    assert "where it last listened" in done.stdout


def test_without_a_gate_hooks_lead_to_where_one_listens_by_default_and_it_is_said(
    home: Home,
) -> None:
    done = home.run("install", "claude-code", "--yes")
    assert url_of(home) == f"http://{DEFAULT_LISTEN}"
    assert "No gate runs" in done.stdout
