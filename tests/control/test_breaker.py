"""Equivalent attempts after a denial are counted by what they do, not how they are spelled."""

from __future__ import annotations

from roguewatch.control.breaker import Breaker, attempt
from roguewatch.detect.action import Action
from roguewatch.events import Event
from tests.build import call


def shell(command: str) -> Event:
    return call("Bash", command=command)


def test_other_spellings_of_the_same_deed_are_equivalent() -> None:
    breaker = Breaker(limit=4)
    broken = [
        breaker.denied("d", "s", attempt(Action(shell(command))))
        for command in (
            "rm build/cache.db",
            "unlink build/cache.db",
            "bash -c 'shred -u build/cache.db'",
            "find build/cache.db -exec rm {} \\;",
        )
    ]
    assert broken == [False, False, False, True]


def test_different_deeds_do_not_add_up() -> None:
    breaker = Breaker(limit=2)
    for command in ("rm a.txt", "curl https://b.example", "cat c.txt", "kill 5"):
        assert not breaker.denied("d", "s", attempt(Action(shell(command))))


def test_sessions_and_deployments_are_counted_apart() -> None:
    breaker = Breaker(limit=2)
    tried = attempt(Action(shell("rm a.txt")))
    assert not breaker.denied("d", "s", tried)
    assert not breaker.denied("d", "t", tried)
    assert not breaker.denied("e", "s", tried)
    assert breaker.denials("d", "s", tried) == 1
    assert breaker.denied("d", "s", tried)


def test_the_very_same_call_of_an_unknown_tool_counts() -> None:
    breaker = Breaker(limit=2)
    assert not breaker.denied("d", "s", attempt(Action(call("transfer", amount=5))))
    assert breaker.denied("d", "s", attempt(Action(call("transfer", amount=5))))
