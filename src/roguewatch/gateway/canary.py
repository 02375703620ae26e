"""Canaries: harmless actions that must come out of every source that claims to cover.

A canary is announced in the gate's own record, then sent over each source's real wire: a
hook call to the hook's address, a span to the receiver's, a tool call through the stdio
relay to a server that does nothing, a request to each provider's address of the model
relay, which answers it itself (it would be a paid one). Its call id is random, so that no agent can name its
own calls so and have them left out of the count. What it proves is the path from a client
to the record. It does not prove that the agent's own client still uses that path: no
instruction is put into a live agent, so that must come from actions seen by several
sources; nor, of the model relay, that the provider can be reached. A transcript has no
canary: the agent writes it.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import sys
import time
from collections.abc import Awaitable, Callable

import httpx

from roguewatch.errors import ControlError
from roguewatch.gateway.coverage_sightings import Planted
from roguewatch.gateway.house import House, own_event
from roguewatch.gateway.models.rehearsal import TOOL, question
from roguewatch.state.register import Deployment, TokenPurpose

PREFIX = "rw-canary-"
SECONDS = 15.0
TOKEN_SECONDS = 60.0


class Canaries:
    """Plants canaries for the deployments of one gate.

    Args:
        house: the open store.
        url: where the gate listens.
    """

    def __init__(self, house: House, url: str) -> None:
        self._house = house
        self._url = url
        self.ending: Callable[[], bool] = lambda: False
        """Whether the gate takes no connections any more: what then cannot be sent is no fault."""

    async def plant(self, deployment: Deployment) -> Planted | None:
        """Announce a canary and send it through every source that claims to cover.

        Returns:
            What was planted; None where no claimed source can carry a canary.

        Raises:
            RoguewatchError: it could not be announced; then nothing was sent.
        """
        sources = tuple(source for source in deployment.sources if source in _SENDERS)
        if not sources:
            return None
        call_id = PREFIX + secrets.token_hex(16)
        detail = {"canary": call_id, "deployment": deployment.name, "sources": sources}
        event = own_event("other", "canary", detail)
        await self._house.record([event])
        for source in sources:
            purpose, sender = _SENDERS[source]
            register = self._house.register
            token = await asyncio.to_thread(
                register.issue_token, deployment.name, purpose, TOKEN_SECONDS
            )
            try:
                async with asyncio.timeout(SECONDS):
                    await sender(self._house, self._url, token, call_id)
            except (OSError, httpx.HTTPError, TimeoutError, ControlError) as error:
                if self.ending():
                    break
                said = f"a canary could not be sent to the {source} of {deployment.name}"
                self._house.complain(f"{said}: {type(error).__name__}: {error}")
        return Planted(call_id, deployment.name, sources, event.time or 0)


async def _post(url: str, token: str, body: object, **more: str) -> None:
    headers = {"authorization": f"Bearer {token}", **more}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=SECONDS) as client:
        (await client.post(url, json=body)).raise_for_status()


async def _hook(house: House, url: str, token: str, call_id: str) -> None:
    body = {
        "hook_event_name": "PreToolUse", "session_id": call_id, "tool_name": TOOL,
        "tool_use_id": call_id, "tool_input": {"canary": call_id}, "permission_mode": "default",
    }  # fmt: skip
    await _post(f"{url}/hooks/claude-code", token, body)


async def _span(house: House, url: str, token: str, call_id: str) -> None:
    now = str(time.time_ns())
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": TOOL,
        "gen_ai.tool.call.id": call_id,
        "gen_ai.tool.call.arguments": json.dumps({"canary": call_id}),
    }
    span = {
        "traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), "name": TOOL,
        "startTimeUnixNano": now, "endTimeUnixNano": now,
        "attributes": [
            {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
        ],
    }  # fmt: skip
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}
    await _post(f"{url}/v1/traces", token, body)


_SERVER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        result = {"content": [{"type": "text", "text": "canary"}]}
        if asked["method"] == "initialize":
            result = {"protocolVersion": asked["params"]["protocolVersion"],
                      "capabilities": {"tools": {}},
                      "serverInfo": {"name": "canary", "version": "1"}}
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


async def _mcp(house: House, url: str, token: str, call_id: str) -> None:
    command = [
        sys.executable, "-m", "roguewatch", "gate", "mcp", "--store", str(house.store),
        "--name", "canary", "--", sys.executable, "-I", "-c", _SERVER,
    ]  # fmt: skip
    client = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, env={**os.environ, "ROGUEWATCH_TOKEN": token},
    )  # fmt: skip
    version = "2025-06-18"
    hello = {"protocolVersion": version, "capabilities": {},
             "clientInfo": {"name": "canary", "version": "1"}}  # fmt: skip
    called = {"name": TOOL, "arguments": {"canary": call_id},
              "_meta": {"roguewatch/toolUseId": call_id}}  # fmt: skip
    messages: list[dict[str, object]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": called},
    ]
    assert client.stdin is not None
    assert client.stdout is not None
    try:
        for message in messages:
            client.stdin.write(json.dumps(message).encode() + b"\n")
            await client.stdin.drain()
            if "id" in message and not await client.stdout.readline():
                raise ControlError("the relay ended before it answered")
        client.stdin.close()
        await client.wait()
    finally:
        if client.returncode is None:
            client.kill()
            await client.wait()


async def _model(house: House, url: str, token: str, call_id: str) -> None:
    for path in ("openai/v1/chat/completions", "anthropic/v1/messages"):
        session = {"x-session-id": f"{call_id}-{path.partition('/')[0]}"}
        house.rehearsals.add(call_id)
        try:
            await _post(f"{url}/{path}", token, question(call_id), **session)
        finally:
            house.rehearsals.discard(call_id)


_Sender = Callable[[House, str, str, str], Awaitable[None]]

_SENDERS: dict[str, tuple[TokenPurpose, _Sender]] = {
    "hook": ("hook", _hook),
    "otel": ("otlp", _span),
    "mcp-relay": ("relay", _mcp),
    "model-relay": ("relay", _model),
}
