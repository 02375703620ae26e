"""Something that decides hangs for ever: every answer still comes in time, and is a denial."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roguewatch.control.policy import Policy, starter_text
from roguewatch.control.situation import Request
from roguewatch.control.worker import Worker
from roguewatch.detect.action import Action
from roguewatch.detect.engine import Engine
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.gateway.live import LiveDetection
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.register import Deployment
from tests.build import asked, call
from tests.control.test_gate import House

SECONDS = 0.2
HANGS = "echo hangs"


class HangingDetection(LiveDetection):
    """A detector that never comes back from one command."""

    def __init__(self, engine: Engine, ledger: Ledger, held: threading.Event) -> None:
        super().__init__(engine, ledger)
        self._held = held

    def feed(self, action: Action) -> list[Finding]:
        if HANGS in action.event.arguments:
            self._held.wait()
        return super().feed(action)


class HangingPolicy(Policy):
    """A policy engine that never comes back from one command."""

    held: threading.Event

    def decide(self, request: Request, *arguments: object, **named: object) -> object:  # type: ignore[override]
        if HANGS in request.situation.commands:
            self.held.wait()
        return super().decide(request, *arguments, **named)  # type: ignore[arg-type]


@pytest.fixture
def held() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()  # lets the thread end


def decide(house: House, *events: Event) -> list[tuple[str, str, float]]:
    """Outcome, ground and seconds of decisions that are asked for at once."""

    async def one(event: Event) -> tuple[str, str, float]:
        began = time.monotonic()
        ruling = await house.gate.decide(Deployment(name="builder"), event)
        decision = ruling.decision
        return decision.outcome, decision.ground, time.monotonic() - began

    async def every() -> list[tuple[str, str, float]]:
        return list(await asyncio.gather(*map(one, events)))

    return asyncio.run(every())


def bash(command: str) -> Event:
    return call("Bash", command=command)


@pytest.mark.parametrize("what", ["a detector", "the policy engine"])
def test_all_answers_are_denials_in_time_and_recorded(
    what: str, tmp_path: Path, held: threading.Event
) -> None:
    house = House(tmp_path, Engine.load())
    worker = house.gate._worker = Worker()
    house.gate._seconds = 30.0
    if what == "a detector":
        detection = HangingDetection(Engine.load(), house.ledger, held)
        house.gate._sessions._detection = detection
    else:
        policy = HangingPolicy(starter_text("observe"))
        policy.held = held
        house.gate._judge._policy_of = lambda deployment: policy
    assert decide(house, bash("ls"))[0][0] == "allow"
    house.gate._seconds = SECONDS
    first, *others = decide(house, bash(HANGS), *(bash(f"ls {n}") for n in range(20)))
    for outcome, ground, seconds in (first, *others):
        assert (outcome, ground) == ("deny", "fail-mode")
        assert SECONDS <= seconds < 10  # the rest is for a machine under load
    asyncio.run(house.gate.observe(Deployment(name="builder"), [asked("go on")]))
    assert worker.busy_seconds() > SECONDS
    recorded = list(house.ledger.events())
    assert sum(one.kind == "tool_call" for one in recorded) == 22
    denied = [one for one in recorded if one.kind == "decision" and one.text == "deny"]
    assert len(denied) == 21
    assert all("no decision within" in one.detail for one in denied)
    assert any(one.kind == "user_message" for one in recorded), "what happened is recorded"
    held.set()
    deadline = time.monotonic() + 20
    while worker.busy_seconds() and time.monotonic() < deadline:
        time.sleep(0.01)
    house.gate._seconds = 30.0
    assert decide(house, bash("ls again"))[0][0] == "allow", "and it goes on when that is over"
    worker.close()
