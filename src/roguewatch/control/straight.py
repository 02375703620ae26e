"""The gate for threads of their own: each decides itself, in the deciding thread's place.

Who waits for an answer pays for every change of thread on its way. A thread that reads what is
asked can decide it, commit the record and answer without one. What an event loop must do is
handed back, to be done after the answer. The loop keeps the deadline: it takes what is late
from its thread, and answers in its place (`late`, `unlooked`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

from roguewatch.control.decision import Decision
from roguewatch.control.recorder import RECORD_SECONDS, After, Recorder
from roguewatch.control.ruling import Question, Ruling
from roguewatch.control.worker import Awaited, Worker
from roguewatch.events import Event
from roguewatch.findings import Finding
from roguewatch.state.register import Deployment

if TYPE_CHECKING:
    from roguewatch.control.gate import Gate


class Straight:
    """Decides and records in the calling thread.

    Args:
        gate: whose decisions these are.
        recorder: makes events durable.
        worker: whose place is taken; None: nobody's.
        found: is told of new findings, on the event loop.
        noted: is told there of every event that has come in.
        stop: is told to stop a deployment, before that is answered.
        seconds: deadline of a decision.
    """

    def __init__(
        self,
        gate: Gate,
        recorder: Recorder,
        worker: Worker | None,
        found: Callable[[Sequence[Finding]], None],
        noted: Callable[[Deployment, Event, Decision | None], None],
        stop: Callable[[str, str], None],
        seconds: float,
    ) -> None:
        self._gate = gate
        self._recorder = recorder
        self._worker = worker
        self._found = found
        self._noted = noted
        self._stop = stop
        self.seconds = seconds
        self.under_way: list[None] = []
        """One for each decision and observation under way."""

    def decide(self, question: Question, waiting: Awaited) -> tuple[Ruling, list[After]]:
        """As `Gate.decide`.

        Args:
            question: the action.
            waiting: gone when it was taken over, or is late.

        Returns:
            the ruling, and what is to be done on the event loop when the agent has it.

        Raises:
            Exception: it was taken over.
        """
        gate, deployment = self._gate, question.deployment
        try:
            with self._turn():
                ruled = gate.rule(question, waiting)
        except Exception as error:
            if waiting.taken():
                raise
            late = isinstance(error, TimeoutError)
            ruled = gate.failed(question, self._late() if late else error)
        event, decision = ruled.event, ruled.decision
        try:
            told = self._recorder.settle(ruled.events, ruled.submitted, RECORD_SECONDS)
        except Exception as error:
            ruling = gate.unrecorded(deployment, ruled, error)
            return ruling, [partial(self._noted, deployment, event, ruling.decision)]
        if decision.stops == "deployment" and decision.ground != "stop":
            self._stop(deployment.name, f"{decision.ground} demanded a stop")
        after: list[After] = [told, partial(self._noted, deployment, event, decision)]
        if ruled.findings:
            after.append(partial(self._found, ruled.findings))
        return Ruling(decision=decision, approval=ruled.approval, findings=ruled.findings), after

    def observe(
        self, deployment: Deployment, events: Sequence[Event], waiting: Awaited
    ) -> list[After]:
        """As `Gate.observe`.

        Args:
            deployment: whose they are.
            events: what happened.
            waiting: gone when it was taken over, or is late.

        Returns:
            what is to be done on the event loop when the one who waits has the answer.

        Raises:
            Exception: they could not be recorded, or it was taken over.
        """
        gate, booked, findings = self._gate, events, list[Finding]()
        try:
            try:
                with self._turn():
                    booked, findings, submitted = gate.look(deployment, events, waiting)
            except TimeoutError:
                if waiting.taken():
                    raise
                gate.unlearn(events)
                submitted = self._recorder.submit(events)
            after = [self._recorder.settle(booked, submitted, RECORD_SECONDS)]
        except BaseException:
            gate.unlearn(booked)
            raise
        if booked:
            after.append(partial(self._noted, deployment, booked[0], None))
        if findings:
            after.append(partial(self._found, findings))
        return after

    async def late(self, question: Question) -> Ruling:
        """The fail mode, for want of a decision in time. Durable when it returns."""
        failed = self._gate.failed(question, self._late())
        return await self._gate.recorded(question.deployment, failed)

    async def unlooked(self, deployment: Deployment, events: Sequence[Event]) -> None:
        """Record what there was no time to look at. Durable when it returns."""
        self._gate.unlearn(events)
        await self._recorder.durable(events, self._recorder.submit(events))
        if events:
            self._noted(deployment, events[0], None)

    def _late(self) -> TimeoutError:
        return TimeoutError(f"no decision within {self.seconds:g} s")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        self._gate.asked_at = time.monotonic()
        self.under_way.append(None)
        try:
            with self._worker.turn(self.seconds) if self._worker else nullcontext():
                yield
        finally:
            self.under_way.pop()
