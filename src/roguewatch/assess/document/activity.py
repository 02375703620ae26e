"""What agents did: over time, unattended, in which modes, with what impact."""

from __future__ import annotations

import msgspec


class Day(msgspec.Struct, frozen=True):
    """One day of activity."""

    day: str
    """UTC date."""
    events: int
    """Events."""
    tool_calls: int
    """Tool calls."""
    sessions: int
    """Sessions with an event on that day."""


class Activity(msgspec.Struct, kw_only=True):
    """Activity over time."""

    days: list[Day]
    """Days with activity, in order."""
    hours: list[int]
    """Tool calls by hour of the day, UTC: 24 numbers."""
    sessions_without_time: int
    """Sessions whose records carry no times."""


class Run(msgspec.Struct, kw_only=True):
    """A run of agent activity without a human message."""

    session: str
    """Id of the session."""
    surface: str
    """What the agent ran on."""
    started: str | None
    """The human message, or first activity, that began it."""
    ended: str | None
    """The agent's last activity before the next human message."""
    active_seconds: float
    """Its length, silences over ten minutes left out."""
    elapsed_seconds: float
    """Its length from start to end."""
    tool_calls: int
    """Tool calls in it."""


class Bin(msgspec.Struct, kw_only=True):
    """One range of a histogram."""

    label: str
    """The range in words."""
    low: float
    """Lower end, included."""
    high: float | None
    """Upper end, not included; null where there is none."""
    count: int
    """Runs in it."""


class Unattended(msgspec.Struct, kw_only=True):
    """How long agents ran without a human message."""

    runs: int
    """Runs of agent activity without a human message in them."""
    timed: int
    """Those whose times are known."""
    longest: Run | None
    """The longest by active seconds."""
    longest_by_calls: Run | None
    """The one with most tool calls."""
    median_active_seconds: float | None
    """Half of the timed runs are shorter."""
    p95_active_seconds: float | None
    """One in twenty of the timed runs is longer."""
    median_tool_calls: float | None
    """Half of the runs have fewer."""
    by_time: list[Bin]
    """Timed runs by active seconds."""
    by_calls: list[Bin]
    """Runs by tool calls."""
    longest_runs: list[Run]
    """The longest, at most ten."""


class Mode(msgspec.Struct, kw_only=True):
    """One permission mode on one surface."""

    mode: str
    """Permission mode in the agent's own words."""
    surface: str
    """What the agent ran on."""
    kind: str
    """What it lets the agent do: unrestricted, automatic, asks, unstated or unrecognised."""
    tool_calls: int
    """Tool calls while it was in force."""
    share: float
    """Their share of all tool calls."""


class Impactful(msgspec.Struct, kw_only=True):
    """Actions of one impactful kind."""

    kind: str
    """Kind of impact."""
    title: str
    """Its name."""
    covers: str
    """What it covers, in words."""
    calls: int
    """Tool calls of this kind; a call may be of several kinds."""
    approved: int
    """Those that a person is on record as having allowed."""
    refused: int
    """Those that are on record as refused."""
    not_recorded: int
    """Those with no record either way."""
    sessions: int
    """Sessions with at least one."""
    evidence: list[str]
    """Ids of some of the events, at most 20."""
