"""The relays: what they add to a call, against fastmcp's proxy and LiteLLM's.

Peers are installed from the package index into environments of their own under out/peers;
rows of a peer that cannot be installed say so. All load is on loopback and bounded.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.model_load import conversation, load, question
from benchmarks.report import Row
from roguewatch.gateway.upstream import Upstream, onward
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register

ROGUEWATCH = [sys.executable, "-m", "roguewatch"]
PEERS = Path("out/peers")
CALLS = 400
ASKED = 150
REQUESTS = 3200
CONNECTIONS = 32
ROUNDS = 3
TURNS = 60
MASTER = f"sk-{secrets.token_hex(24)}"
"""LiteLLM's own key; it refuses to start with a known one."""
KEY = "sk-benchmark-0123456789"

MCP_SERVER = """
import json, sys
for line in sys.stdin.buffer:
    m = json.loads(line)
    if "id" not in m: continue
    if m["method"] == "initialize":
        r = {"protocolVersion": m["params"]["protocolVersion"], "capabilities": {"tools": {}},
             "serverInfo": {"name": "bench", "version": "1"}}
    elif m["method"] == "tools/list":
        r = {"tools": [{"name": "f", "inputSchema": {"type": "object"}}]}
    elif m["method"] == "tools/call":
        r = {"content": [{"type": "text", "text": "ok"}], "isError": False}
    else:
        r = {}
    sys.stdout.buffer.write(json.dumps({"jsonrpc": "2.0", "id": m["id"], "result": r}).encode() + b"\\n")
    sys.stdout.buffer.flush()
"""

FASTMCP_PROXY = """
import sys
from fastmcp.server import create_proxy
proxy = create_proxy({"mcpServers": {"bench": {"command": sys.executable, "args": [sys.argv[1]]}}})
proxy.run(transport="stdio", show_banner=False)
"""

PROVIDER = """
import asyncio, json, socket
BODY = json.dumps({"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Fine, thank you."},
                 "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}}).encode()
ANSWER = (b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n"
          % len(BODY)) + BODY

class Provider(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""
    def data_received(self, data):
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\\r\\n\\r\\n")
            if not found: return
            length = 0
            for line in head.lower().split(b"\\r\\n"):
                if line.startswith(b"content-length:"): length = int(line[15:])
            if len(rest) < length: return
            self.buffer = rest[length:]
            self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Provider, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


@contextmanager
def process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ended with the block."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, **options)
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def peer(name: str, requirement: str) -> tuple[str, str] | str:
    """A peer's Python and version, installed if it is not yet; or why it cannot be."""
    python = PEERS.resolve() / name / "bin" / "python"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEERS / name)], check=True)
    version = ["-c", f"import importlib.metadata as m; print(m.version({name!r}))"]
    told = subprocess.run([python, *version], capture_output=True, text=True, check=False)
    if told.returncode:
        pip = [python, "-m", "pip", "install", "--quiet", requirement]
        subprocess.run(pip, check=False, timeout=900, **quiet)
        told = subprocess.run([python, *version], capture_output=True, text=True, check=False)
    if told.returncode:
        return f"{requirement} could not be installed"
    return str(python), f"{name} {told.stdout.strip()}"


class McpClient:
    """A bare client on a process's pipes, so that the client's own time is small."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, **options,
        )  # fmt: skip
        self._id = 0
        information = {"name": "bench", "version": "1"}
        self.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {},
                                "clientInfo": information})  # fmt: skip
        self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.ask("tools/list", {})

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """One request and its response."""
        self._id += 1
        self._write({"jsonrpc": "2.0", "id": self._id, "method": method, "params": params})
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            if message.get("id") == self._id and "method" not in message:
                return message
        raise RuntimeError("the server is gone")

    def call(self, number: int) -> float:
        """Seconds of one tool call."""
        began = time.perf_counter()
        answer = self.ask("tools/call", {"name": "f", "arguments": {"n": number}})
        took = time.perf_counter() - began
        if "ok" not in json.dumps(answer):
            raise RuntimeError(f"an answer that is none: {answer}")
        return took

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()


@contextmanager
def gate(store: Path, *options: str) -> Iterator[tuple[str, str]]:
    """A daemon; its address, and a token of a deployment that is only observed."""
    environment = {**os.environ, "XDG_STATE_HOME": str(store / "x"),
                   "XDG_CONFIG_HOME": str(store / "x")}  # fmt: skip
    engine = connect(store)
    register = Register(engine)
    register.put(Deployment(name="bench", policy="observe"), "benchmark")
    token = register.issue_token("bench", "relay")
    engine.dispose()
    (store / "token").write_text(token)
    command = [*ROGUEWATCH, "gate", "serve", "--store", str(store), "--listen", "127.0.0.1:0"]
    with process([*command, *options], env=environment) as daemon:
        assert daemon.stdout is not None
        ready = json.loads(daemon.stdout.readline())
        yield f"http://{ready['listen']}", token


def mcp_rows(store: Path) -> list[Row]:
    """A tool call over stdio: direct, through ours, through fastmcp's, call by call in turn."""
    server = store / "mcp_server.py"
    server.write_text(MCP_SERVER)
    direct = [sys.executable, str(server)]
    relay = [*ROGUEWATCH, "gate", "mcp", "--store", str(store), "--token-file",
             str(store / "token"), "--name", "bench", "--", *direct]  # fmt: skip
    clients = {"direct": McpClient(direct), "ours": McpClient(relay)}
    found = peer("fastmcp", "fastmcp~=4.0")
    name = found if isinstance(found, str) else found[1]
    if not isinstance(found, str):
        proxy = store / "proxy.py"
        proxy.write_text(FASTMCP_PROXY)
        try:
            clients["peer"] = McpClient([found[0], str(proxy), str(server)])
        except (RuntimeError, BrokenPipeError):
            name = f"{name}: its proxy does not start"
    calls: dict[str, Callable[[int], float]] = {key: client.call for key, client in clients.items()}
    added, direct_ms = _added(_in_turn(calls, CALLS))
    at_once, _ = _added(_at_once(calls, CALLS))
    for client in clients.values():
        client.close()
    return [
        Row(
            name="MCP relay over stdio, durable: added to a tool call, p50",
            ours=added["ours"], peer=added.get("peer"), peer_name=name, unit="ms", better="lower",
            target="at most 0.6 ms", reached=added["ours"] <= 0.6,
        ),
        Row(
            name="the same for a call that follows the last one at once", unit="ms", better="lower",
            ours=at_once["ours"], peer=at_once.get("peer"), peer_name=name,
        ),
        Row(name="direct tool call over stdio, p50", unit="ms", better="lower", ours=direct_ms),
    ]  # fmt: skip


def _added(times: dict[str, list[float]]) -> tuple[dict[str, float], float]:
    """What each adds to the median of `direct`, and that, in milliseconds."""
    medians = {key: statistics.median(one) * 1000 for key, one in times.items()}
    return {key: one - medians["direct"] for key, one in medians.items()}, medians["direct"]


def _in_turn(calls: dict[str, Callable[[int], float]], times: int) -> dict[str, list[float]]:
    """Durations of each, one after the other in every round, so that noise hits all alike;
    5 ms apart, so that none waits for what the one before left to do."""
    for call in calls.values():
        for number in range(20):
            call(number)
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(times):
        for name, call in calls.items():
            time.sleep(0.005)
            taken[name].append(call(number))
    return taken


def _at_once(calls: dict[str, Callable[[int], float]], times: int) -> dict[str, list[float]]:
    """Durations of each, without a pause between calls; by fifties in turn."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(0, times, 50):
        for name, call in calls.items():
            taken[name] += [call(number) for number in range(50)]
    return taken


@contextmanager
def litellm(python: str, provider: str, folder: Path) -> Iterator[str]:
    """LiteLLM's proxy in front of the provider, as its documentation starts it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = {
        "model_list": [{"model_name": "m", "litellm_params": {
            "model": "openai/m", "api_base": f"{provider}/v1", "api_key": KEY}}],
        "general_settings": {"master_key": MASTER},
        "litellm_settings": {"telemetry": False},
    }  # fmt: skip
    (folder / "litellm.yaml").write_text(json.dumps(config))
    command = [str(Path(python).parent / "litellm"), "--config", str(folder / "litellm.yaml"),
               "--host", "127.0.0.1", "--port", str(port)]  # fmt: skip
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    with process(command, env=environment, stderr=subprocess.DEVNULL, cwd=folder):
        for _ in range(240):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=2)
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        else:
            raise RuntimeError("LiteLLM's proxy does not start")
        yield f"http://127.0.0.1:{port}/v1/chat/completions"


def model_rows(store: Path, provider: str, ours: str, token: str) -> list[Row]:
    """A chat completion: direct, through ours, through LiteLLM's, in turn."""
    targets = {
        "direct": (f"{provider}/v1/chat/completions", KEY),
        "ours": (f"{ours}/openai/v1/chat/completions", token),
    }
    found = peer("litellm", "litellm[proxy]~=1.106.0")
    name = found if isinstance(found, str) else found[1]
    if isinstance(found, str):
        return _model_rows(targets, name)
    try:
        with litellm(found[0], provider, store) as url:
            return _model_rows({**targets, "peer": (url, MASTER)}, name)
    except RuntimeError as error:
        return _model_rows(targets, f"{name}: {error}")


def _model_rows(targets: dict[str, tuple[str, str]], name: str) -> list[Row]:
    median: dict[str, list[float]] = {key: [] for key in targets}
    long: dict[str, list[float]] = {key: [] for key in targets}
    rates: dict[str, list[float]] = {key: [] for key in targets}
    for _ in range(ROUNDS):
        for key, (url, token) in targets.items():
            median[key].append(statistics.median(load(url, token, 1, ASKED)[1]))
            asking = conversation(TURNS)
            long[key].append(statistics.median(load(url, token, 1, ASKED // 3, asking)[1]))
        for key, (url, token) in targets.items():
            times = REQUESTS // 5 if key == "peer" else REQUESTS
            rates[key].append(load(url, token, CONNECTIONS, times)[0])
    rate = {key: statistics.median(one) for key, one in rates.items()}
    added, longer = (
        {key: (min(one) - min(taken["direct"])) * 1000 for key, one in taken.items()}
        for taken in (median, long)
    )
    peer_rate = rate.get("peer")
    return [
        Row(
            name="model relay, durable: added to a call, p50",
            ours=added["ours"], peer=added.get("peer"), peer_name=name, unit="ms", better="lower",
            target="at most 1 ms", reached=added["ours"] <= 1.0,
        ),
        Row(
            name="the same, of a conversation of 130 to 240 KB", unit="ms", better="lower",
            ours=longer["ours"], peer=longer.get("peer"), peer_name=name,
        ),
        Row(
            name=f"model relay: requests a second at {CONNECTIONS} connections",
            ours=rate["ours"], peer=peer_rate, peer_name=name, unit="/s",
            target="at least 10 times the peer's",
            reached=rate["ours"] >= 10 * peer_rate if peer_rate else None,
        ),
    ]  # fmt: skip


async def _client_times(provider: str) -> dict[str, float]:
    """p50 of a request to the provider with our connections and with aiohttp, in seconds."""
    base, path = f"{provider}/v1", "/chat/completions"
    taken: dict[str, list[float]] = {"ours": [], "aiohttp": []}
    ours = Upstream()
    headers = onward([(b"content-type", b"application/json")], {"authorization": f"Bearer {KEY}"})
    async with aiohttp.ClientSession() as other:
        for _ in range(300):
            body = question()
            began = time.perf_counter()
            async with await ours.send("POST", base, path, headers, body) as answer:
                while await answer.piece():
                    continue
            taken["ours"].append(time.perf_counter() - began)
            began = time.perf_counter()
            async with other.post(base + path, data=body) as response:
                await response.read()
            taken["aiohttp"].append(time.perf_counter() - began)
    await ours.close()
    return {name: statistics.median(one[50:]) for name, one in taken.items()}


def run() -> list[Row]:
    """Measure both relays and their peers in one run."""
    with tempfile.TemporaryDirectory() as folder, process([sys.executable, "-c", PROVIDER]) as one:
        assert one.stdout is not None
        provider = f"http://127.0.0.1:{int(one.stdout.readline())}"
        store = Path(folder)
        keys = store / "keys"
        keys.write_text(f"OPENAI_API_KEY={KEY}\n")
        keys.chmod(0o600)
        options = ("--openai-upstream", f"{provider}/v1", "--provider-keys", str(keys))
        with gate(store, *options) as (url, token):
            rows = mcp_rows(store)
            rows += model_rows(store, provider, url, token)
        clients = asyncio.run(_client_times(provider))
    rows.append(
        Row(name="relays' own connections to upstreams: a request, p50", unit="ms", better="lower",
            ours=clients["ours"] * 1000, peer=clients["aiohttp"] * 1000,
            peer_name=f"aiohttp {aiohttp.__version__}")
    )  # fmt: skip
    return rows
