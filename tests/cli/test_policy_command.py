"""`roguewatch policy`: check, test, explain and replay, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gateway.hooking import body, post
from tests.gateway.relaying import daemon, enrolled


def run(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "roguewatch", "policy", *map(str, words)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["observe", "workstation", "ci", "production"])
def test_every_starter_is_valid(name: str) -> None:
    done = run("check", name, "--json")
    assert json.loads(done.stdout)["valid"] is True


def test_a_policy_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    bad = tmp_path / "p.cedar"
    bad.write_text('permit (principal, action, resource) when { context.no_such == "x" };')
    done = run("check", bad)
    assert done.returncode == 2
    assert "no_such" in done.stderr


def test_cases_hold_or_are_named(tmp_path: Path) -> None:
    cases = tmp_path / "cases.yaml"
    cases.write_text(
        "- {name: a listing, command: ls, expect: allow}\n"
        "- {name: root asks, command: sudo ls, expect: ask}\n"
        "- {name: root with consent, command: sudo ls, expect: allow, consented: true}\n"
        "- {name: unchecked on high stakes, expect: deny, principal: {stakes: high},"
        " situation: {mode: skip}}\n"
        "- {name: wrong, command: ls, expect: deny}\n"
    )
    done = run("test", "workstation", cases, "--json")
    assert done.returncode == 1
    passed = {one["case"]: one["passed"] for one in map(json.loads, done.stdout.splitlines())}
    assert [name for name, good in passed.items() if not good] == ["wrong"]
    cases.write_text("- {name: x, expect: allow, situation: {no_such_field: 1}}\n")
    assert "no_such_field" in run("test", "workstation", cases).stderr


@pytest.mark.parametrize("agent", ["claude-code", "cursor", "copilot-cli", "gemini-cli"])
def test_an_event_is_explained_with_policies_and_situation(tmp_path: Path, agent: str) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(body(agent, "sudo ls /root")))
    done = run("explain", "--event", event, "--json", "--store", tmp_path / "s")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["outcome"] == "ask"
    assert said["policies"] == ["ask-privilege"]
    assert said["situation"]["wrappers"] == ["sudo"]
    assert not (tmp_path / "s").exists()


def test_an_event_of_ours_is_explained_under_any_policy(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text(
        json.dumps({"kind": "tool_call", "session": "s", "tool": "Write",
                    "arguments": json.dumps({"file_path": "/etc/passwd", "content": "x"})})
    )  # fmt: skip
    done = run("explain", "--event", event, "--json", "--policy", "production")
    assert json.loads(done.stdout)["outcome"] == "stop"
    event.write_text("5")
    assert run("explain", "--event", event).returncode == 2


def test_a_replay_tells_what_would_have_been_decided_otherwise(tmp_path: Path) -> None:
    store = tmp_path / "s"
    token = enrolled(store, "observe", "hook")
    with daemon(store) as gate:
        for command in ("ls", "cat a.txt", "touch b.txt"):
            post(gate.ready["listen"], token, body(command=command))
    done = run("replay", "--policy", "production", "--store", store, "--json")
    *changes, total = map(json.loads, done.stdout.splitlines())
    assert total == {"decided": 3, "changed": 1}
    assert [(one["was"], one["would_be"], one["policies"]) for one in changes] == [
        ("allow", "deny", ["no-write"])
    ]
    same = run("replay", "--policy", "observe", "--store", store, "--json")
    assert json.loads(same.stdout) == {"decided": 3, "changed": 0}
