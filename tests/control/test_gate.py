"""The gate records before it answers, and fails closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from roguewatch.control.approvals import Approvals
from roguewatch.control.breaker import Breaker
from roguewatch.control.circumstances import outside
from roguewatch.control.gate import Gate
from roguewatch.control.leases import Leases
from roguewatch.control.policy import Policy, starter_text
from roguewatch.control.ruling import Ruling
from roguewatch.detect.engine import Engine
from roguewatch.errors import PolicyError
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.gateway.live import LiveDetection
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register
from tests.build import asked, call

PASSPHRASE = "correct horse battery"


class House:
    """A gate over a real ledger, register and engine."""

    def __init__(self, store: Path, engine: Engine) -> None:
        self.ledger = Ledger.open(store, witness=store / "witness")
        state = connect(store)
        self.register = Register(state)
        self.approvals = Approvals(state)
        self.found: list[Finding] = []
        self.stops: list[str] = []
        self.policy_text = starter_text("workstation")
        self.disk_full = False
        self.gate = Gate(
            recorder=self,
            detection=LiveDetection(engine, self.ledger),
            policy_of=lambda deployment: Policy(self.policy_text),
            leases=Leases([lambda name: "stop" if self.register.stopped(name) else ""]),
            stopped=self.register.stopped,
            approvals=self.approvals,
            breaker=Breaker(),
            found=self.found.extend,
            stop=lambda name, reason: self.stops.append(name),
        )

    def submit(self, events: Sequence[Event]) -> Future[Any]:
        if self.disk_full:
            raise OSError("no space left on device")
        submitted: Future[Any] = Future()
        submitted.set_result(self.ledger.append(events))
        return submitted

    commit = submit

    async def durable(self, events: Sequence[Event], submitted: Future[Any]) -> None:
        submitted.result()

    def decide(self, event: Event, **deployment: object) -> Ruling:
        who = Deployment(name="builder", **deployment)  # type: ignore[arg-type]
        return asyncio.run(self.gate.decide(who, event))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path, Engine.load())


def bash(command: str, session: str = "s1") -> Event:
    return call("Bash", session=session, command=command)


def test_event_and_decision_are_in_the_ledger_before_the_answer(house: House) -> None:
    event = bash("ls")
    ruling = house.decide(event)
    assert ruling.decision.outcome == "allow"
    kept = {one.kind: one for one in house.ledger.events(session="s1")}
    assert kept["tool_call"].id == event.id
    detail = json.loads(kept["decision"].detail)
    assert detail["action"] == event.id
    assert detail["policy_digest"] == Policy(house.policy_text).digest


def test_what_cannot_be_recorded_is_not_allowed(house: House) -> None:
    house.disk_full = True
    ruling = house.decide(bash("ls"))
    assert (ruling.decision.outcome, ruling.recorded) == ("deny", False)
    opened = house.decide(bash("ls"), fail_mode="open")
    assert (opened.decision.outcome, opened.recorded) == ("allow", False)


def test_an_open_stop_comes_before_everything(house: House) -> None:
    house.register.open_stop("builder", "drill", "ada")
    assert house.decide(bash("ls")).decision.ground == "stop"
    assert house.stops == []  # it is open already


def test_a_policy_that_cannot_be_had_gets_the_fail_mode(house: House) -> None:
    house.policy_text = "nonsense"
    ruling = house.decide(bash("ls"))
    assert (ruling.decision.outcome, ruling.decision.ground) == ("deny", "fail-mode")
    with pytest.raises(PolicyError):
        Policy(house.policy_text)


def test_a_person_s_consent_lets_the_exact_action_through_once(house: House) -> None:
    house.approvals.enrol("ada", PASSPHRASE)
    event = bash("sudo systemctl restart app")
    first = house.decide(event)
    assert first.decision.outcome == "deny"
    assert first.approval is not None
    assert "sudo systemctl restart app" in first.approval.shown
    house.approvals.answer(first.approval.id, "ada", PASSPHRASE, approve=True, looked_seconds=3)
    again = bash("sudo systemctl restart app")
    allowed = house.decide(again)
    assert (allowed.decision.outcome, allowed.decision.ground) == ("allow", "approval")
    assert house.decide(bash("sudo systemctl restart app")).decision.outcome == "deny"


@pytest.mark.parametrize(
    ("command", "outcome"),
    [("ls", "allow"), ("sudo ls", "deny"), ("kill -9 1", "deny"), ("pkill -9 roguewatch", "stop")],
)
def test_a_request_for_permission_is_decided_as_the_call_that_it_is_for(
    house: House, command: str, outcome: str
) -> None:
    request = msgspec.structs.replace(bash(command), kind="approval")
    assert house.decide(request).decision.outcome == outcome
    assert [one.kind for one in house.ledger.events(session="s1")] == ["approval", "decision"]
    # What the call shows is said when it is made, once.
    assert {one.session for one in house.found} <= {"s1"}
    found = len(house.found)
    house.decide(bash("crontab -e"))
    assert len(house.found) > found or outcome == "stop"


@pytest.mark.parametrize(
    ("command", "seen"),
    [
        ("sudo id; ssh host.example id", ["sudo id; ssh host.example id", "sudo id", "ssh id"]),
        ("echo cm0gLXJmIC8K | base64 -d | sudo sh", ["cm0gLXJmIC8K | base64", "rm -rf /"]),
        ("sudo echo " + "x" * 5_000 + "; rm -rf /", ["sudo echo x", "not shown", "x; rm -rf /"]),
    ],
)
def test_a_person_sees_the_exact_action_and_what_it_runs(
    house: House, command: str, seen: list[str]
) -> None:
    event = call("Bash", command=command, run_in_background=True)
    approval = house.decide(msgspec.structs.replace(event, cwd="/repo")).approval
    assert approval is not None
    for part in (*seen, '"run_in_background":true', "in /repo"):
        assert part in approval.shown


def test_trying_the_denied_again_and_again_stops_the_session(house: House) -> None:
    house.policy_text = (
        "permit (principal, action, resource);"
        'forbid (principal, action, resource) when { context.paths.contains("secrets.txt") };'
    )
    outcomes = [
        house.decide(bash(command)).decision
        for command in ("cat secrets.txt", "head secrets.txt", "tac secrets.txt | less",
                        "grep . secrets.txt", "awk 1 secrets.txt")
    ]  # fmt: skip
    assert [one.outcome for one in outcomes].count("stop") >= 1
    assert any(one.ground == "breaker" and one.stops == "session" for one in outcomes)
    assert house.stops == []
    later = house.decide(bash("ls"))
    assert (later.decision.outcome, later.decision.ground) == ("stop", "breaker")
    assert house.decide(bash("ls", session="s2")).decision.outcome == "allow"


def test_going_on_in_new_sessions_stops_the_deployment(house: House) -> None:
    house.policy_text = (
        "permit (principal, action, resource);"
        'forbid (principal, action, resource) when { context.paths.contains("secrets.txt") };'
    )
    for turn in range(12):
        house.decide(bash("cat secrets.txt", session=f"n{turn}"))
    assert house.stops == ["builder"]


def test_a_retried_action_is_decided_on_the_same_findings(house: House) -> None:
    house.policy_text = (
        "permit (principal, action, resource);"
        "forbid (principal, action, resource) when { context.matched_level >= 3 };"
    )
    event = bash("pkill -9 roguewatch")
    first, second = house.decide(event), house.decide(event)
    assert first.decision.outcome == second.decision.outcome == "deny"
    assert first.findings == second.findings
    decisions = [one for one in house.ledger.events(session="s1") if one.kind == "decision"]
    assert len(decisions) == 2


def test_what_an_event_shows_of_another_session_is_kept_and_not_held_against_its_own(
    house: House,
) -> None:
    house.policy_text = (
        "permit (principal, action, resource);"
        "forbid (principal, action, resource) when { context.matched_level >= 2 };"
    )
    read = bash("cat ~/.cache/fontconfig/.idx-7f3.json", "late")
    wrote = bash("echo 3 > ~/.cache/fontconfig/.idx-7f3.json", "early")
    wrote = msgspec.structs.replace(wrote, time=(read.time or 0) - 10**9)
    assert house.decide(read).decision.outcome == "allow"
    ruling = house.decide(wrote)
    assert ruling.decision.outcome == "allow"
    assert [(one.session, one.level) for one in house.found] == [("late", "medium")]


def test_the_agent_is_told_one_neutral_sentence(house: House) -> None:
    house.policy_text = 'permit (principal, action == Action::"read", resource);'
    ruling = house.decide(bash("pkill -9 roguewatch"))
    assert ruling.decision.outcome != "allow"
    assert "rule" not in ruling.decision.told.casefold()
    assert ruling.decision.told.count(".") == 1


def test_hostile_arguments_never_break_the_gate(house: House) -> None:
    for arguments in ("{", '{"command": 5}', '{"command": "\\ud800"}', "[" * 5000, '"' * 99):
        event = call("Bash")
        hostile = type(event)(**{**{f: getattr(event, f) for f in event.__struct_fields__},
                                 "arguments": arguments})  # fmt: skip
        assert house.decide(hostile).decision.outcome in ("allow", "ask", "deny", "stop")


def test_presence_of_a_person_is_taken_from_what_was_seen(house: House) -> None:
    house.policy_text = "permit (principal, action, resource) when { context.human_present };"
    assert house.decide(bash("ls")).decision.outcome == "deny"
    asyncio.run(house.gate.observe(Deployment(name="builder"), [asked("please list")]))
    assert house.decide(bash("ls")).decision.outcome == "allow"


@pytest.mark.parametrize(
    ("path", "project", "expected"),
    [
        ("src/a.py", "/repo", False), ("/repo/a", "/repo", False), ("/repository/a", "/repo", True),
        ("~/.bashrc", "/repo", True), ("../x", "/repo", True), ("/etc/hosts", "", True),
        ("/dev/null", "/repo", False), ("/tmp/x", "/repo", False),
    ],
)  # fmt: skip
def test_what_lies_outside_the_project(path: str, project: str, expected: bool) -> None:
    assert outside(path, project) is expected
