"""Kill a daemon under load, again and again, and hold its record to what it answered."""

from __future__ import annotations

import http.client
import json
import random
import signal
import threading
import time
from pathlib import Path

import msgspec

from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.ledger import Ledger
from tests.gateway.hooking import denies
from tests.gateway.relaying import Daemon, enrolled


class Outcome(msgspec.Struct):
    """What a run of kills showed."""

    kills: int = 0
    answered: int = 0
    lost: int = 0
    """Answered, but not in the record."""
    unrecorded: int = 0
    """Allowed, but no decision to allow it is in the record."""
    faults: int = 0


class _Load:
    """Agents that call hooks as fast as they are answered."""

    def __init__(self, token: str, workers: int) -> None:
        self.token = token
        self.listen = ""
        self.answers: dict[str, bool] = {}
        self.going = True
        self._threads = [
            threading.Thread(target=self._agent, args=(number,)) for number in range(workers)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.going = False
        for thread in self._threads:
            thread.join()

    def _agent(self, number: int) -> None:
        turn = 0
        connection: http.client.HTTPConnection | None = None
        at = ""
        while self.going:
            turn += 1
            call = f"a{number}-{turn}"
            before = turn % 3 != 0
            value = {
                "session_id": f"s{number}", "cwd": "/repo", "tool_use_id": call,
                "hook_event_name": "PreToolUse" if before else "PostToolUse", "tool_name": "Bash",
                "tool_input": {"command": f"echo {turn}"}, "tool_response": "done",
            }  # fmt: skip
            try:
                if connection is None or at != self.listen:
                    at = self.listen
                    host, _, port = at.rpartition(":")
                    connection = http.client.HTTPConnection(host, int(port or 0), timeout=10)
                headers = {"Authorization": f"Bearer {self.token}"}
                connection.request(
                    "POST", "/hooks/claude-code", json.dumps(value).encode(), headers
                )
                response = connection.getresponse()
                raw = response.read()
                if response.status == 200:
                    self.answers[call] = before and not denies(raw)
            except (OSError, http.client.HTTPException, ValueError):
                connection = None
                time.sleep(0.01)


def run(store: Path, kills: int, seed: int) -> Outcome:
    """Kill and start `kills` times; then compare answers and record."""
    chance = random.Random(seed)
    load = _Load(enrolled(store, "observe", "hook"), workers=4)
    outcome = Outcome()
    try:
        for _ in range(kills):
            gate = Daemon(store)
            load.listen = gate.ready["listen"]
            time.sleep(chance.uniform(0.05, 0.8))
            gate.stop(signal.SIGKILL)
            outcome.kills += 1
    finally:
        load.end()
    with Ledger.open(store) as ledger:
        seen, allowed = set(), set()
        for event in ledger.events():
            if event.kind in ("tool_call", "tool_result"):
                seen.add(event.call_id)
            elif event.kind == "decision" and event.text == "allow":
                allowed.add(event.call_id)
    outcome.answered = len(load.answers)
    outcome.lost = sum(call not in seen for call in load.answers)
    outcome.unrecorded = sum(call not in allowed for call, yes in load.answers.items() if yes)
    outcome.faults = len(fsck(store))
    return outcome
