"""One open store with everything that a gate needs, assembled."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.control.approvals import Approvals
from roguewatch.control.breaker import Breaker
from roguewatch.control.decision import Decision
from roguewatch.control.gate import DECISION_SECONDS, Gate
from roguewatch.control.guard import Guard
from roguewatch.control.leases import Clock, Leases
from roguewatch.control.worker import Worker
from roguewatch.detect.action import Action
from roguewatch.detect.engine import Engine
from roguewatch.errors import LedgerError, RoguewatchError
from roguewatch.events import Event, Origin, event_id
from roguewatch.findings import Finding
from roguewatch.gateway.keeping import Keeper
from roguewatch.gateway.live import LiveDetection
from roguewatch.gateway.policies import Policies
from roguewatch.gateway.refusals import Refusals
from roguewatch.gateway.register import LiveRegister
from roguewatch.ledger.group import GroupCommit
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register

SESSION = "roguewatch-gate"
"""The session of the gate's own events."""

HANGS_SECONDS = 10.0
CROWDED_SECONDS = 0.1


class House:
    """The ledger's one writer, the rules, the policies, the leases, the register.

    Args:
        store: the store's folder.
        rules: folders of rules besides the pack.
        disabled: rules switched off, with reasons.
        clock: the clocks that leases go by.
        seconds: deadline of a decision.

    Raises:
        RoguewatchError: a part cannot be opened; nothing is served then.
    """

    def __init__(
        self,
        store: Path,
        rules: Sequence[Path] = (),
        disabled: Mapping[str, str] = {},
        *,
        clock: Clock | None = None,
        seconds: float = DECISION_SECONDS,
    ) -> None:
        self.store = store
        self.rules = tuple(rules)
        self.disabled = dict(disabled)
        self.ledger = Ledger.open(store)
        reserving = threading.Thread(target=self._reserve, name="reserve")
        try:
            reserving.start()  # while rules are loaded, which waits for no disk
            self.state = connect(store)
            self.register = Register(self.state)
            self.live_register = LiveRegister(self.state)
            self.approvals = Approvals(self.state)
            self.policies = Policies(self.complain, self.changed)
            # Read over a connection of its own: the writer's is held while a commit is synced,
            # and every session that is new would wait for that twice.
            self._past = Ledger.open(store, readonly=True)
            self.detection = LiveDetection(self.load(), self._past)
        except BaseException:
            self.ledger.close()
            raise
        self.started = time.time_ns()
        self.admin_token = ""
        self.listen = ""
        """`HOST:PORT`, once it is served."""
        self.guard = Guard()
        self.group = GroupCommit(self.ledger)
        self.leases = Leases([self._open_stop, self._owner_gone, self._unwell], clock)
        self.refusals = Refusals()
        self.complaints: deque[tuple[int, str]] = deque(maxlen=100)
        self.outcomes: dict[str, dict[str, int]] = {}
        self.last_seen: dict[str, dict[str, int]] = {}
        self.rehearsals: set[str] = set()
        """Canaries on their way to the model relay, which answers each itself, once."""
        self.telemetry_at = float("-inf")
        """When telemetry was last handed to the ledger, by the monotonic clock."""
        self.worker = Worker(self.crowded)
        self.watchers: list[Callable[[Sequence[Event]], None]] = []
        """Are told, on the event loop, of events that have become durable."""
        self._unrecorded = ""
        self._failed, self._failed_at = "", 0.0
        self._keeper = Keeper(self.state)
        self.gate = self._gate(seconds)

    def _gate(self, seconds: float) -> Gate:
        return Gate(
            recorder=self,
            detection=self.detection,
            policy_of=self.policies.of,
            leases=self.leases,
            stopped=self.live_register.stopped,
            approvals=self.approvals,
            breaker=Breaker(),
            found=self.found,
            stop=self.stop,
            noted=self.noted,
            guard=self._look,
            registered=lambda name: self.live_register.get(name) is not None,
            worker=self.worker,
            seconds=seconds,
        )

    def load(self) -> Engine:
        """The rules as they are now. Raises where they cannot be used."""
        return Engine.load(self.rules, self.disabled)

    def warm(self) -> None:
        """Have the rules built out when there is time (`Engine.warm`)."""
        steps = self.detection.warming()

        def build() -> bool:
            try:
                return next(steps, True) is None
            except Exception:  # whatever it is, an event that meets it tells
                return False

        self.worker.later(build)

    async def record(self, events: Sequence[Event]) -> None:
        """Make events durable; raises where that fails."""
        await self.durable(events, self.submit(events))

    def submit(self, events: Sequence[Event], *, patient: bool = False) -> Future[Any]:
        """Begin to make events durable; `patient` ones after all others."""
        return self.group.submit(events, patient=patient)

    def commit(self, events: Sequence[Event]) -> Future[Any]:
        """The same, in the deciding thread: at once where no other work waits for it."""
        if self.worker.waited_for():
            return self.group.submit(events)
        return self.group.commit(events)

    async def durable(self, events: Sequence[Event], submitted: Future[Any]) -> None:
        """Wait until events are durable; raises where they could not be made so."""
        try:
            if not submitted.done():
                await _ended(submitted)
            submitted.result()
        except Exception as error:
            self._failed_to_record(error)
            raise
        self._unrecorded = ""
        # After the answer, for which somebody waits.
        asyncio.get_running_loop().call_soon(self._tell, events)

    def settle(
        self, events: Sequence[Event], submitted: Future[Any], seconds: float
    ) -> Callable[[], None]:
        """Wait until events are durable, in a thread that may wait; raises where they could not
        be made so in time. Returns what is to be done on the event loop then."""
        try:
            submitted.result(seconds)
        except Exception as error:
            self._failed_to_record(error)
            raise
        self._unrecorded = ""
        return partial(self._tell, events)

    def _failed_to_record(self, error: Exception) -> None:
        if not self._unrecorded:
            print(f"roguewatch gate: nothing can be recorded, so nothing is allowed: "
                  f"{printable(str(error), 500)}", file=sys.stderr, flush=True)  # fmt: skip
        self._unrecorded = type(error).__name__

    def _tell(self, events: Sequence[Event]) -> None:
        for watcher in self.watchers:
            watcher(events)

    async def reload(self) -> str:
        """Put the rules and policies of now in force. Returns why not, where they are
        refused and the old ones stay."""
        self.policies.check_again()
        try:
            engine = await asyncio.to_thread(lambda: self.load().warm())
            await self.worker.run(lambda _: self.detection.exchange(lambda: engine), HANGS_SECONDS)
        except (RoguewatchError, OSError, TimeoutError) as error:
            self.complain(f"the new rules are refused, the old ones kept: {error}")
            return printable(str(error), 2000)
        self.changed(
            f"rules reloaded: {len(engine.rules.rules)} rules, "
            f"{len(engine.rules.correlations)} correlations"
        )
        return ""

    def stop(self, deployment: str, reason: str) -> None:
        """Deny everything to a deployment from now on; revoke its lease and its keys.

        Its hooks' tokens stay valid: with them it is told that it has been stopped, which
        blocks more agents than a refusal does.
        """
        if not self.live_register.stopped(deployment):
            self.register.open_stop(deployment, reason, "gate")
            self.live_register.refresh()
        self.register.revoke_tokens(deployment, "relay")
        self.leases.revoke(deployment)
        self.complain(f"deployment {deployment} was stopped: {reason}")

    def complain(self, message: str) -> None:
        """Say loudly that something is wrong: on stderr, in the status, in the ledger."""
        line = printable(message, 2000)
        self.complaints.append((time.time_ns(), line))
        print(f"roguewatch gate: {line}", file=sys.stderr, flush=True)
        self.changed(line, kind="gap")

    def changed(self, line: str, kind: Any = "config_change") -> None:
        """Put a change of what the gate stands on into the record."""
        group = getattr(self, "group", None)
        if group is not None:
            group.submit([own_event(kind, line)])

    def found(self, findings: Sequence[Finding]) -> None:
        """Keep findings of our own."""
        self._keeper.keep(findings)

    def noted(self, deployment: Deployment, event: Event, decision: Decision | None) -> None:
        """Note what has come in: the source was heard, and what was decided."""
        self.seen(deployment, event.sighting)
        if decision is not None:
            self._decided(deployment, decision)

    def seen(self, deployment: Deployment, source: str) -> None:
        """Note that a source has just been heard of a deployment."""
        self.last_seen.setdefault(deployment.name, {})[source] = time.time_ns()

    def _decided(self, deployment: Deployment, decision: Decision) -> None:
        counts = self.outcomes.setdefault(deployment.name, {})
        counts[decision.outcome] = counts.get(decision.outcome, 0) + 1
        if decision.ground == "fail-mode":
            counts["fail-mode"] = counts.get("fail-mode", 0) + 1
            self._failing("; ".join(decision.errors), deployment)

    def _failing(self, error: str, deployment: Deployment) -> None:
        """Complain of decisions that could not be made, but not of each."""
        now = time.monotonic()
        if error != self._failed or now - self._failed_at > 60:
            self._failed, self._failed_at = error, now
            self.complain(f"{deployment.name}: fail mode ({deployment.fail_mode}): {error}")

    def crowded(self) -> bool:
        """Whether so much is being recorded that looking at telemetry should wait; also in
        the moments between its commits."""
        return self.group.crowded() or time.monotonic() - self.telemetry_at < CROWDED_SECONDS

    def well(self) -> bool:
        """Whether decisions are made and recorded."""
        return not self._unrecorded and self.worker.busy_seconds() < HANGS_SECONDS

    def status(self) -> dict[str, Any]:
        """What `gate status` prints; no secrets."""
        deployments = []
        for entry in self.live_register.all():
            ending = self.leases.ending(entry.name)
            deployments.append(
                {
                    "deployment": entry.name,
                    "surface": entry.surface,
                    "policy": entry.policy,
                    "fail_mode": entry.fail_mode,
                    "can_fail_open": entry.can_fail_open,
                    "stopped": self.live_register.stopped(entry.name),
                    "lease": ending or "running",
                    "lease_seconds": round(self.leases.remaining(entry.name), 1),
                    "sources": list(entry.sources),
                    "last_seen": self.last_seen.get(entry.name, {}),
                    "decisions": self.outcomes.get(entry.name, {}),
                }
            )
        return {
            "started": self.started,
            "listen": self.listen,
            "well": self.well(),
            "unrecorded": self._unrecorded,
            "witness_error": printable(self.ledger.witness_error, 300),
            "seal_error": self.ledger.seal_error,
            "rules": len(self.detection.engine.rules.rules),
            "correlations": len(self.detection.engine.rules.correlations),
            "refused": self.refusals.total,
            "questions": len(self.approvals.queue()),
            "deployments": deployments,
            "complaints": [{"time": when, "text": line} for when, line in self.complaints],
        }

    def close(self) -> None:
        """Commit what is queued and close everything."""
        self.worker.close()
        self.group.close()
        self._keeper.close()
        self.live_register.close()
        self._past.close()
        self.ledger.close()
        self.state.dispose()

    def _reserve(self) -> None:
        with contextlib.suppress(LedgerError):  # closed, since something else failed
            self.ledger.reserve()

    def _look(self, action: Action) -> list[Finding]:
        return self.guard.look(action)

    def _open_stop(self, deployment: str) -> str:
        return "a stop is open" if self.live_register.stopped(deployment) else ""

    def _unwell(self, deployment: str) -> str:
        return "" if self.well() else "the gate cannot decide or record"

    def _owner_gone(self, deployment: str) -> str:
        entry = self.live_register.get(deployment)
        if entry is None:
            return "not in the register"
        if entry.expires is not None and entry.expires <= time.time_ns():
            return "its entry in the register has expired"
        return ""


async def _ended(submitted: Future[Any]) -> None:
    """Wait until a future of another thread is done, with less ado than `asyncio.wrap_future`
    makes about its result. Nobody waits any more: it is cancelled, if it has not begun."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Future[None] = loop.create_future()

    def done(_: Future[Any]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(_wake, waiting)

    submitted.add_done_callback(done)
    try:
        await waiting
    except asyncio.CancelledError:
        submitted.cancel()
        raise


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def own_event(kind: Any, text: str, detail: Mapping[str, Any] = {}) -> Event:
    """An event of the gate itself."""
    now = time.time_ns()
    return Event(
        id=event_id("gate", kind, now, text),
        session=SESSION,
        seq=now // 1000,
        kind=kind,
        surface="roguewatch",
        sighting="host",
        time=now,
        text=text,
        detail=msgspec.json.encode(detail).decode() if detail else "",
        origin=Origin(file="gate", offset=0),
    )
