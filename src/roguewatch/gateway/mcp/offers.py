"""The tools that servers offer: a description that changes is a change of configuration.

A tool's description goes into the agent's context and steers it; a server that changes it
after it was reviewed can turn the agent. What was offered last is kept per deployment and
server, in events of a session of its own, so that it survives the daemon.
"""

from __future__ import annotations

import threading
import time
from hashlib import sha256
from typing import Any

import msgspec

from roguewatch.events import Event, Origin, event_id
from roguewatch.gateway.mcp.connection import Connection
from roguewatch.gateway.mcp.param_headers import Declared, declared
from roguewatch.gateway.mcp.record import clean
from roguewatch.ledger.ledger import Ledger

MAX_TOOLS = 2000


class Offers:
    """What each server last offered each deployment.

    Args:
        ledger: where earlier offers are.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[str, dict[str, str]] = {}
        self._declared: dict[str, dict[str, Declared]] = {}
        self._mutex = threading.Lock()
        """Lines of several connections to one server may list its tools at once."""

    def declared(self, deployment: str, server: str, tool: str) -> Declared:
        """The headers that the schema of a tool declares, as it was offered last."""
        session = f"mcp-tools:{deployment}:{server}"
        with self._mutex:
            self._of(session)
            return self._declared[session].get(tool, {})

    def listed(self, connection: Connection, result: dict[str, Any]) -> list[Event]:
        """The events of a `tools/list` result: one for each tool that is new or changed."""
        session = f"mcp-tools:{connection.deployment}:{connection.server}"
        with self._mutex:
            return self._changes(connection, session, result.get("tools"))

    def _changes(self, connection: Connection, session: str, tools: Any) -> list[Event]:
        known = self._of(session)
        events = []
        for tool in tools[:MAX_TOOLS] if isinstance(tools, list) else []:
            name = tool.get("name") if isinstance(tool, dict) else None
            if not isinstance(name, str):
                continue
            body = msgspec.json.encode(tool, order="sorted")
            digest = sha256(body).hexdigest()
            before = known.get(name)
            if before != digest:
                events.append(_offer(connection, session, name, body, digest, before))
                known[name] = digest
                self._declare(session, name, tool)
        return events

    def _declare(self, session: str, name: str, tool: Any) -> None:
        schema = tool.get("inputSchema") if isinstance(tool, dict) else None
        if headers := declared(schema):
            self._declared[session][name] = headers
        else:
            self._declared[session].pop(name, None)

    def _of(self, session: str) -> dict[str, str]:
        known = self._known.get(session)
        if known is None:
            known = self._known[session] = {}
            self._declared[session] = {}
            for event in self._ledger.events(session=session):
                detail = event.parsed_detail()
                if event.kind == "config_change" and isinstance(detail.get("tool"), str):
                    known[detail["tool"]] = str(detail.get("digest"))
                    self._declare(session, detail["tool"], msgspec.json.decode(event.raw or b"{}"))
        return known


def _offer(
    connection: Connection, session: str, name: str, body: bytes, digest: str, before: str | None
) -> Event:
    now = time.time_ns()
    detail = {
        "config": "mcp_tool",
        "connection": connection.id,
        "deployment": connection.deployment,
        "server": connection.server,
        "tool": name,
        "digest": digest,
        "changed": before is not None,
        "before": before,
    }
    return Event(
        id=event_id("mcp", "offer", session, name, digest, before or "", now),
        session=session,
        seq=now // 1000,
        kind="config_change",
        surface="mcp",
        sighting="mcp-relay",
        time=now,
        tool=f"mcp__{connection.server}__{name}",
        text=clean(body.decode()),
        detail=msgspec.json.encode(detail).decode(),
        raw=body,
        origin=Origin(file="mcp-relay", offset=0),
    )
