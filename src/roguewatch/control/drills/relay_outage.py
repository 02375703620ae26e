"""The outage of an MCP relay: its client goes on calling, the server writes down what it did."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Any

from roguewatch.control.drills.drill import NOBODY
from roguewatch.control.drills.ground import Ground
from roguewatch.control.drills.outaged import Outage, Outaged
from roguewatch.control.drills.routine import Routine
from roguewatch.ledger.ledger import Ledger

READY_SECONDS = 30.0
BEFORE_CALLS = 5
AFTER_SECONDS = 5.0
PAUSE = 0.1
ANSWER_SECONDS = 2.0
"""After so long without an answer an agent's client shows that its tool does not answer."""

SERVER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}},
                  "serverInfo": {"name": "drill", "version": "1"}}
    elif asked.get("method") == "tools/list":
        result = {"tools": [{"name": "note", "inputSchema": {"type": "object"}}]}
    elif asked.get("method") == "tools/call":
        with open(sys.argv[1], "a") as done:
            done.write(str(asked["id"]) + chr(10))
        result = {"content": [{"type": "text", "text": "noted"}]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


class _Client:
    """An agent's client of one MCP server behind the relay."""

    def __init__(self, routine: Routine, ground: Ground, key: str) -> None:
        self.done = ground.workspace / "mcp.done"
        self.done.touch()
        server = ground.project / "mcp_server.py"
        server.write_text(SERVER)
        self.relay = subprocess.Popen(
            [sys.executable, "-m", "roguewatch", "gate", "mcp", "--store", str(routine.store),
             "--name", "drill", "--", ground.python, "-I", "-S", str(server), str(self.done)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "ROGUEWATCH_TOKEN": key}, start_new_session=True,
        )  # fmt: skip
        self.answers: dict[int, dict[str, Any]] = {}
        assert self.relay.stdout is not None
        threading.Thread(target=self._hear, args=(self.relay.stdout,), daemon=True).start()
        self._next = 0

    def ask(self, method: str, params: dict[str, Any], seconds: float) -> dict[str, Any] | None:
        """Send a request; its answer, or None where none came in time."""
        self._next += 1
        number = self._next
        body = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        assert self.relay.stdin is not None
        with contextlib.suppress(OSError):
            self.relay.stdin.write(json.dumps(body).encode() + b"\n")
            self.relay.stdin.flush()
        deadline = time.monotonic() + seconds
        while number not in self.answers and time.monotonic() < deadline:
            if self.relay.poll() is not None:
                break
            time.sleep(0.005)
        return self.answers.get(number)

    def call(self, seconds: float = ANSWER_SECONDS) -> bool:
        """Call the server's tool once; whether it answered."""
        answer = self.ask("tools/call", {"name": "note", "arguments": {}}, seconds)
        return answer is not None and "result" in answer

    def did(self) -> int:
        """How many calls the server has carried out, by its own account."""
        return len(self.done.read_text().split())

    def _hear(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                told = json.loads(line)
                if isinstance(told.get("id"), int):
                    self.answers[told["id"]] = told

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.relay.send_signal(signal.SIGCONT)
        self.relay.kill()
        self.relay.wait()
        for stream in (self.relay.stdin, self.relay.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def relay_outage(outage: Outage, routine: Routine, ground: Ground) -> Outaged:
    """Break the relay while a client calls through it, and count what the server still did."""
    client = _Client(routine, ground, routine.enter(ground, ground.workspace.name))
    try:
        info = {"name": "drill", "version": "1"}
        given: dict[str, Any] = {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": info,
        }
        if client.ask("initialize", given, READY_SECONDS) is None:
            return Outaged(route=outage.route, skipped="the relay did not start here")
        client.ask("tools/list", {}, READY_SECONDS)
        for _ in range(BEFORE_CALLS):
            client.call(READY_SECONDS)
        before, began = client.did(), time.monotonic()
        hangs = outage.route.endswith("hangs")
        client.relay.send_signal(signal.SIGSTOP if hangs else signal.SIGKILL)
        noticed: float | None = None
        asked = 0
        while time.monotonic() < began + AFTER_SECONDS:
            asked += 1
            if not client.call() and noticed is None:
                noticed = time.monotonic() - began
            time.sleep(PAUSE)
        done = client.did() - before
        recorded = _recorded(routine)
    finally:
        client.close()
    return Outaged(
        route=outage.route,
        noticed_by="the agent's client, whose tool gives no answer" if noticed else NOBODY,
        seconds_to_notice=noticed, seconds_to_dead=0.0 if not done else None,
        before=before, allowed=done, blocked=asked - done,
        unrecorded=max(0, before + done - recorded),
    )  # fmt: skip


def _recorded(routine: Routine) -> int:
    with Ledger.open(routine.store, create=False, readonly=True) as ledger:
        calls = ledger.events(kinds={"tool_call"})
        return sum(event.sighting == "mcp-relay" for event in calls)
