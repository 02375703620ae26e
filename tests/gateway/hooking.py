"""Hook calls of every agent, through HTTP and through the process client."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.gateway import client

_ids = count()
AGENTS = {
    "claude-code": "PreToolUse",
    "codex": "PreToolUse",
    "gemini-cli": "BeforeTool",
    "cursor": "beforeShellExecution",
    "copilot-cli": "preToolUse",
}


def body(agent: str = "claude-code", command: str = "ls", **fields: Any) -> dict[str, Any]:
    """A call before a shell command, in the agent's own form."""
    number = next(_ids)
    event = AGENTS[agent]
    if agent == "cursor":
        return {"conversation_id": "s", "hook_event_name": event, "command": command,
                "cwd": "/repo", **fields}  # fmt: skip
    if agent == "copilot-cli":
        return {"sessionId": "s", "toolName": "bash", "cwd": "/repo", "timestamp": number,
                "toolArgs": json.dumps({"command": command}), **fields}  # fmt: skip
    tool = "run_shell_command" if agent == "gemini-cli" else "Bash"
    call = {} if agent == "gemini-cli" else {"tool_use_id": f"t{number}"}
    return {"session_id": "s", "cwd": "/repo", "permission_mode": "default", "tool_name": tool,
            "hook_event_name": event, "tool_input": {"command": command}, **call, **fields}  # fmt: skip


class Answered(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    body: bytes
    exit_status: int = 0
    stderr: bytes = b""

    @property
    def blocks(self) -> bool:
        """Whether any agent takes this for a block: a denial in the body, or exit status 2."""
        return self.exit_status == 2 or denies(self.body)


def denies(raw: bytes) -> bool:
    """Whether a body denies, in any agent's form."""
    try:
        said = json.loads(raw or b"{}")
    except ValueError:
        return False
    specific = said.get("hookSpecificOutput", {})
    words = {
        said.get("decision"), said.get("permission"), said.get("permissionDecision"),
        said.get("behavior"), specific.get("permissionDecision"),
    }  # fmt: skip
    return bool(words & {"deny", "block"})


def post(
    listen: str,
    token: str,
    value: object,
    agent: str = "claude-code",
    query: str = "",
    timeout: float = 20,
) -> Answered:
    """One hook call over loopback; `value` is a JSON object or raw bytes."""
    host, _, port = listen.rpartition(":")
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        connection.request("POST", f"/hooks/{agent}{query}", raw, headers)
        response = connection.getresponse()
        return Answered(response.status, response.read())
    finally:
        connection.close()


def run_client(
    path: Path, token_file: Path, agent: str, raw: bytes, seconds: float = 3.0
) -> Answered:
    """One hook call through the process client, as an agent runs it."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", client.__file__, str(path), str(token_file), agent,
         AGENTS[agent], str(seconds)],
        input=raw, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    return Answered(200, done.stdout, done.returncode, done.stderr)


def admin(store: Path, method: str, path: str, value: object = None) -> tuple[int, Any]:
    """A request on the admin socket."""
    raw = json.dumps(value).encode() if value is not None else b""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(20)
    connection.connect(str(store / "gate.sock"))
    head = f"{method} {path} HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: {len(raw)}"
    connection.sendall(f"{head}\r\n\r\n".encode() + raw)
    response = http.client.HTTPResponse(connection)
    response.begin()
    try:
        return response.status, json.loads(response.read() or b"null")
    finally:
        connection.close()
