"""The relays of one daemon: their settings, their routes, their end."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from starlette.routing import BaseRoute

from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.mcp import routes as mcp_lines
from roguewatch.gateway.mcp.desk import Desk
from roguewatch.gateway.mcp.http import HttpRelay, checked_servers
from roguewatch.gateway.models.providers import ANTHROPIC, OPENAI
from roguewatch.gateway.models.relay import ModelRelay
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


class Relays:
    """The MCP relay's and the model relay's routes over one house.

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
        self.routes: list[BaseRoute] = [*mcp_lines.routes(house, latency, desk)]
        for provider, address in ((OPENAI, settings.openai), (ANTHROPIC, settings.anthropic)):
            base = checked_base(address, provider.name)
            key = settings.keys.get(provider.key_name, "")
            relay = ModelRelay(house, latency, provider, base, key, secrets, self._upstream)
            self.routes.append(relay.route())
        servers = checked_servers(settings.mcp, settings.keys)
        self.routes.append(HttpRelay(house, latency, desk, servers, self._upstream).route())

    async def close(self) -> None:
        """Close connections to upstreams."""
        await self._upstream.close()
