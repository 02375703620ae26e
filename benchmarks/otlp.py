"""The OTLP receiver: durable spans a second, one by one and batched, against Phoenix.

Both get the same bytes over HTTP on loopback from the same client in a process of its own.
Ours is timed to the last acknowledgement, which is given when the span is durable; Phoenix
acknowledges what it has queued, so it is timed until its own database holds every span.
Set-up: a virtual environment `out/peers/phoenix` with `arize-phoenix==20.26.*`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from tests.gateway.relaying import daemon, enrolled

from benchmarks.report import Row
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register

PHOENIX = Path("out/peers/phoenix")
BATCH = 512
CONNECTIONS = 16

_CLIENT = """
import asyncio, json, sys, time

async def main(host, port, head, bodies, connections):
    left = iter(bodies)
    async def one():
        reader, writer = await asyncio.open_connection(host, port)
        for body in left:
            while True:
                writer.write(head + b"content-length: %d\\r\\n\\r\\n" % len(body) + body)
                top = await reader.readuntil(b"\\r\\n\\r\\n")
                status = int(top.split(b" ", 2)[1])
                lines = top.lower().split(b"\\r\\n")
                size = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
                if size:
                    await reader.readexactly(size)
                if status in (200, 202):
                    break
                if status not in (429, 503):
                    raise SystemExit(f"status {status}")
                await asyncio.sleep(0.05)
    start = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    return time.perf_counter() - start

raw = sys.stdin.buffer.read()
bodies, at = [], 0
while at < len(raw):
    size = int.from_bytes(raw[at:at + 4], "big")
    bodies.append(raw[at + 4:at + 4 + size])
    at += 4 + size
host, port, head, connections = json.loads(sys.argv[1])
print(asyncio.run(main(host, port, head.encode(), bodies, connections)))
"""


def request(first: int, count: int) -> bytes:
    """An export request of tool spans; a hundred spans make a trace."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    group.resource.attributes.append(_pair("service.name", "agent"))
    spans = group.scope_spans.add().spans
    for number in range(first, first + count):
        attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "shell",
            "gen_ai.tool.call.id": f"call_{number}",
            "gen_ai.tool.call.arguments": json.dumps({"command": f"grep -rn word{number} src"}),
            "gen_ai.tool.call.result": f"src/a.py:{number}: found here",
        }
        spans.add(
            trace_id=(number // 100 + 1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name="execute_tool shell",
            kind=1,
            start_time_unix_nano=1_700_000_000_000_000_000 + number * 1000,
            end_time_unix_nano=1_700_000_000_000_000_500 + number * 1000,
            attributes=[_pair(key, value) for key, value in attributes.items()],
        )
    return message.SerializeToString()


def _pair(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def send(url: str, token: str, bodies: list[bytes]) -> subprocess.Popen[bytes]:
    """Start the client; its standard output will be the seconds it took."""
    parts = httpx.URL(url)
    head = (
        f"POST /v1/traces HTTP/1.1\r\nhost: {parts.host}\r\n"
        f"content-type: application/x-protobuf\r\nauthorization: Bearer {token}\r\n"
    )
    client = subprocess.Popen(
        [sys.executable, "-I", "-c", _CLIENT,
         json.dumps([parts.host, parts.port, head, CONNECTIONS])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert client.stdin is not None
    client.stdin.write(b"".join(len(body).to_bytes(4, "big") + body for body in bodies))
    client.stdin.close()
    return client


def seconds_of(client: subprocess.Popen[bytes]) -> float:
    """Wait for a client."""
    assert client.stdout is not None
    said = client.stdout.read()
    if client.wait():
        raise RuntimeError("the client failed")
    return float(said)


def hook_latencies(url: str, token: str, until: Callable[[], bool]) -> list[float]:
    """Milliseconds of hook decisions, one after the other, until told to stop."""
    took = []
    with httpx.Client(headers={"authorization": f"Bearer {token}"}) as client:
        while not until():
            number = len(took)
            body = {
                "hook_event_name": "PreToolUse", "session_id": "bench", "tool_name": "Bash",
                "tool_use_id": f"toolu_{number}", "tool_input": {"command": f"ls {number}"},
                "cwd": "/project", "permission_mode": "default",
            }  # fmt: skip
            start = time.perf_counter()
            client.post(f"{url}/hooks/claude-code", json=body).raise_for_status()
            took.append((time.perf_counter() - start) * 1000)
            time.sleep(0.005)
    return took


@contextmanager
def phoenix(folder: Path) -> Iterator[tuple[str, Callable[[], int]]]:
    """A Phoenix server on loopback: its address, and how many spans its database holds."""
    folder.mkdir()
    environment = {
        **os.environ, "PHOENIX_WORKING_DIR": str(folder), "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": "16006", "PHOENIX_GRPC_PORT": "16317",
        "PHOENIX_TELEMETRY_ENABLED": "false",
    }  # fmt: skip
    url = "http://127.0.0.1:16006"
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [PHOENIX / "bin" / "phoenix", "serve"], env=environment, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{url}/healthz", timeout=2).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.5)
        else:
            raise RuntimeError("Phoenix did not start")

        def count() -> int:
            with sqlite3.connect(f"file:{folder}/phoenix.db?mode=ro", uri=True) as database:
                return int(database.execute("SELECT count(*) FROM spans").fetchone()[0])

        yield url, count
    finally:
        server.terminate()
        server.wait(20)


def _phoenix(folder: Path, singles: int, batches: int) -> tuple[float, float]:
    with phoenix(folder) as (url, count):
        rates = []
        total = 0
        for bodies, spans in (
            ([request(10_000_000 + n, 1) for n in range(singles)], singles),
            ([request(20_000_000 + n * BATCH, BATCH) for n in range(batches)], batches * BATCH),
        ):
            total += spans
            start = time.perf_counter()
            seconds_of(send(url, "none", bodies))
            while count() < total:
                if time.perf_counter() - start > 120:
                    raise RuntimeError(f"Phoenix holds {count()} of {total} spans after 120 s")
                time.sleep(0.02)
            rates.append(spans / (time.perf_counter() - start))
    return rates[0], rates[1]


def _ours(folder: Path, singles: int, batches: int) -> tuple[float, float, float, float]:
    store = folder / "store"
    token = enrolled(store, purpose="otlp")
    engine = connect(store)
    Register(engine).put(Deployment(name="hooked", policy="observe"), "benchmark")
    hook = Register(engine).issue_token("hooked", "hook")
    engine.dispose()
    with daemon(store, "--listen", "127.0.0.1:0") as gate:
        seconds_of(send(gate.url, token, [request(90_000_000, 1)]))
        end = time.monotonic() + 3
        quiet = hook_latencies(gate.url, hook, lambda: time.monotonic() > end)
        one = seconds_of(send(gate.url, token, [request(n, 1) for n in range(singles)]))
        bodies = [request(1_000_000 + n * BATCH, BATCH) for n in range(batches)]
        many = seconds_of(send(gate.url, token, bodies))
        busy = send(gate.url, token, [request(5_000_000 + n, 1) for n in range(singles)])
        loaded = hook_latencies(gate.url, hook, lambda: busy.poll() is not None)
        seconds_of(busy)
    with Ledger.open(store, readonly=True) as ledger:
        held = sum(event.kind == "tool_call" and event.sighting == "otel"
                   for event in ledger.events())  # fmt: skip
    sent = 1 + 2 * singles + batches * BATCH
    if held != sent:
        raise RuntimeError(f"the ledger holds {held} of {sent} acknowledged spans")
    return (
        singles / one, batches * BATCH / many,
        statistics.quantiles(quiet, n=100)[98], statistics.quantiles(loaded, n=100)[98],
    )  # fmt: skip


def run() -> list[Row]:
    """Ours, then Phoenix where it is installed, in one run."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("CONFIG", "STATE"):
            os.environ[f"XDG_{part}_HOME"] = f"{folder}/{part}"
        one, many, quiet, loaded = _ours(folder, 6000, 80)
        peer_one = peer_many = None
        who = "Phoenix: not installed in out/peers/phoenix, row skipped"
        if (PHOENIX / "bin" / "phoenix").exists():
            peer_one, peer_many = _phoenix(folder / "phoenix", 1000, 8)
            said = subprocess.run([PHOENIX / "bin" / "pip", "show", "arize-phoenix"],
                                  capture_output=True, text=True, check=True).stdout  # fmt: skip
            who = f"arize-phoenix {said.split('Version: ')[1].split()[0]}"
    return [
        Row(
            name="durable spans, one a request", ours=one, peer=peer_one, peer_name=who,
            unit="spans/s", target="at least 2,000/s and 7 times Phoenix",
            reached=one >= 2000 and (peer_one is None or one >= 7 * peer_one),
        ),
        Row(
            name=f"durable spans, {BATCH} a request", ours=many, peer=peer_many, peer_name=who,
            unit="spans/s", target="at least 20,000/s and 7 times Phoenix",
            reached=many >= 20000 and (peer_many is None or many >= 7 * peer_many),
        ),
        Row(
            name="hook decision p99 while spans come one a request", ours=loaded, peer=quiet,
            peer_name="without telemetry", unit="ms", better="lower",
            target="at most 15 ms", reached=loaded <= 15,
        ),
    ]  # fmt: skip
