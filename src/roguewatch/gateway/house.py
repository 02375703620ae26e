"""One open store with everything that a gate needs, assembled."""

from __future__ import annotations

import asyncio
import queue
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from roguewatch.control.approvals import Approvals
from roguewatch.control.breaker import Breaker
from roguewatch.control.gate import Gate
from roguewatch.control.leases import Leases
from roguewatch.detect.engine import Engine
from roguewatch.errors import RoguewatchError
from roguewatch.events import Event, Origin, event_id
from roguewatch.findings import Finding
from roguewatch.gateway.live import LiveDetection
from roguewatch.gateway.policies import Policies
from roguewatch.gateway.register import LiveRegister
from roguewatch.ledger.group import GroupCommit
from roguewatch.ledger.ledger import Ledger
from roguewatch.printable import printable
from roguewatch.state.database import connect
from roguewatch.state.findings import Findings
from roguewatch.state.register import Register


class House:
    """The ledger's one writer, the rules, the policies, the leases, the register.

    Args:
        store: the store's folder.
        rules: folders of rules besides the pack.
        disabled: rules switched off, with reasons.

    Raises:
        RoguewatchError: a part cannot be opened; nothing is served then.
    """

    def __init__(
        self, store: Path, rules: Sequence[Path] = (), disabled: Mapping[str, str] = {}
    ) -> None:
        self.store = store
        self.ledger = Ledger.open(store)
        try:
            self.state = connect(store)
            self.register = Register(self.state)
            self.live_register = LiveRegister(self.state)
            self.approvals = Approvals(self.state)
            self.policies = Policies(self.complain)
            self.detection = LiveDetection(lambda: Engine.load(rules, disabled), self.ledger)
        except BaseException:
            self.ledger.close()
            raise
        self.commit = GroupCommit(self.ledger)
        self.leases = Leases([self._open_stop, self._owner_gone])
        self.complaints: list[str] = []
        self._keeping: queue.SimpleQueue[Sequence[Finding] | None] = queue.SimpleQueue()
        self._keeper = threading.Thread(target=self._keep_findings, daemon=True)
        self._keeper.start()
        self.gate = Gate(
            record=self.record,
            engine=self.detection,
            policy_of=self.policies.of,
            leases=self.leases,
            stopped=self.live_register.stopped,
            approvals=self.approvals,
            breaker=Breaker(),
            found=self._keeping.put,
            stop=self.stop,
        )

    async def record(self, events: Sequence[Event]) -> None:
        """Make events durable; raises where that fails."""
        await asyncio.wrap_future(self.commit.submit(events))

    def stop(self, deployment: str, reason: str) -> None:
        """Deny everything to a deployment from now on, and revoke its keys and lease."""
        if not self.live_register.stopped(deployment):
            self.register.open_stop(deployment, reason, "gate")
        self.register.revoke_tokens(deployment)
        self.leases.revoke(deployment)

    def complain(self, message: str) -> None:
        """Say loudly that something is wrong: on stderr, in the status, in the ledger."""
        line = printable(message, 2000)
        self.complaints.append(line)
        del self.complaints[:-100]
        print(f"roguewatch gate: {line}", file=sys.stderr, flush=True)
        now = time.time_ns()
        event = Event(
            id=event_id("gate", "complaint", now, line),
            session="roguewatch-gate",
            seq=now // 1000,
            kind="config_change",
            surface="roguewatch",
            sighting="host",
            time=now,
            text=line,
            origin=Origin(file="gate", offset=0),
        )
        self.commit.submit([event])

    def close(self) -> None:
        """Commit what is queued and close everything."""
        self.commit.close()
        self._keeping.put(None)
        self._keeper.join()
        self.live_register.close()
        self.ledger.close()
        self.state.dispose()

    def _open_stop(self, deployment: str) -> str:
        return "a stop is open" if self.live_register.stopped(deployment) else ""

    def _owner_gone(self, deployment: str) -> str:
        entry = self.live_register.get(deployment)
        if entry is None:
            return "not in the register"
        if entry.expires is not None and entry.expires <= time.time_ns():
            return "its entry in the register has expired"
        return ""

    def _keep_findings(self) -> None:
        findings = Findings(self.state)
        while (batch := self._keeping.get()) is not None:
            try:
                findings.record(batch)
            except RoguewatchError as error:
                # The evidence is in the ledger; the next assessment finds it again.
                print(f"roguewatch gate: findings not kept: {error}", file=sys.stderr, flush=True)
