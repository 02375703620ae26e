"""What the gate rules, and the record of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from roguewatch.control.approvals import Approval
from roguewatch.control.decision import Decision
from roguewatch.detect.action import Action
from roguewatch.events import Event, event_id
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate answers, and what goes with it."""

    decision: Decision
    approval: Approval | None = None
    """The question that was put to people, where the outcome is `ask`."""
    findings: tuple[Finding, ...] = ()
    """For control and the record; never for the agent."""
    recorded: bool = True


class Question(msgspec.Struct, frozen=True):
    """An action that is to be decided."""

    deployment: Deployment
    event: Event
    along: tuple[Event, ...] = ()
    """What came with it and before it."""
    can_ask: bool = False
    started: int = 0
    """`perf_counter_ns` when it was asked."""


class Judged(msgspec.Struct, frozen=True):
    """A question with its decision."""

    question: Question
    decision: Decision
    approval: Approval | None = None
    findings: tuple[Finding, ...] = ()

    def ruled(self, record: Callable[[Sequence[Event]], Future[Any]]) -> Ruled:
        """Begin to record it. Never raises: a record that cannot even be begun has failed."""
        question, decision = self.question, self.decision
        denied = decision.outcome == "ask" and not question.can_ask
        decision = msgspec.structs.replace(
            decision,
            outcome="deny" if denied else decision.outcome,
            nanoseconds=time.perf_counter_ns() - question.started,
        )
        decided = decision_event(question.deployment, question.event, decision, self.approval)
        events = [*question.along, question.event, decided]
        try:
            submitted = record(events)
        except Exception as error:
            submitted = Future()
            submitted.set_exception(error)
        return Ruled(question.event, decision, self.approval, self.findings, events, submitted)


class Ruled(msgspec.Struct, frozen=True):
    """A ruling on its way into the record."""

    event: Event
    decision: Decision
    approval: Approval | None
    findings: tuple[Finding, ...]
    events: list[Event]
    submitted: Future[Any]

    def durable(self) -> bool:
        """Whether it is in the record already."""
        return self.submitted.done() and self.submitted.exception() is None


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
    """The exact action in one line, as an approver sees it: what was given and where, and what
    would run where that reads differently. Of a long one the middle is left out, and how much."""
    event = action.event
    scripts = [text for text, _ in action.scripts]
    given = scripts[0] if len(scripts) == 1 else event.arguments
    said = f"{event.tool}: {_ends(given, 2_400)}"
    if len(scripts) == 1:
        more = {name: value for name, value in action.arguments.items() if value != given}
        said += f"  with {_ends(msgspec.json.encode(more).decode(), 400)}" if more else ""
    said += f"  in {event.cwd}" if event.cwd else ""
    runs = "; ".join(" ".join((*one.via, one.text)) for one in action.commands)
    return f"{said}  which runs: {_ends(runs, 800)}" if runs not in ("", given.strip()) else said


def _ends(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]} [… {len(text) - 2 * half} characters not shown …] {text[-half:]}"


def while_deciding(error: Exception) -> str:
    """What the record says of a decision that failed."""
    return f"{type(error).__name__} while deciding: {error}"


def failed(deployment: Deployment, why: str) -> Decision:
    """The deployment's fail mode as a decision."""
    return Decision(
        outcome="allow" if deployment.fail_mode == "open" else "deny",
        ground="fail-mode",
        errors=(why,),
    )
