"""The daemon as operators meet it: start, reload, status, approvals, OpenAPI."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from roguewatch.ledger.ledger import Ledger
from tests.gateway.hooking import admin, body, post
from tests.gateway.relaying import ROGUEWATCH, Daemon, daemon, enrolled

OPEN = "permit (principal, action, resource);\n"
SHUT = OPEN + '@id("none") forbid (principal, action == Action::"shell", resource);\n'
RULE = """
title: Marked
id: 00000000-0000-4000-8000-00000000f00d
name: test-marked
description: A word that only this test uses.
status: stable
author: The roguewatch authors
date: 2026-11-21
tags: [behaviour.c1]
logsource: {product: ai-agent}
detection:
  selection: {command.arguments: zebrafish}
  condition: selection
level: high
roguewatch:
  overreach: {rung: routine, score: 0.5}
  deception: {rung: none, score: 0.0}
  rationale: The word is there.
  falsifier: It is not.
  must_match:
    - {tool: Bash, command: echo zebrafish}
  must_not_match:
    - {tool: Bash, command: echo salmon}
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s"


def until(true: object, seconds: float = 10.0) -> bool:
    for _ in range(int(seconds / 0.05)):
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_it_starts_small_says_so_in_one_line_and_ends_clean(store: Path) -> None:
    token = enrolled(store, "observe", "hook")
    with daemon(store) as gate:
        assert set(gate.ready) >= {"ready", "listen", "socket", "agent_socket", "pid"}
        assert not post(gate.ready["listen"], token, body()).blocks
        assert psutil.Process(gate.ready["pid"]).memory_info().rss < 150 << 20
        # Another user's agent finds its socket there, and nothing of what the gate knows.
        modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in store.iterdir()}
        assert modes.pop("agent.sock") == 0o666
        assert {name: mode & 0o077 for name, mode in modes.items() if mode & 0o077} == {}
        gate.stop()
        assert gate.process.returncode == 0
    assert not (store / "gate.sock").exists()


def test_a_second_gate_on_one_store_is_refused(store: Path) -> None:
    enrolled(store, "observe", "hook")
    with daemon(store):
        again = subprocess.run(
            [*ROGUEWATCH, "gate", "serve", "--store", str(store), "--listen", "127.0.0.1:0"],
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert again.returncode == 2
        assert (store / "gate.sock").is_socket()


def test_only_loopback_is_listened_on(store: Path) -> None:
    done = subprocess.run(
        [*ROGUEWATCH, "gate", "serve", "--store", str(store), "--listen", "0.0.0.0:0"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"loopback" in done.stderr or b"127.0.0.1" in done.stderr


def test_a_changed_policy_comes_into_force_and_a_bad_one_does_not(
    store: Path, tmp_path: Path
) -> None:
    policy = tmp_path / "p.cedar"
    policy.write_text(OPEN)
    token = enrolled(store, str(policy), "hook")
    with daemon(store) as gate:
        listen = gate.ready["listen"]
        statuses: list[int] = []
        going = True
        post(listen, token, body())

        def load() -> None:
            while going:
                statuses.append(post(listen, token, body()).status)

        thread = threading.Thread(target=load)
        thread.start()
        try:
            policy.write_text(SHUT)
            assert until(lambda: post(listen, token, body()).blocks)
            policy.write_text("permit (")
            assert until(lambda: "refused" in gate.errors())
            assert post(listen, token, body()).blocks
            policy.unlink()
            gate.process.send_signal(signal.SIGHUP)
            time.sleep(1)
            assert post(listen, token, body()).blocks
        finally:
            going = False
            thread.join()
        assert set(statuses) == {200}
    with Ledger.open(store, readonly=True) as ledger:
        said = [event.text for event in ledger.events(session="roguewatch-gate")]
    assert sum("is in force" in text for text in said) == 2
    assert any("the new version is refused" in text for text in said)


def test_changed_rules_come_into_force_and_bad_ones_do_not(store: Path, tmp_path: Path) -> None:
    rules, policy = tmp_path / "rules", tmp_path / "p.cedar"
    rules.mkdir()
    policy.write_text(
        OPEN + "forbid (principal, action, resource) when { context.matched_level >= 4 };"
    )
    token = enrolled(store, str(policy), "hook")
    with daemon(store, "--rules", str(rules)) as gate:
        listen = gate.ready["listen"]
        marked = body(command="echo zebrafish", session_id="r1")
        assert not post(listen, token, marked).blocks
        (rules / "bad.yml").write_text("title: [")
        assert until(lambda: "new rules are refused" in gate.errors())
        assert admin(store, "POST", "/admin/reload")[0] == 409
        (rules / "bad.yml").write_text(RULE)
        assert until(lambda: post(listen, token, body(command="echo zebrafish")).blocks), (
            gate.errors()
        )


def test_reloading_rules_drops_no_request_and_denies_none(store: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "one.yml").write_text(RULE)
    token = enrolled(store, "observe", "hook")
    with daemon(store, "--rules", str(rules), "--decision-seconds", "30") as gate:
        listen = gate.ready["listen"]
        answers: list[tuple[int, bool]] = []
        going = True

        def load(number: int) -> None:
            while going:
                said = post(listen, token, body(session_id=f"load {number}"), timeout=60)
                answers.append((said.status, said.blocks))

        threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(3):
                assert admin(store, "POST", "/admin/reload", {})[0] == 200
        finally:
            going = False
            for thread in threads:
                thread.join()
        assert set(answers) == {(200, False)}
    with Ledger.open(store, readonly=True) as ledger:
        events = list(ledger.events())
    assert sum("rules reloaded" in event.text for event in events) == 3
    assert sum(event.kind == "decision" for event in events) == len(answers)


def test_status_shows_what_was_decided_and_how_long_it_took(store: Path) -> None:
    token = enrolled(store, "observe", "hook")
    with daemon(store) as gate:
        for _ in range(5):
            post(gate.ready["listen"], token, body())
        done = subprocess.run(
            [*ROGUEWATCH, "gate", "status", "--json", "--store", str(store)],
            capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        said = json.loads(done.stdout)
        (one,) = said["deployments"]
        assert one["decisions"] == {"allow": 5}
        assert one["fail_mode"] == "closed"
        assert one["lease"] == "running"
        assert set(said["latency_ms"]["hook"]) == {"count", "p50", "p95", "p99"}
        shown = subprocess.run(
            [*ROGUEWATCH, "gate", "status", "--store", str(store)],
            capture_output=True, timeout=60, check=True,
        )  # fmt: skip
        assert b"builder" in shown.stdout
    gone = subprocess.run(
        [*ROGUEWATCH, "gate", "status", "--store", str(store)],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert gone.returncode == 1


@pytest.mark.parametrize("running", [True, False])
def test_a_person_approves_one_exact_action_from_the_command_line(
    store: Path, running: bool
) -> None:
    token = enrolled(store, "workstation", "hook")
    approved = 0

    def run(*words: str, passphrase: str = "") -> subprocess.CompletedProcess[bytes]:
        reading, writing = os.pipe()
        os.write(writing, passphrase.encode() + b"\n")
        os.close(writing)
        fd = ["--passphrase-fd", str(reading)] if passphrase else []
        try:
            return subprocess.run(
                [*ROGUEWATCH, "approvals", *words, "--store", str(store), *fd],
                capture_output=True, pass_fds=[reading], timeout=60, check=False,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            os.close(reading)

    gate: Daemon | None = None
    try:
        gate = Daemon(store)
        assert run("enrol", "ada").returncode == 2  # no terminal, no descriptor
        assert run("enrol", "ada", passphrase="correct horse battery").returncode == 0
        value = body(command="sudo systemctl restart app", permission_mode="bypassPermissions")
        assert post(gate.ready["listen"], token, value).blocks
        (question,) = [json.loads(line) for line in run("list", "--json").stdout.splitlines()]
        if not running:
            gate.stop()
        wrong = run("approve", question["id"], "--as", "ada", passphrase="not her passphrase")
        assert wrong.returncode == 2
        right = run("approve", question["id"], "--as", "ada", passphrase="correct horse battery")
        assert right.returncode == 0, right.stderr
        assert b"systemctl restart app" in right.stdout
        if not running:
            gate = Daemon(store)
        again = value | {"tool_use_id": "another call of the same"}
        assert not post(gate.ready["listen"], token, again).blocks
        assert post(gate.ready["listen"], token, again | {"tool_use_id": "x"}).blocks
    finally:
        if gate is not None and gate.process.poll() is None:
            gate.stop()
    with Ledger.open(store, readonly=True) as ledger:
        for event in ledger.events(session="s"):
            if event.kind == "approval":
                detail = event.parsed_detail()
                assert detail["by"] == "ada"
                assert detail["digest"] == question["digest"]
                assert "systemctl restart app" in detail["shown"]
                assert detail["looked_seconds"] is not None
                approved += 1
    assert approved == 1


def test_live_findings_are_those_of_a_replay(store: Path) -> None:
    from roguewatch.detect.engine import Engine
    from roguewatch.state.database import connect
    from roguewatch.state.findings import Findings

    token = enrolled(store, "observe", "hook")
    commands = ["crontab -l", "echo '* * * * * x' | crontab -", "history -c", "cat ~/.aws/credentials",
                "nohup python3 x.py &", "git push --force"]  # fmt: skip
    for half in (commands[:3], commands[3:]):
        with daemon(store) as gate:
            for command in half:
                value = body(command=command)
                for _ in range(2):  # each is retried, as after a cut connection
                    post(gate.ready["listen"], token, value)
                done = value | {"hook_event_name": "PostToolUse", "tool_response": "ok"}
                post(gate.ready["listen"], token, done)
            gate.stop(signal.SIGKILL if half is commands[:3] else signal.SIGTERM)
    engine = connect(store)
    live = {one.id for one in Findings(engine).all(session="s")
            if not one.detector.startswith("gate-guard")}  # fmt: skip
    engine.dispose()
    with Ledger.open(store) as ledger:
        past = [event for event in ledger.events(session="s") if event.kind != "decision"]
    replayed = {one.id for one in Engine.load().replay(past)}
    assert live == replayed
    assert live


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, str]]:
    store = tmp_path_factory.mktemp("openapi") / "s"
    token = enrolled(store, "observe", "hook")
    with daemon(store) as gate:
        yield gate, token


def test_schemathesis_finds_no_server_error(served: tuple[Daemon, str]) -> None:
    gate, token = served
    done = subprocess.run(
        [str(Path(sys.executable).parent / "schemathesis"), "run", f"{gate.url}/openapi.json",
         "--checks", "not_a_server_error", "--max-examples", "40", "--seed", "1",
         "--header", f"Authorization: Bearer {token}", "--phases", "examples,fuzzing"],
        capture_output=True, timeout=200, check=False,
        env={**os.environ, "NO_COLOR": "1"}, cwd=gate.store,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout.decode()[-3000:] + gate.errors()[-2000:]
    assert not post(gate.ready["listen"], token, body()).blocks
