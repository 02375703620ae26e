"""What is kept of one session: counts and stretches, never the content."""

from __future__ import annotations

import msgspec

from roguewatch.events import Usage


class Stretch(msgspec.Struct, array_like=True):
    """A run of agent activity without a human message in it."""

    start: int | None
    """The human message that began it, or the session's first event, ns UTC."""
    end: int | None
    """The agent's last activity before the next human message, ns UTC."""
    active: int = 0
    """Nanoseconds of it, silences over ten minutes left out: a closed laptop is no work."""
    calls: int = 0
    """Tool calls in it."""

    @property
    def elapsed(self) -> int:
        """Nanoseconds from start to end; 0 where the source gives no times."""
        return 0 if self.start is None or self.end is None else max(0, self.end - self.start)


class Impact(msgspec.Struct, array_like=True):
    """Actions of one impactful kind, and what people said to them."""

    calls: int = 0
    approved: int = 0
    """A human allowed this very call."""
    refused: int = 0
    """A human refused it, or it was denied."""
    sample: tuple[str, ...] = ()
    """Ids of the first events, as evidence."""


class SessionSummary(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One session, added up. Filled while its events stream by."""

    session: str
    surface: str = ""
    agent: str = ""
    """The agent that the session began with."""
    model: str = ""
    """The model most used."""
    cwd: str = ""
    started: int | None = None
    ended: int | None = None
    events: int = 0
    user_messages: int = 0
    """Messages in the user's role that neither the harness, a tool nor an agent wrote."""
    human_messages: int = 0
    """Those of them that are not the task text of an evaluation."""
    agent_messages: int = 0
    tool_calls: int = 0
    failed_calls: int = 0
    paths: list[str] = []
    """Files that it was read from, at most 20."""
    kinds: dict[str, int] = {}
    """Events by kind."""
    sightings: dict[str, int] = {}
    agents: dict[str, int] = {}
    """Events by agent within the session, at most 100 names."""
    models: dict[str, int] = {}
    """Agent messages, calls and responses by model."""
    versions: list[str] = []
    tools: dict[str, int] = {}
    """Tool calls by tool, at most 100 names."""
    gaps: dict[str, int] = {}
    modes: dict[str, int] = {}
    """Tool calls by permission mode in force; the empty name where it is not stated."""
    days: dict[int, tuple[int, int]] = {}
    """Events and tool calls by day since 1970, UTC."""
    hours: list[int] = []
    """Tool calls by hour of the day, UTC: 24 numbers, or none."""
    impacts: dict[str, Impact] = {}
    decisions: dict[str, int] = {}
    """Approvals by `decision by`, as `allow human`."""
    stretches: list[Stretch] = []
    """The longest, at most 200."""
    stretch_count: int = 0
    usage: Usage = Usage()

    @property
    def gap_count(self) -> int:
        return sum(self.gaps.values())
