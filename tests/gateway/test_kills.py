"""SIGKILL under load: what was answered is in the record, whenever the kill falls."""

from __future__ import annotations

from pathlib import Path

import pytest

from roguewatch.ledger.ledger import Ledger
from tests.gateway.hooking import body, post
from tests.gateway.killing import KINDS, Outcome, run
from tests.gateway.relaying import daemon, enrolled


def hold(outcome: Outcome, kills: int) -> None:
    assert outcome.kills == kills
    assert all(outcome.answered.get(kind, 0) >= max(1, kills // 5) for kind in KINDS), outcome
    assert outcome.acted >= kills
    assert (outcome.lost, outcome.unrecorded, outcome.faults) == (0, 0, 0)


def test_five_kills_under_load_lose_nothing(tmp_path: Path) -> None:
    hold(run(tmp_path / "s", 5, seed=20260519), 5)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_kills_under_load_lose_nothing(tmp_path: Path) -> None:
    outcome = run(tmp_path / "s", 100, seed=1)
    print(outcome)
    hold(outcome, 100)


def test_a_killed_gate_starts_again_and_says_that_it_was_killed(tmp_path: Path) -> None:
    store = tmp_path / "s"
    token = enrolled(store, "observe", "hook")
    with daemon(store) as gate:
        assert not post(gate.ready["listen"], token, body()).blocks
        gate.stop(9)
        assert (store / "gate.sock").is_socket()
    with daemon(store) as gate:
        assert not post(gate.ready["listen"], token, body()).blocks
    assert not (store / "gate.sock").exists()
    with Ledger.open(store, readonly=True) as ledger:
        gaps = [event for event in ledger.events(session="roguewatch-gate") if event.kind == "gap"]
    assert len(gaps) == 1
    assert "without being told" in gaps[0].text


def test_a_session_goes_on_after_a_kill_as_if_nothing_had_happened(tmp_path: Path) -> None:
    store, policy = tmp_path / "s", tmp_path / "p.cedar"
    policy.write_text(
        "permit (principal, action, resource);\n"
        'forbid (principal, action, resource) when { context.paths.contains("secrets.txt") };\n'
    )
    token = enrolled(store, str(policy), "hook")
    spellings = ["cat", "head", "tac", "less", "xxd"]
    for number, program in enumerate(spellings):
        with daemon(store) as gate:
            said = post(gate.ready["listen"], token, body(command=f"{program} secrets.txt"))
            assert said.blocks
            assert (b"session has been stopped" in said.body) is (number >= 3)
            gate.stop(9)
