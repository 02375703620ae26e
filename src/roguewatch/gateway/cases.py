"""What a policy would say: of one event, of written cases, of a whole ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from roguewatch.control.circumstances import principal_of, situation_of
from roguewatch.control.decision import Decision, Outcome
from roguewatch.control.guard import Guard
from roguewatch.control.policy import Policy
from roguewatch.control.ruling import shown
from roguewatch.control.session import asked_about, asks_permission
from roguewatch.control.situation import LEVEL_NUMBER, Principal, Request, Situation
from roguewatch.detect.action import Action
from roguewatch.detect.engine import Engine
from roguewatch.errors import InputError
from roguewatch.events import Event, Origin, event_id
from roguewatch.findings import Finding
from roguewatch.gateway.coverage_sightings import planted_of
from roguewatch.gateway.hooks import claude_code, codex, copilot_cli, cursor, gemini_cli
from roguewatch.gateway.hooks.hook import Agent
from roguewatch.gateway.house import SESSION
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable, printable_path
from roguewatch.state.register import Deployment

_AGENTS: dict[str, Agent] = {
    module.agent.name: module.agent
    for module in (claude_code, codex, gemini_cli, cursor, copilot_cli)
}
_ACTIONS = {"user_message": "prompt", "config_change": "configure", "subagent_start": "agent"}


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One written case of a policy."""

    name: str
    expect: Outcome
    action: str = "shell"
    tool: str = "Bash"
    toolset: str = "built-in"
    principal: dict[str, Any] = {}
    situation: dict[str, Any] = {}
    command: str = ""
    """A shell command, understood and looked at by the rules; `situation` fields win."""
    consented: bool = False


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """A decision with everything it was made from."""

    outcome: Outcome
    ground: str
    policies: tuple[str, ...]
    policy: str
    policy_digest: str
    errors: tuple[str, ...]
    action: str
    tool: str
    deployment: str
    situation: Situation
    findings: tuple[dict[str, str], ...]


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An action that another policy would have decided otherwise."""

    event: str
    session: str
    deployment: str
    tool: str
    shown: str
    was: str
    would_be: str
    policies: tuple[str, ...]


class Known(NamedTuple):
    """An action of a ledger, with what was known of its session by then."""

    action: Action
    findings: list[Finding]
    behaviours: tuple[str, ...]
    level: int
    human: int
    """When a person last spoke, ns UTC; 0: never."""


def event_of(raw: bytes, agent: str = "") -> Event:
    """The event in a file: one of ours as JSON, or the body of an agent's hook.

    Raises:
        InputError: it is neither.
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError(f"not JSON: {printable(str(error), 200)}") from error
    if not isinstance(value, dict):
        raise InputError("expected a JSON object: an event, or the body of a hook")
    if "kind" in value and "session" in value and not agent:
        return _own(value)
    name = agent or _agent_of(value)
    return _AGENTS[name].understand(raw, "").event


def _own(value: dict[str, Any]) -> Event:
    value.setdefault("id", event_id("explained", msgspec.json.encode(value)))
    value.setdefault("seq", 0)
    value.setdefault("surface", "explained")
    value.setdefault("origin", {"file": "explained", "offset": 0})
    for name in ("arguments", "detail"):
        if isinstance(value.get(name), dict):
            value[name] = msgspec.json.encode(value[name]).decode()
    try:
        return msgspec.convert(value, Event)
    except msgspec.ValidationError as error:
        raise InputError(f"not an event: {printable(str(error), 300)}") from error


def _agent_of(value: dict[str, Any]) -> str:
    if "conversation_id" in value:
        return "cursor"
    if "toolName" in value or "sessionId" in value:
        return "copilot-cli"
    name = str(value.get("hook_event_name", ""))
    if name.startswith(("Before", "After")):
        return "gemini-cli"
    return "codex" if "turn_id" in value else "claude-code"


def explain(
    event: Event, policy: Policy, deployment: Deployment, engine: Engine, guard: Guard
) -> Explained:
    """What the policy says of an event on its own, without a session before it."""
    action = engine.action(event)
    findings = engine.feed(action, again=True) + guard.look(action)
    action, findings = _asked_about(action, findings, engine, guard)
    request = request_of(action, deployment, findings)
    assert isinstance(request.situation, Situation)
    decision = policy.decide(request, deployment.fail_mode)
    return Explained(
        outcome=decision.outcome,
        ground=decision.ground,
        policies=decision.policy_ids,
        policy=policy.name,
        policy_digest=policy.digest,
        errors=decision.errors,
        action=request.action,
        tool=request.tool,
        deployment=deployment.name,
        situation=request.situation,
        findings=tuple(
            {"detector": one.detector, "behaviour": one.behaviour, "level": one.level}
            for one in findings
        ),
    )


def _asked_about(
    action: Action, findings: list[Finding], engine: Engine, guard: Guard
) -> tuple[Action, list[Finding]]:
    """As the gate does: a request for permission is decided as the call that it is for."""
    if not asks_permission(action.event):
        return action, findings
    call, found = asked_about(
        action.event, lambda one: engine.feed(one, again=True) + guard.look(one), engine.finish
    )
    return call, findings + found


def request_of(
    action: Action,
    deployment: Deployment,
    findings: list[Finding],
    behaviours: tuple[str, ...] = (),
    level: int = 0,
    human_present: bool = False,
) -> Request:
    """The question about an action, with what is known of its session."""
    event = action.event
    parts = event.tool.split("__")
    return Request(
        principal=principal_of(deployment, event.time or time.time_ns()),
        action=_ACTIONS.get(event.kind) or action.tool_class or "other",
        tool=event.tool or event.kind,
        toolset=parts[1] if len(parts) >= 3 and parts[0] == "mcp" else "built-in",
        situation=situation_of(
            action,
            findings=findings,
            session_behaviours=behaviours,
            session_level=level,
            human_present=human_present,
            lease_seconds=int(deployment.lease_seconds),
        ),
    )


def cases_in(path: Path) -> list[Case]:
    """The cases of a YAML file: a list, or an object with `cases`.

    Raises:
        InputError: it cannot be read, or a case is none.
    """
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
        listed = value.get("cases") if isinstance(value, dict) else value
        return msgspec.convert(listed, list[Case])
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise InputError(f"{printable_path(path)}: {printable(str(error), 500)}") from error


def judge(case: Case, policy: Policy, engine: Engine | None) -> Decision:
    """What the policy says of a case.

    Raises:
        InputError: a field of its situation or principal does not exist.
    """
    fields: dict[str, Any] = {}
    if case.command:
        event = _shell(case)
        findings = engine.feed(event, again=True) if engine is not None else []
        fields = msgspec.to_builtins(situation_of(Action(event), findings=findings))
    try:
        situation = msgspec.convert({**fields, **case.situation}, Situation, strict=True)
        _known(case.situation, Situation, case)
        _known(case.principal, Principal, case)
        principal = msgspec.convert({"deployment": "case", **case.principal}, Principal)
    except msgspec.ValidationError as error:
        raise InputError(
            f"case {printable(case.name, 100)}: {printable(str(error), 300)}"
        ) from error
    request = Request(
        principal=principal,
        action=case.action,
        tool=case.tool,
        toolset=case.toolset,
        situation=situation,
    )
    return policy.decide(request, consented=case.consented)


def _shell(case: Case) -> Event:
    return Event(
        id=event_id("case", case.name),
        session=f"case {case.name}",
        seq=0,
        kind="tool_call",
        surface="case",
        tool=case.tool,
        cwd="/project",
        arguments=msgspec.json.encode({"command": case.command}).decode(),
        origin=Origin(file="case", offset=0),
    )


def _known(given: dict[str, Any], struct: type[msgspec.Struct], case: Case) -> None:
    if unknown := set(given) - set(struct.__struct_fields__):
        raise InputError(
            f"case {printable(case.name, 100)}: {', '.join(sorted(unknown))}: there is no such "
            f"field; there are: {', '.join(struct.__struct_fields__)}"
        )


def replay(
    ledger: Ledger,
    policy: Policy,
    deployments: dict[str, Deployment],
    engine: Engine,
    guard: Guard,
    session: str | None = None,
) -> Iterator[Change | int]:
    """Decide every decided action of a ledger again, under another policy.

    Detection is replayed too, so that the policy sees the findings that the rules of today
    give. Leases, stops, approvals and the breaker are as they were: an action that one of
    them decided is left out.

    Yields:
        Each action decided otherwise; last, how many were decided again.
    """
    sessions = [session] if session is not None else [row.session for row in ledger.sessions()]
    planted = filter(None, map(planted_of, ledger.events(session=SESSION)))
    canaries = {one.call_id for one in planted}
    count = 0
    for name in sessions:
        recent: dict[str, Known] = {}
        behaviours: set[str] = set()
        level = human = 0
        for event in ledger.events(session=name):
            if event.kind != "decision":
                if event.kind == "user_message" and event.author == "human":
                    human = event.time or 0
                action = engine.action(event)
                if canaries and action.arguments.get("canary") in canaries:
                    continue  # the gate's own act
                findings = engine.feed(action, again=True) + guard.look(action)
                findings = [one for one in findings if one.session == event.session]
                behaviours |= {one.behaviour for one in findings}
                level = max([level, *(LEVEL_NUMBER[one.level] for one in findings)])
                action, findings = _asked_about(action, findings, engine, guard)
                recent[event.id] = Known(action, findings, tuple(sorted(behaviours)), level, human)
                continue
            detail = event.parsed_detail()
            known = recent.get(str(detail.get("action")))
            if known is None or detail.get("ground") not in ("policy", "default"):
                continue
            count += 1
            change = _changed(event, detail, known, policy, deployments)
            if change is not None:
                yield change
        engine.finish(name)
    yield count


def _changed(
    decided: Event,
    detail: dict[str, Any],
    known: Known,
    policy: Policy,
    deployments: dict[str, Deployment],
) -> Change | None:
    action, event = known.action, known.action.event
    name = str(detail.get("deployment", ""))
    deployment = deployments.get(name) or Deployment(name=name or "unknown")
    present = 0 <= (event.time or 0) - known.human < 600 * 10**9
    request = request_of(action, deployment, known.findings, known.behaviours, known.level, present)
    decision = policy.decide(request, deployment.fail_mode)
    # `ask` without an answer was recorded as the denial that the agent was given.
    was = "ask" if detail.get("approval") and decided.text == "deny" else decided.text
    if decision.outcome == was:
        return None
    return Change(
        event=event.id,
        session=event.session,
        deployment=deployment.name,
        tool=event.tool or event.kind,
        shown=printable(shown(action) if event.arguments else event.text, 300),
        was=was,
        would_be=decision.outcome,
        policies=decision.policy_ids,
    )
