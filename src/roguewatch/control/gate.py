"""The gate: sees an action, decides it, records both, and only then answers.

The order is the point (design, Control): stop, session and lease first, then policy with
what detection found, approval and breaker, then one durable record of event and decision,
then the answer. If a decision or its record cannot be had in time, the answer is the
deployment's fail mode, and a gate that fails open still tries to say so in the record.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import msgspec

from roguewatch.control.approvals import Approvals
from roguewatch.control.breaker import Breaker
from roguewatch.control.decision import Decision, strictest
from roguewatch.control.judge import Judge
from roguewatch.control.leases import Leases
from roguewatch.control.policy import Policy
from roguewatch.control.recorder import RECORD_SECONDS
from roguewatch.control.recorder import Recorder as Recorder
from roguewatch.control.ruling import (
    Judged,
    Question,
    Ruled,
    Ruling,
    failed,
    while_deciding,
)
from roguewatch.control.session import Detection, Sessions, apart, named_anothers
from roguewatch.control.situation import mode_of
from roguewatch.control.straight import Straight
from roguewatch.control.worker import Awaited, Worker
from roguewatch.detect.action import Action
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment

DECISION_SECONDS = 2.5
"""With `RECORD_SECONDS` less than the 5 s after which installed hooks give up on their own."""

T = TypeVar("T")
Observed = tuple[Sequence[Event], list[Finding], Future[Any]]


class Gate:
    """Decides for every deployment of one store.

    Args:
        recorder: makes events durable.
        detection: the detectors; fed with every event that passes.
        policy_of: the policy in force for a deployment; raises where it has none.
        leases: who may act at all.
        stopped: whether a stop is open for a deployment.
        approvals: the queue of questions to people.
        breaker: who tries too often.
        found: is told of new findings, after their evidence is durable.
        stop: is told to stop a deployment, with the reason.
        noted: is told of every event that has come in, with its decision if it had one.
        guard: what the gate itself knows to be out of bounds.
        registered: whether a deployment is in the register.
        worker: the thread that decides; None: decide at once, without a deadline.
        seconds: deadline of a decision.
    """

    def __init__(
        self,
        *,
        recorder: Recorder,
        detection: Detection,
        policy_of: Callable[[Deployment], Policy],
        leases: Leases,
        stopped: Callable[[str], bool],
        approvals: Approvals,
        breaker: Breaker,
        found: Callable[[Sequence[Finding]], None],
        stop: Callable[[str, str], None],
        noted: Callable[[Deployment, Event, Decision | None], None] = lambda *_: None,
        guard: Callable[[Action], list[Finding]] = lambda action: [],
        registered: Callable[[str], bool] = lambda name: True,
        worker: Worker | None = None,
        seconds: float = DECISION_SECONDS,
    ) -> None:
        self._recorder = recorder
        self._found = found
        self._stop = stop
        self._noted = noted
        self._worker = worker
        self._seconds = seconds
        self._sessions = Sessions(detection, guard, breaker, registered, found)
        self._judge = Judge(
            sessions=self._sessions, policy_of=policy_of, leases=leases, stopped=stopped,
            approvals=approvals, breaker=breaker,
        )  # fmt: skip
        self.straight = Straight(self, recorder, worker, found, noted, stop, seconds)
        """For threads that decide in the deciding one's place."""
        self._catching = False
        self._waited_for = 0
        self.asked_at = float("-inf")
        """When the latest of them began, by the monotonic clock."""

    @property
    def waited_for(self) -> int:
        """Decisions and observations under way, for which somebody waits."""
        return self._waited_for + len(self.straight.under_way)

    async def observe(
        self,
        deployment: Deployment,
        events: Sequence[Event],
        told: Callable[[], None] | None = None,
    ) -> None:
        """Record what happened; nothing is decided. Durable when it returns.

        Args:
            deployment: whose it is.
            events: in order.
            told: is called in the deciding thread as soon as they are durable, and before
                this returns, but not where that is not to be had at once, or when it is late.

        Raises:
            RoguewatchError: it could not be recorded.
        """

        booked, findings = events, list[Finding]()
        self._waited_for += 1
        self.asked_at = time.monotonic()
        try:
            try:
                booked, findings, submitted = await self._work(
                    lambda waiting: self.look(deployment, events, waiting, told)
                )
            except TimeoutError:
                self._sessions.unlearn(events)
                submitted = self._recorder.submit(events)
            await self._recorder.durable(booked, submitted)
        except BaseException:
            self._sessions.unlearn(booked)
            raise
        finally:
            self._waited_for -= 1
        if booked:
            self._noted(deployment, booked[0], None)
        if findings:
            self._found(findings)

    def look(
        self,
        deployment: Deployment,
        events: Sequence[Event],
        waiting: Awaited | None,
        told: Callable[[], None] | None = None,
    ) -> Observed:
        """Record events, unless nobody waits any more, and look at them. `told`: see `observe`."""
        booked: Sequence[Event] = events
        findings: list[Finding] = []
        try:
            booked, findings = self._booked(deployment, events)
        except Exception:  # what cannot be looked at must still be recorded
            self._sessions.unlearn(booked)
        if _gone(waiting):
            raise TimeoutError
        submitted = self._recorder.commit(booked)
        if told is not None and waiting is not None and _durable(submitted) and waiting.take():
            told()
        try:  # before anything that is decided later
            for event in booked:
                findings += self._sessions.look(deployment.name, event)[1]
        except Exception:
            findings = []
            self._sessions.unlearn(booked)
        return booked, findings, submitted

    def unlearn(self, events: Sequence[Event]) -> None:
        """Nothing of these events is to be known, since they are not in the record."""
        self._sessions.unlearn(events)

    def unrecorded(self, deployment: Deployment, ruled: Ruled, error: Exception) -> Ruling:
        """The ruling for want of a record: no record, no consent."""
        self._sessions.unlearn(ruled.events)
        decision = failed(deployment, f"{type(error).__name__} while recording")
        decision = strictest(ruled.decision, decision)
        return Ruling(decision=decision, findings=ruled.findings, recorded=False)

    def _booked(
        self, deployment: Deployment, events: Sequence[Event]
    ) -> tuple[list[Event], list[Finding]]:
        """The events in sessions that are the deployment's own, with what is to be said of
        those that named another's."""
        booked, findings = [], []
        for event in events:
            named = event.session
            if owner := self._sessions.foreign(deployment.name, named):
                event = apart(deployment.name, event)
                findings.append(named_anothers(deployment.name, owner, event, named))
            booked.append(event)
        return booked, findings

    def apart(
        self, deployment: Deployment, events: Sequence[Event]
    ) -> tuple[list[Event], list[Finding]]:
        """Events that nobody waits for, in sessions that are not known to be another
        deployment's, with what is to be said of those that were in one."""
        owners = {name: self._sessions.owner(name) for name in {one.session for one in events}}
        foreign = {name for name, owner in owners.items() if owner not in ("", deployment.name)}
        if not foreign:
            return list(events), []
        booked: list[Event] = []
        found: dict[str, Finding] = {}
        for event in events:
            named = event.session
            if named in foreign:
                event = apart(deployment.name, event)
                if named not in found:
                    owner = owners[named]
                    found[named] = named_anothers(deployment.name, owner, event, named)
            booked.append(event)
        return booked, list(found.values())

    def overhear(self, deployment: Deployment, event: Event) -> bool:
        """Look at an event that is durable already and that nobody waits for, when there is
        time; where there is too much, its session is one for `catch_up`. False: it will not
        be looked at."""

        number = self._sessions.heard = self._sessions.heard + 1

        def look() -> bool:
            try:
                findings = self._sessions.overhear(deployment.name, event, number)
            except Exception:  # whatever it is, the session's next action begins anew
                self._sessions.unlearn([event])
                return False
            if findings:
                self._found(findings)
            return findings is None

        if self._worker is None:
            return False
        if self._sessions.missed(event.session):
            return True
        return self._worker.later(look) or self._sessions.miss(event.session)

    def behind(self) -> bool:
        """Whether there are sessions of which something was not looked at."""
        return self._sessions.missed()

    def catch_up(self) -> None:
        """Have one such session looked at from the ledger, when there is time. Reading it may
        take the deciding thread some tens of milliseconds at a time."""
        if self._worker is not None and not self._catching and self.behind():
            self._catching = self._worker.later(self._look_again)

    def _look_again(self) -> bool:
        try:
            if self._sessions.catch_up():
                return True
        except Exception:  # as of a ledger that cannot be read: its next action begins anew
            self._sessions.give_up()
        self._catching = False
        return False

    async def decide(
        self,
        deployment: Deployment,
        event: Event,
        *,
        can_ask: bool = False,
        along: Sequence[Event] = (),
        told: Callable[[Decision], None] | None = None,
    ) -> Ruling:
        """Decide one action before it happens. Durable when it returns; never raises.

        Args:
            deployment: who acts.
            event: the action.
            can_ask: the agent's own client can put `ask` to its user; otherwise an
                unanswered question is a denial for now, and people find it in the queue.
            along: what came with the action and before it, to be seen before it is decided
                and recorded with it, in one commit.
            told: is given the decision in the deciding thread as soon as it is durable, and
                before this returns, but not where that is not to be had at once, where more
                than the answer follows from it, or when it is late.
        """
        question = self.question(deployment, event, along, can_ask=can_ask)
        self._waited_for += 1
        self.asked_at = time.monotonic()
        try:
            try:
                ruled = await self._work(lambda waiting: self.rule(question, waiting, told))
            except Exception as error:
                ruled = self.failed(question, error)
            return await self.recorded(deployment, ruled)
        finally:
            self._waited_for -= 1

    def question(
        self,
        deployment: Deployment,
        event: Event,
        along: Sequence[Event] = (),
        *,
        can_ask: bool = False,
    ) -> Question:
        """An action that is to be decided; see `decide`."""
        return Question(
            deployment, event, tuple(along),
            # A client that asks nobody (its user switched checks off) would just go on.
            can_ask=can_ask and mode_of(event.permission_mode) != "skip",
            started=time.perf_counter_ns(),
        )  # fmt: skip

    def failed(self, question: Question, error: Exception) -> Ruled:
        """The fail mode, for want of a decision; its record is begun."""
        judged = Judged(question, failed(question.deployment, while_deciding(error)))
        return judged.ruled(self._recorder.submit)

    def rule(
        self,
        question: Question,
        waiting: Awaited | None,
        told: Callable[[Decision], None] | None = None,
    ) -> Ruled:
        """See, judge and begin to record, unless nobody waits any more."""
        try:
            judged = self._judged(question, waiting)
        except Exception as error:  # whatever fails, the answer is the fail mode
            judged = Judged(question, failed(question.deployment, while_deciding(error)))
        if _gone(waiting):  # the fail mode was answered and recorded already
            raise TimeoutError
        ruled = judged.ruled(self._recorder.commit)
        plain = not ruled.decision.stops  # else the stop comes before the answer
        if told is not None and waiting is not None and plain and ruled.durable():
            if not waiting.take():
                raise TimeoutError
            told(ruled.decision)
        return ruled

    def _judged(self, question: Question, waiting: Awaited | None) -> Judged:
        deployment, event, along = question.deployment, question.event, question.along
        findings: list[Finding] = []
        owner = self._sessions.foreign(deployment.name, event.session)
        if owner:
            named = event.session
            event = apart(deployment.name, event)
            along = tuple(apart(deployment.name, one) for one in along)
            question = msgspec.structs.replace(question, event=event, along=along)
            findings.append(named_anothers(deployment.name, owner, event, named))
        for one in along:
            findings += self._sessions.look(deployment.name, one)[1]
        action, own = self._sessions.look(deployment.name, event)
        findings += own
        if _gone(waiting):
            raise TimeoutError
        if owner:
            said = (f"the session belongs to {owner}",)
            decision = Decision(outcome="deny", ground="session", errors=said)
            return Judged(question, decision, findings=tuple(findings))
        action, own = self._sessions.asked_about(action, own)
        decision, approval = self._judge.judge(deployment, action, own)
        return Judged(question, decision, approval, tuple(findings))

    async def recorded(self, deployment: Deployment, ruled: Ruled) -> Ruling:
        """The ruling once its record is durable, or the one for want of a record."""
        decision, event, findings = ruled.decision, ruled.event, ruled.findings
        try:
            if ruled.submitted.done():  # in the deciding thread
                await self._recorder.durable(ruled.events, ruled.submitted)
            else:
                async with asyncio.timeout(RECORD_SECONDS):
                    await self._recorder.durable(ruled.events, ruled.submitted)
        except Exception as error:
            ruling = self.unrecorded(deployment, ruled, error)
            self._noted(deployment, event, ruling.decision)
            return ruling
        self._noted(deployment, event, decision)
        if findings:
            self._found(findings)
        if decision.stops == "deployment" and decision.ground != "stop":
            self._stop(deployment.name, f"{decision.ground} demanded a stop")
        return Ruling(decision=decision, approval=ruled.approval, findings=findings)

    async def _work(self, work: Callable[[Awaited | None], T]) -> T:
        if self._worker is None:
            return work(None)
        return await self._worker.run(work, self._seconds)


def _durable(submitted: Future[Any]) -> bool:
    """Whether what was submitted is durable already."""
    return submitted.done() and submitted.exception() is None


def _gone(waiting: Awaited | None) -> bool:
    """Whether nobody waits any more."""
    return waiting is not None and waiting.gone()
