"""The gate: sees an action, decides it, records both, and only then answers.

The order is the point (design, Control): stop, session and lease first, then policy with
what detection found, approval and breaker, then one durable record of event and decision,
then the answer. If a decision or its record cannot be had in time, the answer is the
deployment's fail mode, and a gate that fails open still tries to say so in the record.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from roguewatch.control.approvals import Approval, Approvals
from roguewatch.control.breaker import Attempt, Breaker, attempt
from roguewatch.control.circumstances import action_of as action_of
from roguewatch.control.circumstances import asks_model, toolset_of
from roguewatch.control.circumstances import outside as outside
from roguewatch.control.circumstances import principal_of as principal_of
from roguewatch.control.circumstances import situation_of as situation_of
from roguewatch.control.decision import Decision, strictest
from roguewatch.control.leases import Leases
from roguewatch.control.policy import Policy
from roguewatch.control.session import MAX_FED, SessionMemory
from roguewatch.control.situation import Request, mode_of
from roguewatch.control.worker import Worker
from roguewatch.detect.action import Action
from roguewatch.errors import RoguewatchError
from roguewatch.events import Event, event_id
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment

HUMAN_PRESENT_SECONDS = 600
"""A person who spoke in the session this recently counts as present."""

DECISION_SECONDS = 2.5
RECORD_SECONDS = 2.0
"""Together less than the 5 s after which installed hooks give up on their own."""

MAX_SESSIONS = 2048

T = TypeVar("T")


class Detection(Protocol):
    """What looks at every event, and can be rebuilt from the ledger."""

    generation: int
    """Rises when the rules were exchanged and nothing is remembered any more."""

    def feed(self, event: Event) -> list[Finding]:
        """Every finding that this event meets, also those given before."""

    def rebuild(self, session: str) -> Iterator[tuple[Event, list[Finding]]]:
        """Feed the session's past from the ledger, each event with its findings."""

    def forget(self, session: str) -> list[Finding]:
        """Drop what is kept of the session; findings that only its end can tell."""


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


class Gate:
    """Decides for every deployment of one store.

    Args:
        record: makes events durable.
        detection: the detectors; fed with every event that passes.
        policy_of: the policy in force for a deployment; raises where it has none.
        leases: who may act at all.
        stopped: whether a stop is open for a deployment.
        approvals: the queue of questions to people.
        breaker: who tries too often.
        found: is told of new findings, after their evidence is durable.
        stop: is told to stop a deployment, with the reason.
        guard: what the gate itself knows to be out of bounds.
        worker: the thread that decides; None: decide at once, without a deadline.
        seconds: deadline of a decision.
    """

    def __init__(
        self,
        *,
        record: Recorder,
        detection: Detection,
        policy_of: Callable[[Deployment], Policy],
        leases: Leases,
        stopped: Callable[[str], bool],
        approvals: Approvals,
        breaker: Breaker,
        found: Callable[[Sequence[Finding]], None],
        stop: Callable[[str, str], None],
        guard: Callable[[Action], list[Finding]] = lambda action: [],
        worker: Worker | None = None,
        seconds: float = DECISION_SECONDS,
    ) -> None:
        self._record = record
        self._detection = detection
        self._policy_of = policy_of
        self._leases = leases
        self._stopped = stopped
        self._approvals = approvals
        self._breaker = breaker
        self._found = found
        self._stop = stop
        self._guard = guard
        self._worker = worker
        self._seconds = seconds
        self._sessions: OrderedDict[str, SessionMemory] = OrderedDict()

    async def observe(self, deployment: Deployment, events: Sequence[Event]) -> None:
        """Record what happened; nothing is decided. Durable when it returns.

        Raises:
            RoguewatchError: it could not be recorded.
        """

        def look(_: Callable[[], bool]) -> list[Finding]:
            return [one for event in events for one in self._look(deployment, event)]

        try:
            findings = await self._work(look)
        except Exception:  # what cannot be looked at must still be recorded
            findings = []
            self._unlearn(events)
        try:
            await self._record(events)
        except BaseException:
            self._unlearn(events)
            raise
        if findings:
            self._found(findings)

    async def decide(
        self,
        deployment: Deployment,
        event: Event,
        *,
        can_ask: bool = False,
        along: Sequence[Event] = (),
    ) -> Ruling:
        """Decide one action before it happens. Durable when it returns; never raises.

        Args:
            deployment: who acts.
            event: the action.
            can_ask: the agent's own client can put `ask` to its user; otherwise an
                unanswered question is a denial for now, and people find it in the queue.
            along: what came with the action and before it, to be seen before it is decided
                and recorded with it, in one commit.
        """
        started = time.perf_counter_ns()
        findings: list[Finding] = []
        approval: Approval | None = None

        def judge(abandoned: Callable[[], bool]) -> tuple[Decision, Approval | None]:
            for one in along:
                findings.extend(self._look(deployment, one))
            action = Action(event)
            own = self._look(deployment, event, action)
            findings.extend(own)
            if abandoned():
                raise TimeoutError
            return self._judge(deployment, event, action, own)

        try:
            decision, approval = await self._work(judge)
        except Exception as error:  # whatever fails, the answer is the fail mode and recorded
            decision = _failed(deployment, f"{type(error).__name__} while deciding: {error}")
        decision = msgspec.structs.replace(decision, nanoseconds=time.perf_counter_ns() - started)
        # A client that asks nobody (its user switched checks off) would just go on.
        can_ask = can_ask and mode_of(event.permission_mode) != "skip"
        if decision.outcome == "ask" and not can_ask:
            decision = msgspec.structs.replace(decision, outcome="deny")
        record = decision_event(deployment, event, decision, approval)
        try:
            async with asyncio.timeout(RECORD_SECONDS):
                await self._record([*along, event, record])
        except Exception as error:  # no record, no consent
            self._unlearn([*along, event])
            decision = strictest(
                decision, _failed(deployment, f"{type(error).__name__} while recording")
            )
            return Ruling(decision=decision, findings=tuple(findings), recorded=False)
        if findings:
            self._found(tuple(findings))
        if decision.stops == "deployment" and decision.ground != "stop":
            self._stop(deployment.name, f"{decision.ground} demanded a stop")
        return Ruling(decision=decision, approval=approval, findings=tuple(findings))

    async def _work(self, work: Callable[[Callable[[], bool]], T]) -> T:
        if self._worker is None:
            return work(lambda: False)
        return await self._worker.run(work, self._seconds)

    def _judge(
        self, deployment: Deployment, event: Event, action: Action, findings: Sequence[Finding]
    ) -> tuple[Decision, Approval | None]:
        if self._stopped(deployment.name):
            return Decision(outcome="stop", ground="stop", stops="deployment"), None
        if deployment.name in self._known(event.session).blocked:
            return Decision(outcome="stop", ground="breaker", stops="session"), None
        if self._leases.ending(deployment.name):
            consent = self._leases.renew(deployment.name, deployment.lease_seconds)
            if not consent.given:
                return Decision(outcome="deny", ground="lease", errors=consent.objections), None
        tried = attempt(action, findings)
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
        if decision.outcome == "stop":
            decision = msgspec.structs.replace(decision, stops="deployment")
        elif decision.outcome == "deny":
            decision = self._broken(deployment, event, decision, tried)
        return decision, approval

    def _broken(
        self, deployment: Deployment, event: Event, decision: Decision, tried: Attempt
    ) -> Decision:
        """The denial, or the stop that it is one too many for."""
        breaks = self._breaker.denied(deployment.name, event.session, tried)
        if not breaks:
            return decision
        self._known(event.session).blocked.add(deployment.name)
        return msgspec.structs.replace(decision, outcome="stop", ground="breaker", stops=breaks)

    def _look(
        self, deployment: Deployment, event: Event, action: Action | None = None
    ) -> list[Finding]:
        """Feed the detectors, once an event, and keep what policies ask of the session."""
        session = self._session(event.session)
        session.spoke(deployment.name, event)
        if event.id in session.fed:  # a retry, or a past that was just rebuilt
            return session.fed[event.id]
        findings = self._detection.feed(event)
        findings += self._guard(action or Action(event))
        session.follow(event, findings)
        if event.kind == "session_end":
            findings = findings + self._detection.forget(event.session)
            del self._sessions[event.session]
        return findings

    def _session(self, name: str) -> SessionMemory:
        """The session's memory, rebuilt from the ledger where it is not in ours."""
        session = self._sessions.get(name)
        if session is not None and session.generation == self._detection.generation:
            self._sessions.move_to_end(name)
            return session
        session = SessionMemory(self._detection.generation)
        acts: OrderedDict[str, Event] = OrderedDict()
        for past, findings in self._detection.rebuild(name):
            if past.kind == "decision":
                self._recall(session, past, acts)
                continue
            session.follow(past, findings + self._guard(Action(past)))
            acts[past.id] = past
            if len(acts) > MAX_FED:
                acts.popitem(last=False)
        self._sessions[name] = session
        if len(self._sessions) > MAX_SESSIONS:
            oldest, _ = self._sessions.popitem(last=False)
            self._detection.forget(oldest)
        return session

    def _known(self, name: str) -> SessionMemory:
        """The memory that the event at hand went into, whatever happens to it meanwhile."""
        return self._sessions.get(name) or self._session(name)

    def _recall(self, session: SessionMemory, past: Event, acts: Mapping[str, Event]) -> None:
        """Take a decision of the past into account: presence, denials, a broken circuit."""
        detail = past.parsed_detail()
        deployment = str(detail.get("deployment", ""))
        event = acts.get(str(detail.get("action")))
        if event is not None:
            findings = session.fed.get(event.id, [])
            session.spoke(deployment, event)
            if past.text in ("deny", "stop") and detail.get("ground") in ("policy", "default"):
                self._breaker.denied(deployment, past.session, attempt(Action(event), findings))
        if detail.get("ground") == "breaker":
            session.blocked.add(deployment)

    def _unlearn(self, events: Sequence[Event]) -> None:
        """Detection saw what the ledger does not have: let both begin from the ledger."""
        for event in events:
            memory = self._sessions.get(event.session)
            if memory is not None:
                memory.generation = -1

    def _request(
        self,
        deployment: Deployment,
        event: Event,
        action: Action,
        findings: Sequence[Finding],
        tried: Attempt,
    ) -> Request:
        session = self._known(event.session)
        since_human = (event.time or time.time_ns()) - session.human.get(deployment.name, 0)
        return Request(
            principal=principal_of(deployment, time.time_ns()),
            action=action_of(action),
            tool=event.tool or (event.model if asks_model(event) else "") or event.kind,
            toolset=toolset_of(event.tool),
            situation=situation_of(
                action,
                findings=findings,
                session_behaviours=tuple(sorted(session.behaviours)),
                session_level=session.level,
                human_present=0 <= since_human < HUMAN_PRESENT_SECONDS * 10**9,
                lease_seconds=int(self._leases.remaining(deployment.name)),
                denials=self._breaker.denials(deployment.name, event.session, tried),
            ),
        )


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
    now = time.time_ns()
    return Event(
        # Not of the event alone: a retry is decided, and recorded, again.
        id=event_id("decision", event.id, event.call_id, now),
        session=event.session,
        seq=event.seq,
        kind="decision",
        surface=event.surface,
        sighting=event.sighting,
        time=now,
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
