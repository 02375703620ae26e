"""Kill a daemon under load, again and again, and hold its record to what it answered.

Agents call hooks, tools through the MCP relay, a model through the model relay, and export
telemetry, all at once. Each request carries a mark of its own, which says afterwards what
became of it: in the answer, at the server behind the relay, in the record.
"""

from __future__ import annotations

import http.client
import json
import random
import re
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.ledger.fsck import fsck
from roguewatch.ledger.ledger import Ledger
from tests.gateway.hooking import denies
from tests.gateway.relaying import Daemon, enrolled

KINDS = ("hook", "hook", "mcp-relay", "model-relay", "otel")
"""What each agent speaks, by its sighting in the record."""

_MARK = re.compile(rb"mark-([a-z-]+)-(\d+)-(\d+);")


class Outcome(msgspec.Struct):
    """What a run of kills showed."""

    kills: int = 0
    answered: dict[str, int] = {}
    """Requests acknowledged, by what they were."""
    acted: int = 0
    """Requests that a server behind a relay got."""
    lost: int = 0
    """Answered, but not in the record."""
    unrecorded: int = 0
    """Allowed, or acted on, but no decision to allow it is in the record."""
    faults: int = 0


class Behind(ThreadingHTTPServer):
    """A tool's and a model's server; notes the marks of what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Behind)
        self.acted: set[bytes] = set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A relay that is killed cuts its connections: that is the point."""


class _Behind(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Behind

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        mark = mark_in(raw)
        self.server.acted.add(mark)
        text = mark.decode()
        if self.path.endswith("/mcp"):
            content = [{"type": "text", "text": text}]
            answer: dict[str, Any] = {
                "jsonrpc": "2.0", "id": json.loads(raw)["id"],
                "result": {"content": content, "isError": False, "resultType": "complete"},
            }  # fmt: skip
        else:
            message = {"role": "assistant", "content": text}
            answer = {
                "id": f"chatcmpl-{text[:-1]}", "object": "chat.completion", "created": 1,
                "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            }  # fmt: skip
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is printed."""


def mark_in(text: bytes) -> bytes:
    """The mark in a text; empty where it has none."""
    found = _MARK.search(text)
    return found.group() if found else b""


def _hook(mark: str, turn: int) -> tuple[str, dict[str, str], Any]:
    value = {
        "session_id": mark.rpartition("-")[0], "cwd": "/repo", "tool_use_id": mark[:-1],
        "hook_event_name": "PreToolUse" if turn % 3 else "PostToolUse", "tool_name": "Bash",
        "tool_input": {"command": f"echo '{mark}'"}, "tool_response": "done",
    }  # fmt: skip
    return "/hooks/claude-code", {}, value


def _tool(mark: str, turn: int) -> tuple[str, dict[str, str], Any]:
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "t", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    params = {"name": "echo", "arguments": {"text": mark}, "_meta": meta}
    headers = {
        "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "echo",
        "Accept": "application/json, text/event-stream",
    }  # fmt: skip
    value = {"jsonrpc": "2.0", "id": turn, "method": "tools/call", "params": params}
    return "/mcp/tools", headers, value


def _model(mark: str, turn: int) -> tuple[str, dict[str, str], Any]:
    messages = [{"role": "user", "content": f"say {mark}"}]
    return "/openai/v1/chat/completions", {}, {"model": "m", "messages": messages}


def _telemetry(mark: str, turn: int) -> tuple[str, dict[str, str], Any]:
    attributes = {
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "Bash",
        "gen_ai.tool.call.id": mark[:-1],
        "gen_ai.tool.call.arguments": json.dumps({"command": f"echo {mark}"}),
    }  # fmt: skip
    now = time.time_ns()
    span = {
        "traceId": f"{now:032x}", "spanId": f"{now % (1 << 62) + 1:016x}", "name": "execute_tool",
        "startTimeUnixNano": str(now), "endTimeUnixNano": str(now + 1),
        "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()],
    }  # fmt: skip
    return "/v1/traces", {}, {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


_REQUESTS = {"hook": _hook, "mcp-relay": _tool, "model-relay": _model, "otel": _telemetry}


class _Load:
    """Agents that ask as fast as they are answered."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.listen = ""
        self.answers: dict[bytes, bool] = {}
        """Marks of acknowledged requests, and whether that allowed an action."""
        self.bodies: dict[str, bytes] = {}
        """Marks by the digest of the body: of a model's request the record has only that."""
        self.going = True
        self._threads = [
            threading.Thread(target=self._agent, args=(kind, number))
            for number, kind in enumerate(KINDS)
        ]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self.going = False
        for thread in self._threads:
            thread.join()

    def _agent(self, kind: str, number: int) -> None:
        turn = 0
        connection: http.client.HTTPConnection | None = None
        at = ""
        while self.going:
            turn += 1
            mark = f"mark-{kind}-{number}-{turn};"
            path, headers, value = _REQUESTS[kind](mark, turn)
            headers |= {
                "Authorization": f"Bearer {self.token}", "Content-Type": "application/json",
            }  # fmt: skip
            try:
                if connection is None or at != self.listen:
                    at = self.listen
                    host, _, port = at.rpartition(":")
                    connection = http.client.HTTPConnection(host, int(port or 0), timeout=10)
                body = json.dumps(value).encode()
                self.bodies[sha256(body).hexdigest()] = mark.encode()
                connection.request("POST", path, body, headers)
                response = connection.getresponse()
                raw = response.read()
                if response.status == 200:
                    allowed = kind == "hook" and turn % 3 != 0 and not denies(raw)
                    self.answers[mark.encode()] = allowed
            except (OSError, http.client.HTTPException, ValueError):
                connection = None
                time.sleep(0.01)


@contextmanager
def _behind() -> Iterator[Behind]:
    server = Behind()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(store: Path, kills: int, seed: int) -> Outcome:
    """Kill and start `kills` times; then compare answers, servers and record."""
    chance = random.Random(seed)
    outcome = Outcome()
    token = enrolled(store, "observe", "all")
    keys = store / "keys"
    keys.write_text("OPENAI_API_KEY=sk-behind\n")
    keys.chmod(0o600)
    with _behind() as behind:
        at = f"http://127.0.0.1:{behind.server_port}"
        options = (
            "--openai-upstream",
            at,
            "--provider-keys",
            str(keys),
            "--mcp",
            f"tools={at}/mcp",
        )
        load = _Load(token)
        try:
            for _ in range(kills):
                gate = Daemon(store, *options)
                load.listen = gate.ready["listen"]
                time.sleep(chance.uniform(0.05, 0.8))
                gate.stop(signal.SIGKILL)
                outcome.kills += 1
        finally:
            load.end()
        acted = set(behind.acted)
    _compare(store, load, acted, outcome)
    return outcome


def _compare(store: Path, load: _Load, acted: set[bytes], outcome: Outcome) -> None:
    answers = load.answers
    seen: set[bytes] = set()
    marks: dict[str, bytes] = {}
    allowed: set[bytes] = set()
    with Ledger.open(store) as ledger:
        for event in ledger.events():
            detail = event.parsed_detail()
            if event.kind == "decision":
                if event.text == "allow":
                    allowed.add(marks.get(str(detail.get("action")), b""))
                continue
            mark = mark_in(event.arguments.encode()) or mark_in(event.text.encode())
            mark = mark or mark_in(event.raw) or load.bodies.get(str(detail.get("sha256")), b"")
            seen.add(mark)
            marks[event.id] = mark
    for answered in answers:
        kind = answered.decode().removeprefix("mark-").rsplit("-", 2)[0]
        outcome.answered[kind] = outcome.answered.get(kind, 0) + 1
    outcome.acted = len(acted)
    outcome.lost = len(answers.keys() - seen)
    permitted = acted | {mark for mark, yes in answers.items() if yes}
    outcome.unrecorded = len(permitted - allowed)
    outcome.faults = len(fsck(store))
