"""A session belongs to the deployment that named it first, and is looked at as one."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from roguewatch.control.breaker import attempt
from roguewatch.control.ruling import Ruling
from roguewatch.control.session import APART
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


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine.load()


def decide(house: House, name: str, event: Event) -> Ruling:
    return asyncio.run(house.gate.decide(Deployment(name=name), event))


def bash(command: str, session: str = "s1") -> Event:
    return call("Bash", session=session, command=command)


def test_another_deployment_that_names_a_session_is_refused_and_booked_apart(
    tmp_path: Path, engine: Engine
) -> None:
    house = House(tmp_path, engine)
    assert decide(house, "first", bash("ls")).decision.outcome == "allow"
    ruling = decide(house, "second", bash("ls src"))
    assert (ruling.decision.outcome, ruling.decision.ground) == ("deny", "session")
    assert [(one.behaviour, one.level) for one in house.found] == [("D2", "high")]
    recorded = list(house.ledger.events())
    assert len([one for one in recorded if one.session == "s1"]) == 2
    other = [one for one in recorded if one.session.startswith(APART)]
    assert [one.kind for one in other] == ["tool_call", "decision"]
    assert house.found[0].events == (other[0].id,)
    assert decide(house, "first", bash("ls tests")).decision.outcome == "allow"


def test_the_same_call_sent_by_another_deployment_is_no_repetition(
    tmp_path: Path, engine: Engine
) -> None:
    house = House(tmp_path, engine)
    event = bash("ls")
    decide(house, "first", event)
    assert decide(house, "second", event).decision.ground == "session"
    assert sum(one.kind == "tool_call" for one in house.ledger.events()) == 2


def test_whose_a_session_is_outlasts_a_restart(tmp_path: Path, engine: Engine) -> None:
    house = House(tmp_path, engine)
    decide(house, "first", bash("ls"))
    house.ledger.close()
    again = House(tmp_path, engine)
    assert decide(again, "second", bash("ls src")).decision.ground == "session"
    assert decide(again, "first", bash("ls src")).decision.outcome == "allow"


def test_what_another_deployment_observes_in_a_session_is_booked_apart(
    tmp_path: Path, engine: Engine
) -> None:
    house = House(tmp_path, engine)
    decide(house, "first", bash("ls"))
    asyncio.run(house.gate.observe(Deployment(name="second"), [asked("go on", session="s1")]))
    assert [one.kind for one in house.ledger.events(session="s1")] == ["tool_call", "decision"]
    assert [one.behaviour for one in house.found] == ["D2"]


def test_no_agent_can_take_a_name_that_only_the_gate_gives(tmp_path: Path, engine: Engine) -> None:
    house = House(tmp_path, engine)
    assert decide(house, "first", bash("ls", f"{APART}x")).decision.ground == "session"


def test_calls_without_a_session_are_nobody_s(tmp_path: Path, engine: Engine) -> None:
    house = House(tmp_path, engine)
    for name in ("first", "second"):
        assert decide(house, name, bash("ls", "unknown")).decision.outcome == "allow"


def test_a_policy_sees_what_an_earlier_call_set_up(tmp_path: Path, engine: Engine) -> None:
    house = House(tmp_path, engine)
    house.policy_text = (
        "permit (principal, action, resource);\n"
        'forbid (principal, action, resource) when { context.programs.contains("shred") };'
    )
    decide(house, "first", bash("printf 'shred notes' > go.sh"))
    run = bash("bash go.sh")
    for _ in range(2):  # a retry knows no less
        assert decide(house, "first", run).decision.outcome == "deny"
    house.ledger.close()
    again = House(tmp_path, engine)
    again.policy_text = house.policy_text
    assert decide(again, "first", bash("sh ./go.sh")).decision.outcome == "deny"


class CountingDetection(LiveDetection):
    """Notes what the engine was fed with, and takes its time."""

    def __init__(self, engine: Engine, ledger: Ledger) -> None:
        super().__init__(engine, ledger)
        self.fed: list[str] = []

    def feed(self, action: Action) -> list[Finding]:
        self.fed.append(action.event.id)
        time.sleep(0.001)
        return super().feed(action)


def test_a_session_that_is_only_overheard_is_looked_at_once_and_a_little_at_a_time(
    tmp_path: Path, engine: Engine
) -> None:
    house = House(tmp_path, engine)
    detection = CountingDetection(engine, house.ledger)
    house.gate._sessions._detection = detection
    worker = house.gate._worker = Worker()
    events = [bash(f"ls {number}") for number in range(400)]
    house.ledger.append(events)
    assert all(house.gate.overhear(Deployment(name="first"), event) for event in events)
    more = bash("ls more")
    house.ledger.append([more])
    assert house.gate.overhear(Deployment(name="first"), more)
    deadline = time.monotonic() + 40
    while more.id not in detection.fed and time.monotonic() < deadline:
        waited = time.monotonic()
        asyncio.run(worker.run(lambda abandoned: None, 20))
        assert time.monotonic() - waited < 10  # a whole session is not rebuilt meanwhile
        time.sleep(0.02)
    worker.close(20)
    assert detection.fed == [one.id for one in (*events, more)]


def test_a_decision_in_a_session_that_is_being_rebuilt_sees_all_of_it(
    tmp_path: Path, engine: Engine
) -> None:
    house = House(tmp_path, engine)
    detection = CountingDetection(engine, house.ledger)
    house.gate._sessions._detection = detection
    worker = house.gate._worker = Worker()
    house.gate._seconds = 60
    events = [bash(f"ls {number}") for number in range(200)]
    house.ledger.append(events)
    assert all(house.gate.overhear(Deployment(name="first"), event) for event in events)
    own = bash("ls own")
    assert decide(house, "first", own).decision.outcome == "allow"
    assert detection.fed == [one.id for one in (*events, own)]
    worker.close(20)
    assert len(detection.fed) == 201


def test_sessions_that_came_too_fast_are_looked_at_from_the_ledger_when_there_is_time(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roguewatch.control.worker.MOST_LATER", 8)
    house = House(tmp_path, engine)
    gate, worker = house.gate, Worker()
    gate._worker = worker
    beacon = "(crontab -l; echo '* * * * * /tmp/.x/beacon') | crontab -"
    commands = [(f"ls {number}", f"s{number % 40}") for number in range(400)]
    events = [bash(*one) for one in (*commands, (beacon, "s7"), (beacon, "s30"))]
    house.ledger.append(events)
    flood = threading.Event()
    worker.later(lambda: not flood.wait(30))  # all the while nothing is looked at
    assert all(gate.overhear(Deployment(name="first"), event) for event in events)
    assert gate.behind()
    flood.set()
    deadline = time.monotonic() + 40
    while gate.behind() and time.monotonic() < deadline:
        gate.catch_up()
        time.sleep(0.005)
    worker.close(20)
    assert {one.session for one in house.found} == {"s7", "s30"}
    for number in range(40):
        engine.finish(f"s{number}")
    replayed = [one.id for event in house.ledger.events() for one in engine.feed(event)]
    assert {one.id for one in house.found} == set(replayed)


def test_looking_at_a_session_again_counts_no_denial_twice(tmp_path: Path, engine: Engine) -> None:
    house = House(tmp_path, engine)
    house.policy_text = (
        "permit (principal, action, resource);\n"
        'forbid (principal, action, resource) when { context.programs.contains("shred") };'
    )
    run = bash("shred notes")
    assert decide(house, "first", run).decision.outcome == "deny"
    before = house.gate._judge._breaker.denials(
        "first", "s1", attempt(engine.action(run, again=True))
    )
    sessions = house.gate._sessions
    assert sessions.miss("s1")
    while sessions.missed():
        sessions.catch_up()
    again = house.gate._judge._breaker.denials(
        "first", "s1", attempt(engine.action(run, again=True))
    )
    assert again == before == 1
