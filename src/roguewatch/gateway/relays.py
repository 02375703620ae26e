"""The relays of one daemon: their settings, their places, their end."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from roguewatch.gateway.carried import respond_json
from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.mcp.desk import Desk
from roguewatch.gateway.mcp.http import HttpRelay, checked_servers
from roguewatch.gateway.mcp.routes import Lines
from roguewatch.gateway.models.providers import ANTHROPIC, OPENAI
from roguewatch.gateway.models.relay import METHODS, PREFIX, ModelRelay
from roguewatch.gateway.models.secrecy import Secrets
from roguewatch.gateway.upstream import Upstream, checked_base


class RelaySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the relays lead. Keys are read from their own file or the environment, and
    are kept in the daemon's memory only."""

    openai: str = "https://api.openai.com/v1"
    """Base address of the OpenAI protocol, with its version."""
    anthropic: str = "https://api.anthropic.com"
    """Base address of the Anthropic protocol; its version is added where it is not there."""
    mcp: Mapping[str, str] = {}
    """Addresses of streamable HTTP servers by name."""
    keys: Mapping[str, str] = {}
    """`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, and `MCP_<NAME>` for an Authorization value."""


class Below:
    """An application for the paths below `prefix` and for `methods`."""

    def __init__(self, prefix: str, methods: Collection[str], app: ASGIApp) -> None:
        self._prefix = prefix
        self._methods = frozenset(methods)
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is none of ours, with 404 or 405."""
        if not scope["path"].startswith(self._prefix):
            await respond_json(send, 404, {"error": "there is nothing here"})
        elif scope["method"] not in self._methods:
            await respond_json(send, 405, {"error": "not a method of this path"})
        else:
            await self._app(scope, receive, send)


class Relays:
    """The MCP relay and the model relay over one house.

    Args:
        house: the open store.
        latency: where answers are measured.
        settings: where the relays lead.

    Raises:
        InputError: an address is none that can be used.
    """

    def __init__(
        self, house: House, latency: Latency, settings: RelaySettings | None = None
    ) -> None:
        settings = settings or RelaySettings()
        desk = Desk(house)
        secrets = Secrets(settings.keys.values())
        self._upstream = Upstream()
        self._lines = Lines(house, latency, desk)
        self.applications: dict[str, ASGIApp] = {
            "mcp-relay": Below("/mcp-relay/", ("POST",), self._lines)
        }
        """By the first part of their paths."""
        for provider, address in ((OPENAI, settings.openai), (ANTHROPIC, settings.anthropic)):
            base = checked_base(address, provider.name)
            key = settings.keys.get(provider.key_name, "")
            relay = ModelRelay(house, latency, provider, base, key, secrets, self._upstream)
            below = f"/{provider.name}{PREFIX}/"
            self.applications[provider.name] = Below(below, METHODS, relay)
        servers = checked_servers(settings.mcp, settings.keys)
        streamable = HttpRelay(house, latency, desk, servers, self._upstream)
        self.applications["mcp"] = Below("/mcp/", ("POST", "GET", "DELETE"), streamable)

    async def close(self) -> None:
        """End the relays' lines and close connections to upstreams."""
        await self._lines.close()
        await self._upstream.close()
