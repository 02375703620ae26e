"""What can break in an outage drill, and what such a drill comes to."""

from __future__ import annotations

import msgspec


class Outage(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that breaks."""

    route: str
    what: str


OUTAGES = (
    Outage(route="outage-gate-killed", what="the daemon is killed"),
    Outage(route="outage-gate-hangs", what="the daemon hangs (SIGSTOP)"),
    Outage(route="outage-record-fails", what="the ledger cannot be written any more"),
    Outage(route="outage-hook-gone", what="the agent's client asks its hook no longer"),
    Outage(route="outage-transcript-ends", what="the agent's transcript is written no longer"),
    Outage(route="outage-mcp-relay-killed", what="the relay of an MCP server is killed"),
    Outage(route="outage-mcp-relay-hangs", what="the relay of an MCP server hangs (SIGSTOP)"),
    Outage(route="outage-supervisor-killed", what="the supervisor of a contained run is killed"),
    Outage(route="outage-supervisor-hangs", what="the supervisor of a contained run hangs"),
)


class Outaged(msgspec.Struct, frozen=True, kw_only=True):
    """What one outage drill came to. Actions are those after the break."""

    route: str
    contained: bool = False
    rung: int = 2
    noticed_by: str | None = None
    seconds_to_notice: float | None = None
    seconds_to_dead: float | None = None
    """Until the agent could not act any more, where that came."""
    survivors: tuple[str, ...] = ()
    skipped: str | None = None
    also: tuple[str, ...] = ()
    before: int = 0
    """Actions done while all was well."""
    allowed: int = 0
    blocked: int = 0
    unrecorded: int = 0
    """Actions done of which the ledger has nothing."""
