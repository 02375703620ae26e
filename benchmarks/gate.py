"""The gate: hook decisions over HTTP and as a process, durable, against Tracekit's hook.

Ours and the peer are called in turn, in one run. The peer is installed from the package
index into an environment of its own under out/peers/; where that cannot be done its
columns stay empty and say why.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import psutil
from tests.gateway.relaying import Daemon, enrolled

from benchmarks.report import Row
from roguewatch.gateway import client

PEER = "tracekit-ai==1.4.2"
PEER_HOME = Path("out/peers/tracekit")
CALLS = 3000
PROCESSES = 60
_ids = count()


def run() -> list[Row]:
    """HTTP calls, then processes of ours and the peer's in turn; then starts."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("CONFIG", "STATE"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/{name}"
        store = Path(folder) / "s"
        token = enrolled(store, "workstation", "hook")
        (store / "token").write_text(token)
        started = time.perf_counter()
        gate = Daemon(store)
        ready = time.perf_counter() - started
        try:
            http = _http(gate, token)
            ours, theirs, missing = _processes(gate, Path(folder))
            memory = psutil.Process(gate.ready["pid"]).memory_info().rss / 1e6
        finally:
            gate.stop()
            _end_peer(Path(folder))
    return _rows(http, ours, theirs, missing, ready, memory)


def _rows(
    http: list[float], ours: list[float], theirs: list[float], missing: str, ready: float,
    memory: float,
) -> list[Row]:  # fmt: skip
    p50, p99 = statistics.median(http) * 1e3, sorted(http)[len(http) * 99 // 100] * 1e3
    process = statistics.median(ours) * 1e3
    peer = statistics.median(theirs) * 1e3 if theirs else None
    name = PEER.replace("==", " ") if theirs else missing
    ratio = peer / p50 if peer else None
    return [
        Row(
            name="hook decision over HTTP, durable, p50", ours=p50, peer=peer,
            peer_name=name, unit="ms", better="lower",
            target="at most 1 ms; 20 times faster than Tracekit",
            reached=p50 <= 1 and (ratio is None or ratio >= 20),
        ),
        Row(
            name="hook decision over HTTP, durable, p99", ours=p99, unit="ms", better="lower",
            target="at most 15 ms", reached=p99 <= 15,
        ),
        Row(
            name="hook decision through the process client, p50", ours=process, peer=peer,
            peer_name=name, unit="ms", better="lower", target="at most 10 ms",
            reached=process <= 10,
        ),
        Row(
            name="from start to ready", ours=ready, unit="s", better="lower",
            target="under 1 s", reached=ready < 1,
        ),
        Row(
            name="memory after the run", ours=memory, unit="MB", better="lower",
            target="under 150 MB", reached=memory < 150,
        ),
    ]  # fmt: skip


def _call() -> bytes:
    number = next(_ids)
    return json.dumps(
        {
            "session_id": f"s{number % 8}", "cwd": "/repo", "permission_mode": "default",
            "hook_event_name": "PreToolUse", "tool_name": "Bash",
            "tool_input": {"command": f"git diff --stat HEAD~{number % 50} | head -{number}"},
            "tool_use_id": f"toolu_{number:012d}",
        }
    ).encode()  # fmt: skip


def _http(gate: Daemon, token: str) -> list[float]:
    """Seconds of each call on one kept connection, as an agent keeps it."""
    host, _, port = gate.ready["listen"].rpartition(":")
    seconds = []
    with socket.create_connection((host, int(port))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(CALLS + 200):
            raw = _call()
            head = (
                b"POST /hooks/claude-code HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer %s\r\n"
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            ) % (token.encode(), len(raw))
            started = time.perf_counter()
            connection.sendall(head + raw)
            answer = connection.recv(65536)
            while not answer.endswith((b"{}", b"}}")):  # head and body may come apart
                answer += connection.recv(65536)
            if number >= 200:
                seconds.append(time.perf_counter() - started)
            if not answer.endswith(b"{}"):
                raise AssertionError(answer)
    return seconds


def _processes(gate: Daemon, folder: Path) -> tuple[list[float], list[float], str]:
    """Seconds of a process of ours and of the peer's, in turn; why the peer is missing."""
    mine = [sys.executable, "-I", "-S", client.__file__, gate.ready["agent_socket"],
            str(gate.store / "token"), "claude-code", "PreToolUse"]  # fmt: skip
    peer, environment, missing = _peer(folder)
    ours, theirs = [], []
    for turn in range(PROCESSES):
        seconds, done = _process(mine, None, folder)
        if done.returncode or done.stdout != b"{}":
            raise AssertionError(done)
        ours.append(seconds)
        if peer and turn % 4 == 0:
            seconds, done = _process(peer, environment, folder)
            if done.returncode:
                peer, missing = [], f"{PEER}: ends with {done.returncode}: {done.stderr[-200:]!r}"
                continue
            theirs.append(seconds)
    return ours, theirs, missing


def _process(
    command: list[str], environment: dict[str, str] | None, folder: Path
) -> tuple[float, subprocess.CompletedProcess[bytes]]:
    raw = _call()
    started = time.perf_counter()
    done = subprocess.run(
        command, input=raw, capture_output=True, env=environment, cwd=folder, check=False
    )
    return time.perf_counter() - started, done


def _peer(folder: Path) -> tuple[list[str], dict[str, str] | None, str]:
    """The peer's hook command with its environment, its signer running; or why not."""
    program = (PEER_HOME / "bin" / "python").absolute()
    home = folder / "peer"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home)}
    try:
        if not program.exists():
            subprocess.run([sys.executable, "-m", "venv", str(PEER_HOME)], check=True)
            subprocess.run(
                [program, "-m", "pip", "install", "--quiet", PEER], check=True, timeout=300
            )
        subprocess.run(
            [program.parent / "tracekit", "init", "--dev", "--agent", "codex"],
            env=environment, check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        return [], None, f"{PEER}: cannot be installed or started here: {type(error).__name__}"
    return [str(program), "-I", "-m", "tracekit.agent_hooks", "codex"], environment, ""


def _end_peer(folder: Path) -> None:
    """End the signer that `_peer` started, and no other."""
    pid = folder / "peer" / ".tracekit-signer" / "tracekitd.pid"
    if pid.exists():
        signer = psutil.Process(int(pid.read_text()))
        if str(folder) in " ".join(signer.cmdline()):
            signer.terminate()
            signer.wait(10)
