"""What acts without an entry is shown, however it is disguised."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from roguewatch.control.discovery.discovery import Discovered, Survey
from roguewatch.control.discovery.recognition import recognised
from roguewatch.control.stop.adapters.process import target_of
from roguewatch.events import Event
from roguewatch.state.register import Deployment, Recognition, Scope
from roguewatch.state.runs import Run
from tests.build import call, event

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts processes and ends them."""
    began: list[subprocess.Popen[bytes]] = []

    def run(*command: str | Path, **more: object) -> subprocess.Popen[bytes]:
        process: subprocess.Popen[bytes] = subprocess.Popen(  # type: ignore[call-overload]
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            env=more.pop("env", {"PATH": os.environ["PATH"]}), **more,
        )  # fmt: skip
        began.append(process)
        time.sleep(0.1)
        return process

    yield run
    for process in began:
        process.kill()
        process.wait()


def surveyed(
    home: Path, *entries: Deployment, runs: tuple[Run, ...] = (), events: tuple[Event, ...] = ()
) -> Discovered:
    survey = Survey(entries, runs, home, {})
    for one in events:
        survey.see(one)
    return survey.discovered()


def copied(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(shutil.which("sleep") or "/bin/sleep", folder / name))


def test_agents_are_recognised_by_each_of_the_four_signs_and_neighbours_are_not(
    tmp_path: Path, start: Start
) -> None:
    home, work = tmp_path / "home", tmp_path / "work"
    work.mkdir()
    script = tmp_path / "node_modules" / "@openai" / "codex" / "bin" / "codex.js"
    script.parent.mkdir(parents=True)
    script.write_text("import time; time.sleep(60)")
    log = home / ".claude" / "projects" / "p" / "s-1.jsonl"
    log.parent.mkdir(parents=True)
    named = start(copied(tmp_path / "bin", "claude"), "60", cwd=work)
    interpreted = start(sys.executable, script)
    with log.open("w") as stream:
        disguised = start(
            copied(tmp_path / "bin", "kworker"), "60", pass_fds=(stream.fileno(),), cwd=work
        )
    child = start("sleep", "60", env={"PATH": os.environ["PATH"], "CLAUDECODE": "1"})
    neighbour = start("sleep", "60", cwd=work)
    talker = start(sys.executable, "-c", "import time; time.sleep(60)  # @openai/codex")
    found = {one.pid: one for one in surveyed(home).running}
    assert (found[named.pid].surface, found[named.pid].sign) == ("claude-code", "executable")
    assert (found[interpreted.pid].surface, found[interpreted.pid].sign) == (
        "codex", "command line",
    )  # fmt: skip
    assert (found[disguised.pid].surface, found[disguised.pid].sign) == (
        "claude-code", "session file",
    )  # fmt: skip
    assert found[disguised.pid].sessions == (str(log),)
    assert found[child.pid].sign == "environment"
    assert neighbour.pid not in found
    assert talker.pid not in found
    assert os.getpid() not in found
    mine = {named.pid, interpreted.pid, disguised.pid, child.pid}
    assert all(not found[pid].deployment for pid in mine)


def test_an_agent_is_registered_by_its_run_its_recognition_or_surface_and_folder(
    tmp_path: Path, start: Start
) -> None:
    folders = [tmp_path / name for name in ("run", "seen", "scope", "none")]
    for folder in folders:
        folder.mkdir()
    agent = copied(tmp_path / "bin", "claude")
    by_run, by_env, by_scope, by_none = (
        start(agent, "60", cwd=folder, env={"TEAM": folder.name}) for folder in folders
    )
    run = Run(id="r1", deployment="a", adapter="process", target=target_of(by_run.pid), started=0)
    entries = (
        Deployment(name="a"),
        Deployment(name="b", recognition=Recognition(environment=("TEAM=seen",))),
        Deployment(name="c", surface="claude-code", scope=Scope(paths=(str(folders[2]),))),
        Deployment(name="d", surface="codex", scope=Scope(paths=(str(folders[3]),))),
    )
    told = surveyed(tmp_path, *entries, runs=(run,))
    found = {one.pid: one.deployment for one in told.running}
    pids = (by_run.pid, by_env.pid, by_scope.pid, by_none.pid)
    assert [found[pid] for pid in pids] == ["a", "b", "c", ""]
    assert by_none.pid in {one.pid for one in told.unregistered}


def test_a_launcher_and_its_children_are_told_once(tmp_path: Path, start: Start) -> None:
    agent = copied(tmp_path / "bin", "claude")
    launcher = start(
        "sh", "-c", f"exec -a claude sh -c '{agent} 60 & {agent} 60 & wait'", cwd=tmp_path
    ) if shutil.which("bash") is None else start(
        "bash", "-c", f"exec -a claude bash -c '{agent} 60 & CLAUDECODE=1 sleep 60 & wait'",
        cwd=tmp_path,
    )  # fmt: skip
    time.sleep(0.2)
    try:
        mine = [one for one in surveyed(tmp_path).running if one.folder == str(tmp_path)]
        assert [(one.pid, one.children) for one in mine] == [(launcher.pid, 2)]
    finally:
        subprocess.run(["pkill", "-KILL", "-P", str(launcher.pid)], check=False)


def test_sessions_of_no_entry_are_named_and_proposed_by_surface_and_folder(tmp_path: Path) -> None:
    def session(name: str, cwd: str, **more: object) -> tuple[Event, ...]:
        return tuple(
            msgspec.structs.replace(one, cwd=cwd, model="m-1", **more)
            for one in (
                event("user_message", session=name),
                call("Bash", session=name, command="x"),
            )
        )

    events = (
        *session("s1", "/srv/ferry"), *session("s2", "/srv/ferry"), *session("s3", "/srv/known/sub"),
        *session("s4", "/srv/ferry", surface="codex"),
        event("decision", session="s5", detail='{"deployment":"ghost"}', text="allow"),
    )  # fmt: skip
    known = Deployment(name="known", surface="claude-code", scope=Scope(paths=("/srv/known",)))
    found = surveyed(tmp_path, known, events=events)
    assert {one.session for one in found.unowned} == {"s1", "s2", "s4", "s5"}
    proposals = {one.entry.name: one.entry for one in found.proposals}
    assert {"claude-code-ferry", "codex-ferry", "ghost"} <= proposals.keys()
    entry = proposals["claude-code-ferry"]
    assert (entry.scope.paths, entry.scope.tools, entry.model) == (
        ("/srv/ferry",),
        ("Bash",),
        "m-1",
    )
    assert not entry.reviewed
    again = surveyed(tmp_path, known, *proposals.values(), events=events)
    assert again.unowned == ()
    assert {one.entry.name for one in again.proposals} & proposals.keys() == set()


def test_settings_tell_permissions_and_mcp_servers_and_never_a_key(tmp_path: Path) -> None:
    project = tmp_path / "work"
    (project / ".claude").mkdir(parents=True)
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".claude" / "settings.json").write_text(
        json.dumps({"permissions": {"allow": ["Bash(git:*)"], "defaultMode": "acceptEdits"}})
    )
    key = "sk-do-not-show"
    (project / ".mcp.json").write_text(
        json.dumps({"mcpServers": {
            "files": {"command": "npx", "args": ["files-server", "--key", key], "env": {"K": key}},
            "remote": {"url": f"https://{key}@mcp.example/x?token={key}", "headers": {"A": key}},
        }})
    )  # fmt: skip
    (tmp_path / ".codex" / "config.toml").write_text("approval_policy = 'never'\nmodel = 'm'\n")
    (tmp_path / ".claude.json").write_text("{broken")
    seen = msgspec.structs.replace(call("Bash", command="x"), cwd=str(project))
    found = surveyed(tmp_path, events=(seen,))
    entry = next(one.entry for one in found.proposals if one.entry.surface == "claude-code")
    assert entry.permissions == ("Bash(git:*)",)
    assert {"mcp__files__*", "mcp__remote__*"} <= set(entry.scope.tools)
    assert key not in msgspec.json.encode(found).decode()
    assert next(one for one in found.settings if one.path.endswith(".claude.json")).error
    codex = next(one for one in found.settings if one.surface == "codex")
    assert (codex.mode, codex.model) == ("never", "m")


def test_what_everybody_runs_recognises_nobody(tmp_path: Path, start: Start) -> None:
    shell = start("sh", "-c", "sleep 60; :", cwd=tmp_path)
    agent = start(copied(tmp_path / "bin", "builder"), "60", cwd=tmp_path)
    assert recognised(shell.pid).executables == ()
    assert recognised(agent.pid).executables == (str(tmp_path / "bin" / "builder"),)
    assert recognised(agent.pid).folders == (str(tmp_path),)
    subprocess.run(["pkill", "-KILL", "-P", str(shell.pid)], check=False)
