"""The judge: what is decided of one action.

Stop, session and lease first, then policy with what detection found, then approval and
breaker (design, Control). The order is the point: nothing that comes later can make good
what an earlier one refuses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import msgspec

from roguewatch.control.approvals import Approval, Approvals
from roguewatch.control.breaker import Breaker, attempt
from roguewatch.control.circumstances import (
    Circumstances,
    action_of,
    asks_model,
    principal_of,
    toolset_of,
)
from roguewatch.control.decision import Decision
from roguewatch.control.leases import Leases
from roguewatch.control.policy import Policy
from roguewatch.control.ruling import failed, shown
from roguewatch.control.session import Sessions
from roguewatch.control.situation import Request
from roguewatch.detect.action import Action
from roguewatch.errors import RoguewatchError
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment

HUMAN_PRESENT_SECONDS = 600
"""A person who spoke in the session this recently counts as present."""


class Judge:
    """Decides single actions of any deployment. Only the deciding thread may call it.

    Args:
        sessions: what is remembered of them.
        policy_of: the policy in force for a deployment; raises where it has none.
        leases: who may act at all.
        stopped: whether a stop is open for a deployment.
        approvals: the queue of questions to people.
        breaker: who tries too often.
    """

    def __init__(
        self,
        *,
        sessions: Sessions,
        policy_of: Callable[[Deployment], Policy],
        leases: Leases,
        stopped: Callable[[str], bool],
        approvals: Approvals,
        breaker: Breaker,
    ) -> None:
        self._sessions = sessions
        self._policy_of = policy_of
        self._leases = leases
        self._stopped = stopped
        self._approvals = approvals
        self._breaker = breaker

    def judge(
        self, deployment: Deployment, action: Action, findings: Sequence[Finding]
    ) -> tuple[Decision, Approval | None]:
        """The decision, and the question that was put to people where it is `ask`.

        Args:
            deployment: who acts.
            action: what it is about to do.
            findings: what this action showed.
        """
        event = action.event
        # What this event showed of another session is kept, and is nothing that this one did.
        findings = [one for one in findings if one.session == event.session]
        if self._stopped(deployment.name):
            return Decision(outcome="stop", ground="stop", stops="deployment"), None
        if deployment.name in self._sessions.known(event.session).blocked:
            return Decision(outcome="stop", ground="breaker", stops="session"), None
        if self._leases.ending(deployment.name):
            consent = self._leases.renew(deployment.name, deployment.lease_seconds)
            if not consent.given:
                return Decision(outcome="deny", ground="lease", errors=consent.objections), None
        try:
            policy = self._policy_of(deployment)
        except RoguewatchError as error:
            return failed(deployment, str(error)), None
        request = self._request(deployment, action, findings)
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
            decision = self._broken(deployment, action, findings, decision)
        return decision, approval

    def _broken(
        self,
        deployment: Deployment,
        action: Action,
        findings: Sequence[Finding],
        decision: Decision,
    ) -> Decision:
        """The denial, or the stop that it is one too many for."""
        event, tried = action.event, attempt(action, findings)
        breaks = self._breaker.denied(deployment.name, event.session, tried)
        if not breaks:
            return decision
        self._sessions.known(event.session).blocked.add(deployment.name)
        return msgspec.structs.replace(decision, outcome="stop", ground="breaker", stops=breaks)

    def _request(
        self, deployment: Deployment, action: Action, findings: Sequence[Finding]
    ) -> Request:
        event, name, now = action.event, deployment.name, time.time_ns()
        session = self._sessions.known(event.session)
        since_human = (event.time or now) - session.human.get(name, 0)
        return Request(
            principal=principal_of(deployment, now),
            action=action_of(action),
            tool=event.tool or (event.model if asks_model(event) else "") or event.kind,
            toolset=toolset_of(event.tool),
            situation=Circumstances(
                action,
                findings,
                session_behaviours=tuple(sorted(session.behaviours)),
                session_level=session.level,
                human_present=0 <= since_human < HUMAN_PRESENT_SECONDS * 10**9,
                lease_seconds=lambda: int(self._leases.remaining(name)),
                denials=lambda: self._breaker.denials(
                    name, event.session, attempt(action, findings)
                ),
            ),
        )
