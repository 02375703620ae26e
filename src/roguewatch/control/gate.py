"""The gate: sees an action, decides it, records both, and only then answers.

The order is the point (design, Control): stop and lease first, then detection, policy,
approval and breaker, then one durable record of event and decision, then the answer. If
the record cannot be made, the answer is the deployment's fail mode, and a gate that fails
open still tries to say so in the record.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

import msgspec

from roguewatch.control.approvals import Approval, Approvals
from roguewatch.control.breaker import Attempt, Breaker, attempt
from roguewatch.control.decision import Decision, strictest
from roguewatch.control.leases import Leases
from roguewatch.control.policy import Policy
from roguewatch.control.situation import LEVEL_NUMBER, Principal, Request, Situation, mode_of
from roguewatch.detect.action import Action
from roguewatch.errors import RoguewatchError
from roguewatch.events import Event, event_id
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment

HUMAN_PRESENT_SECONDS = 600
"""A person who spoke in the session this recently counts as present."""

MAX_SESSIONS = 4096
_WRAPPERS_THAT_MATTER = ("sudo", "su", "doas", "pkexec", "ssh", "docker", "kubectl")


class Detection(Protocol):
    """What looks at every event: the engine, or a live one that can rebuild itself."""

    def feed(self, event: Event) -> list[Finding]:
        """New findings of this event."""


Recorder = Callable[[Sequence[Event]], Awaitable[None]]
"""Makes events durable before it returns; raises where it cannot."""


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate answers, and what goes with it."""

    decision: Decision
    approval: Approval | None = None
    """The question that was put to people, where the outcome is `ask`."""
    findings: tuple[Finding, ...] = ()
    """For control and the record; never for the agent."""
    recorded: bool = True


class _Session:
    __slots__ = ("behaviours", "human", "level")

    def __init__(self) -> None:
        self.behaviours: set[str] = set()
        self.level = 0
        self.human = 0


class Gate:
    """Decides for every deployment of one store.

    Args:
        record: makes events durable.
        engine: the detectors; fed with every event that passes.
        policy_of: the policy in force for a deployment; raises where it has none.
        leases: who may act at all.
        stopped: whether a stop is open for a deployment.
        approvals: the queue of questions to people.
        breaker: who tries too often.
        found: is told of new findings, after they are durable evidence.
        stop: is told to stop a deployment, with the reason.
    """

    def __init__(
        self,
        *,
        record: Recorder,
        engine: Detection,
        policy_of: Callable[[Deployment], Policy],
        leases: Leases,
        stopped: Callable[[str], bool],
        approvals: Approvals,
        breaker: Breaker,
        found: Callable[[Sequence[Finding]], None],
        stop: Callable[[str, str], None],
    ) -> None:
        self._record = record
        self._engine = engine
        self._policy_of = policy_of
        self._leases = leases
        self._stopped = stopped
        self._approvals = approvals
        self._breaker = breaker
        self._found = found
        self._stop = stop
        self._sessions: OrderedDict[tuple[str, str], _Session] = OrderedDict()

    async def observe(self, deployment: Deployment, events: Sequence[Event]) -> None:
        """Record what happened; nothing is decided. Durable when it returns."""
        await self._record(events)
        for event in events:
            self._look(deployment, event)

    async def decide(
        self, deployment: Deployment, event: Event, *, can_ask: bool = False
    ) -> Ruling:
        """Decide one action before it happens. Durable when it returns; never raises.

        Args:
            deployment: who acts.
            event: the action.
            can_ask: the agent's own client can put `ask` to its user; otherwise an
                unanswered question is a denial for now, and people find it in the queue.
        """
        started = time.perf_counter_ns()
        findings: list[Finding] = []
        approval: Approval | None = None
        try:
            action = Action(event)
            findings = self._look(deployment, event, action)
            decision, approval = self._judge(deployment, event, action, findings)
        except Exception as error:  # whatever fails, the answer is the fail mode and recorded
            decision = _failed(deployment, f"{type(error).__name__} while deciding")
        decision = msgspec.structs.replace(decision, nanoseconds=time.perf_counter_ns() - started)
        if decision.outcome == "ask" and not can_ask:
            decision = msgspec.structs.replace(decision, outcome="deny")
        record = decision_event(deployment, event, decision, approval)
        try:
            await self._record([event, record])
        except Exception as error:  # no record, no consent
            decision = strictest(
                decision, _failed(deployment, f"{type(error).__name__} while recording")
            )
            return Ruling(decision=decision, findings=tuple(findings), recorded=False)
        if decision.outcome == "stop":
            self._stop(deployment.name, "policy or breaker demanded a stop")
        return Ruling(decision=decision, approval=approval, findings=tuple(findings))

    def _judge(
        self, deployment: Deployment, event: Event, action: Action, findings: Sequence[Finding]
    ) -> tuple[Decision, Approval | None]:
        if self._stopped(deployment.name):
            return Decision(outcome="stop", ground="stop"), None
        if self._leases.ending(deployment.name):
            consent = self._leases.renew(deployment.name, deployment.lease_seconds)
            if not consent.given:
                return Decision(outcome="deny", ground="lease", errors=consent.objections), None
        tried = attempt(action)
        request = self._request(deployment, event, action, findings, tried)
        try:
            policy = self._policy_of(deployment)
        except RoguewatchError as error:
            return _failed(deployment, str(error)), None
        decision = policy.decide(request, deployment.fail_mode)
        approval = None
        if decision.outcome == "ask":
            approval = self._approvals.take(deployment.name, event)
            if approval is not None:
                decision = policy.decide(request, deployment.fail_mode, consented=True)
            else:
                approval = self._approvals.ask(deployment.name, event, shown(action))
        if decision.outcome == "deny" and self._breaker.denied(
            deployment.name, event.session, tried
        ):
            decision = msgspec.structs.replace(decision, outcome="stop", ground="breaker")
        return decision, approval

    def _look(
        self, deployment: Deployment, event: Event, action: Action | None = None
    ) -> list[Finding]:
        """Feed the detectors and keep what policies ask of the session."""
        session = self._session(deployment.name, event.session)
        if event.kind == "user_message" and event.author == "human":
            session.human = event.time or time.time_ns()
        findings = self._engine.feed(event)
        for finding in findings:
            session.behaviours.add(finding.behaviour)
            session.level = max(session.level, LEVEL_NUMBER[finding.level])
        if findings:
            self._found(findings)
        return findings

    def _session(self, deployment: str, name: str) -> _Session:
        key = (deployment, name)
        session = self._sessions.setdefault(key, _Session())
        self._sessions.move_to_end(key)
        if len(self._sessions) > MAX_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def _request(
        self,
        deployment: Deployment,
        event: Event,
        action: Action,
        findings: Sequence[Finding],
        tried: Attempt,
    ) -> Request:
        session = self._session(deployment.name, event.session)
        now = event.time or time.time_ns()
        return Request(
            principal=principal_of(deployment, now),
            action=action.tool_class or "other",
            tool=event.tool or event.kind,
            toolset=_toolset(event.tool),
            situation=situation_of(
                action,
                findings=findings,
                session_behaviours=tuple(sorted(session.behaviours)),
                session_level=session.level,
                human_present=0 <= now - session.human < HUMAN_PRESENT_SECONDS * 10**9,
                lease_seconds=int(self._leases.remaining(deployment.name)),
                denials=self._breaker.denials(deployment.name, event.session, tried),
            ),
        )


def principal_of(deployment: Deployment, now: int) -> Principal:
    """The deployment as a policy sees it at a time (ns UTC)."""
    return Principal(
        deployment=deployment.name,
        deployment_class=deployment.deployment_class,
        owner=deployment.owner,
        purpose=deployment.purpose,
        stakes=deployment.stakes,
        surface=deployment.surface,
        expired=deployment.expires is not None and deployment.expires <= now,
    )


def situation_of(
    action: Action,
    *,
    findings: Sequence[Finding] = (),
    session_behaviours: tuple[str, ...] = (),
    session_level: int = 0,
    human_present: bool = False,
    lease_seconds: int = 0,
    denials: int = 0,
) -> Situation:
    """The context of an action, from its derived view and what is known of its session."""
    event, commands = action.event, action.commands
    hosts = tuple(sorted({host for url in action.urls if (host := _host(url))}))
    vias = {via.split(" ")[0] for command in commands for via in command.via}
    return Situation(
        mode=mode_of(event.permission_mode),
        permission_mode=event.permission_mode,
        human_present=human_present,
        subagent=bool(event.parent_agent) or event.agent != "main",
        lease_seconds=lease_seconds,
        programs=tuple(sorted({command.program for command in commands if command.program})),
        commands=tuple(dict.fromkeys(command.text for command in commands)),
        wrappers=tuple(sorted(vias.intersection(_WRAPPERS_THAT_MATTER))),
        paths=action.paths,
        written=action.written,
        hosts=hosts,
        outside_project=any(outside(path, event.cwd) for path in action.written),
        network=bool(hosts) or action.tool_class == "fetch",
        background=any(command.background for command in commands),
        certain=all(command.certain for command in commands),
        matched_rules=tuple(sorted({finding.detector for finding in findings})),
        matched_behaviours=tuple(sorted({finding.behaviour for finding in findings})),
        matched_level=max((LEVEL_NUMBER[finding.level] for finding in findings), default=0),
        session_behaviours=session_behaviours,
        session_level=session_level,
        denials=denials,
    )


def outside(path: str, project: str) -> bool:
    """Whether a written path lies outside the project; temporary and null files do not count."""
    if path.startswith(("/dev/null", "/dev/std", "/tmp/", "/var/tmp/")):  # noqa: S108
        return False
    if path.startswith(("~", "..")):
        return True
    if not path.startswith("/"):
        return False
    if not project:
        return True
    return path != project and not path.startswith(project.rstrip("/") + "/")


def decision_event(
    deployment: Deployment, event: Event, decision: Decision, approval: Approval | None
) -> Event:
    """The decision as an event: what the ledger keeps, every field of it bound."""
    detail = {
        "deployment": deployment.name,
        "action": event.id,
        **msgspec.to_builtins(decision),
        "approval": msgspec.to_builtins(approval) if approval is not None else None,
    }
    return Event(
        id=event_id("decision", event.id, event.call_id),
        session=event.session,
        seq=event.seq,
        kind="decision",
        surface=event.surface,
        sighting=event.sighting,
        time=time.time_ns(),
        agent=event.agent,
        parent_agent=event.parent_agent,
        tool=event.tool,
        call_id=event.call_id,
        prompt_id=event.prompt_id,
        text=decision.outcome,
        permission_mode=event.permission_mode,
        cwd=event.cwd,
        detail=msgspec.json.encode(detail).decode(),
        part=1,
        origin=event.origin,
    )


def shown(action: Action) -> str:
    """The action in one line, as an approver sees it."""
    event = action.event
    commands = "; ".join(command.text for command in action.commands)
    return f"{event.tool}: {commands or event.arguments}"


def _failed(deployment: Deployment, why: str) -> Decision:
    return Decision(
        outcome="allow" if deployment.fail_mode == "open" else "deny",
        ground="fail-mode",
        errors=(why,),
    )


def _toolset(tool: str) -> str:
    parts = tool.split("__")
    return parts[1] if len(parts) >= 3 and parts[0] == "mcp" else "built-in"


def _host(url: str) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"//{url.rpartition('@')[2]}")
        return (parts.hostname or "").casefold()
    except ValueError:
        return url.casefold()
