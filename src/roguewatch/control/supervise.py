"""Supervise one contained run: registered, recorded, alive only while its lease runs."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from roguewatch.control.contain.egress import Attempt
from roguewatch.control.contain.outlet import Outlet
from roguewatch.control.contain.run import EGRESS_PORT, Contained, Inside
from roguewatch.control.contain.wall import Wall
from roguewatch.control.leases import Leases, Objector
from roguewatch.control.stop.adapters.contained import target_of
from roguewatch.control.stop.footprint import footprint
from roguewatch.control.watch.watch import ProcessWatch
from roguewatch.errors import ControlError, RoguewatchError
from roguewatch.events import Event, Origin, event_id
from roguewatch.findings import Finding
from roguewatch.printable import printable
from roguewatch.state.register import Register
from roguewatch.state.runs import Runs

GATE_PORT = 4780
"""Port on the inside's loopback that leads to the gate."""

LOOK_SECONDS = 0.1
KEY_SECONDS = 24 * 3600.0
"""Keys end with the run; this is for a supervisor that was killed before it could."""

KILLED_STATUS = 137
STOP_OPEN = "a stop is open"
STOPPER_SECONDS = 3.0
"""Longer than evidence may take to preserve (1 s), which killing first would destroy."""
LEAST_SILENCE = 5.0
"""A supervisor that says nothing for the length of the lease, and at least this long, hangs:
what it watches over ends by itself."""

Record = Callable[[Sequence[Event]], None]
"""Makes events durable; raises where that fails."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, and what it may have."""

    deployment: str
    command: tuple[str, ...]
    project: Path
    environment: Mapping[str, str] = {}
    readable: tuple[Path, ...] = ()
    hosts: tuple[str, ...] = ()
    processes: int = 512
    memory: int = 4 << 30


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    status: int
    """The command's exit status, as a shell would give it; 137 where it was killed."""
    killed: str = ""
    """Why it was killed; empty where it ended by itself."""
    survivors: tuple[int, ...] = ()
    unrecorded: str = ""
    """Why its end is not in the record; empty where it is."""


class Supervision:
    """One supervised run.

    Args:
        register: deployments, tokens and stops.
        runs: where the run is entered, so that a stop finds it.
        record: makes evidence durable. What cannot be recorded does not run.
        gate: the gate's socket for agents, where one runs.
        consents: who else must consent to the lease (a running gate).
        said: told which walls this machine cannot put up, before anything runs.
        found: told what the watch of its processes found. Where a gate runs, that watches.

    Raises:
        ControlError: a stop is open, the deployment is not registered or has expired, or
            a required wall is missing.
    """

    def __init__(
        self,
        register: Register,
        runs: Runs,
        record: Record,
        *,
        gate: Path | None = None,
        consents: Sequence[Objector] = (),
        said: Callable[[Wall], None] = lambda wall: None,
        found: Callable[[Sequence[Finding]], None] = lambda findings: None,
    ) -> None:
        self._register, self._runs, self._record = register, runs, record
        self._gate, self._said, self._found = gate, said, found
        self._leases = Leases([self._stop_open, self._invalid, *consents])
        self._count = 0
        self._counting = threading.Lock()

    def run(self, plan: Plan, **streams: object) -> Outcome:
        """Run the command to its end, or to that of its lease."""
        name = plan.deployment
        entry = self._register.get(name)
        seconds = entry.lease_seconds if entry else 0.0
        given = self._leases.renew(name, seconds)
        if not given.given:
            raise ControlError(f"{printable(name, 80)}: not run: {'; '.join(given.objections)}")
        before = msgspec.json.encode(footprint(Path.home(), plan.project)).decode()
        # Entered before it begins: a run that nobody knows of could not be stopped.
        run = self._runs.begin(name, "contained", "{}", footprint=before)
        token = self._register.issue_token(name, "relay", KEY_SECONDS)
        outlet: Outlet | None = None
        left = False
        watching = self._watching(run.id) if self._gate is None else None
        try:
            outlet = Outlet(
                plan.hosts, lambda attempt: self._attempted(run.id, attempt), self._gate
            )
            with Contained(self._inside(plan, outlet, token, seconds), **streams) as contained:
                self._runs.retarget(
                    run.id, target_of(contained.init_pid, tuple(contained.group.folders))
                )
                for wall in contained.walls:
                    if not wall.enforced:
                        self._said(wall)
                self._note(run.id, "process", f"started: {' '.join(plan.command)}",
                           {"deployment": name, "change": "start", "pid": contained.init_pid,
                            "walls": [msgspec.to_builtins(wall) for wall in contained.walls]})  # fmt: skip
                outcome = self._watch(contained, outlet, name, seconds, watching)
                left = bool(outcome.survivors)
            try:
                self._note(run.id, "process", outcome.killed or "ended",
                           {"deployment": name, "change": "exit", "status": outcome.status,
                            "survivors": list(outcome.survivors)})  # fmt: skip
            except RoguewatchError as error:
                # It is over; that its end is not in the record must be said, not hide it.
                outcome = msgspec.structs.replace(outcome, unrecorded=str(error))
        finally:
            if outlet is not None:
                outlet.close()
            if watching is not None:
                watching.close()
            self._register.revoke_token(token)
            if not left:  # else the next stop must still find it
                self._runs.end(run.id)
        return outcome

    def _watching(self, run: str) -> ProcessWatch:
        def tell(events: Sequence[Event], findings: Sequence[Finding]) -> None:
            self._record(events)
            self._found(findings)

        return ProcessWatch(self._runs, tell, Path.home(), only=run)

    def _watch(
        self, contained: Contained, outlet: Outlet, name: str, seconds: float,
        watching: ProcessWatch | None,
    ) -> Outcome:  # fmt: skip
        renew_at = time.monotonic() + seconds / 3
        look_at = 0.0
        renewal = threading.Thread()
        while True:
            contained.beat()
            try:
                status = contained.wait(LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                status = None
            if status is not None:
                # Killed from outside by a stop: the status alone would not tell.
                return Outcome(status=status, killed=self._objection(self._stop_open, name))
            if watching is not None and time.monotonic() >= look_at:
                watching.look()
                look_at = time.monotonic() + watching.rest
            why = self._objection(self._stop_open, name)
            if not why and time.monotonic() >= renew_at and not renewal.is_alive():
                # Asked aside: a gate that hangs must not hold up the end of the lease.
                renewal = threading.Thread(
                    target=self._leases.renew, args=(name, seconds), daemon=True
                )
                renewal.start()
                renew_at = time.monotonic() + seconds / 3
            why = why or self._objection(self._invalid, name)
            if not why and (ending := self._leases.ending(name)):
                why = f"its lease has ended: {ending}"
            if why:
                return self._end(contained, outlet, why)

    def _end(self, contained: Contained, outlet: Outlet, why: str) -> Outcome:
        outlet.cut()
        if why == STOP_OPEN:
            try:
                # Whoever stops preserves evidence first, and kills; this is the net below.
                status = contained.wait(STOPPER_SECONDS)
                return Outcome(status=status, killed=why)
            except subprocess.TimeoutExpired:
                why = f"{why}, and whoever opened it has not killed it"
        contained.freeze()
        contained.kill()
        left = contained.survivors()
        return Outcome(status=KILLED_STATUS, killed=why, survivors=tuple(sorted(left)))

    def _objection(self, objector: Objector, name: str) -> str:
        try:
            return objector(name)
        except RoguewatchError:
            # The register cannot be read now. Silence is no consent, but a lease that
            # was given runs to its end: renewal needs the register as well.
            return ""

    def _stop_open(self, name: str) -> str:
        return STOP_OPEN if self._register.stopped(name) else ""

    def _invalid(self, name: str) -> str:
        entry = self._register.get(name)
        if entry is None:
            return "it is not in the register; add it with: roguewatch register add"
        if entry.expires is not None and entry.expires <= time.time_ns():
            return "its entry in the register has expired"
        return ""

    def _inside(self, plan: Plan, outlet: Outlet, token: str, seconds: float) -> Inside:
        ports = {EGRESS_PORT: "egress"}
        keys = {}
        if self._gate is not None:
            ports[GATE_PORT] = "gate"
            base = f"http://127.0.0.1:{GATE_PORT}"
            keys = {
                "ROGUEWATCH_GATE": base,
                "OPENAI_BASE_URL": f"{base}/openai/v1", "OPENAI_API_KEY": token,
                "ANTHROPIC_BASE_URL": f"{base}/anthropic", "ANTHROPIC_API_KEY": token,
            }  # fmt: skip
        return Inside(
            deployment=plan.deployment,
            command=plan.command,
            project=plan.project,
            environment={**keys, **plan.environment},
            readable=plan.readable,
            sockets=outlet.sockets,
            ports=ports,
            processes=plan.processes,
            memory=plan.memory,
            silence=max(seconds, LEAST_SILENCE),
        )

    def _attempted(self, run: str, attempt: Attempt) -> None:
        said = "allowed" if attempt.allowed else f"refused: {attempt.reason}"
        self._note(
            run, "network", f"{attempt.host}:{attempt.port} {said}", msgspec.to_builtins(attempt)
        )

    def _note(
        self, run: str, kind: Literal["process", "network"], text: str, detail: object
    ) -> None:
        with self._counting:  # attempts come from the outlet's thread
            self._count += 1
            number = self._count
        now = time.time_ns()
        event = Event(
            id=event_id("supervise", run, number, kind, text), session=f"run-{run}", seq=number,
            kind=kind, surface="roguewatch", sighting="host", time=now,
            text=printable(text, 2000), detail=msgspec.json.encode(detail).decode(),
            origin=Origin(file=f"run-{run}", offset=number),
        )  # fmt: skip
        self._record([event])
