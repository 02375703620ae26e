"""The register keeps deployments, tokens and stops."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from roguewatch.errors import StateError
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register, Scope


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return Register(connect(tmp_path))


def test_an_entry_comes_back_as_it_was_put(register: Register) -> None:
    entry = Deployment(name="ci", owner="ada", scope=Scope(paths=("/repo",)), expires=5)
    register.put(entry, "ada")
    register.put(Deployment(name="ci", owner="bob", scope=Scope(paths=("/repo",))), "bob")
    assert register.get("ci") == Deployment(name="ci", owner="bob", scope=Scope(paths=("/repo",)))
    assert [one.name for one in register.all()] == ["ci"]
    assert register.remove("ci")
    assert register.get("ci") is None


@pytest.mark.parametrize("name", ["", "*", "a\x1b[2J", "x" * 201])
def test_a_name_that_cannot_be_shown_or_means_all_is_refused(register: Register, name: str) -> None:
    with pytest.raises(StateError, match="cannot name a deployment"):
        register.put(Deployment(name=name), "ada")


def test_a_token_opens_its_purpose_only_until_it_ends(register: Register) -> None:
    register.put(Deployment(name="ci"), "ada")
    token = register.issue_token("ci", "relay")
    assert register.holder(token, "relay") == "ci"
    assert register.holder(token, "hook") is None
    assert register.holder(token + "x", "relay") is None
    brief = register.issue_token("ci", "hook", seconds=0.01)
    time.sleep(0.02)
    assert register.holder(brief, "hook") is None
    assert register.revoke_tokens("ci") == 2
    assert register.holder(token, "relay") is None


def test_no_token_for_a_deployment_that_is_not_registered(register: Register) -> None:
    with pytest.raises(StateError, match="register add"):
        register.issue_token("ghost")


def test_a_stop_holds_until_it_is_closed_and_one_of_all_holds_everybody(
    register: Register,
) -> None:
    one = register.open_stop("ci", "drill", "ada")
    assert register.stopped("ci")
    assert not register.stopped("other")
    everybody = register.open_stop("*", "fire", "ada")
    assert register.stopped("other")
    register.close_stop(one, "ada")
    register.close_stop(everybody, "ada")
    assert not register.stopped("ci")
    assert [stop.closed_by for stop in register.stops()] == ["ada", "ada"]
