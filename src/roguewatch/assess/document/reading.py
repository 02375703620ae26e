"""What was read, and the sessions that it told of."""

from __future__ import annotations

import msgspec


class Window(msgspec.Struct, kw_only=True):
    """The time that an assessment covers."""

    since: str | None
    """The date given with --since, or null: sessions that ended before are not assessed."""
    until: str | None = None
    """The date given with --until, or null: sessions that began then or later are not
    assessed, and every fact is as it stood then."""
    first: str | None
    """Earliest time of any event."""
    last: str | None
    """Latest time of any event."""


class Unread(msgspec.Struct, frozen=True):
    """A file that was not read."""

    path: str
    """Printable path."""
    reason: str
    """Why it was not read, or not to its end."""


class Format(msgspec.Struct, kw_only=True):
    """What the files of one format held."""

    source: str
    """Name of the format (`roguewatch sources`)."""
    files: int = 0
    """Files of this format."""
    bytes: int = 0
    """Their size."""
    lines: int = 0
    """Source records: lines, messages, zip members or spans."""
    events: int = 0
    """Events made of them, those that another file told already included."""
    unknown_type: int = 0
    """Records of a type that the reader does not know."""
    unknown_field: int = 0
    """Fields that the reader does not know."""
    malformed: int = 0
    """Records that could not be decoded."""
    truncated_tail: int = 0
    """Last records that were cut off."""
    orphan_call: int = 0
    """Calls without a result and results without a call."""
    duplicate: int = 0
    """Records that one file holds twice."""


class Coverage(msgspec.Struct, kw_only=True):
    """What was read and what could not be."""

    paths: list[str]
    """Paths that were given, or found on this machine."""
    files: int
    """Files found under them."""
    files_read: int
    """Files read in this run."""
    files_unchanged: int
    """Files known from an earlier run and not changed since."""
    files_unread: int
    """Files that could not be read, or not to their end."""
    bytes: int
    """Size of the files looked at."""
    formats: list[Format]
    """What each format held."""
    unread: list[Unread]
    """Files that could not be read, each with its reason."""


class SessionLine(msgspec.Struct, kw_only=True):
    """One session."""

    session: str
    """The source's own id of the session."""
    surface: str
    """What the agent ran on."""
    agent: str
    """The agent that the session began with: `main`, or its name."""
    model: str
    """The model most used, as the records state it."""
    path: str
    """The first file that it was read from."""
    started: str | None
    """Time of its first event."""
    ended: str | None
    """Time of its last event."""
    events: int
    """Events, gaps included."""
    user_messages: int
    """Messages in the user's role that neither harness, tool nor agent wrote."""
    tool_calls: int
    """Tool calls."""
    gaps: int
    """Gap events: what was met and not understood."""
    findings: int = 0
    """Findings that are not suppressed."""
    longest_unattended_seconds: float = 0.0
    """Longest activity between two human messages, silences over ten minutes left out."""
    versions: list[str] = []
    """Versions of the agent."""
    permission_modes: dict[str, int] = {}
    """Tool calls by permission mode in force."""


class GapLine(msgspec.Struct, kw_only=True):
    """Gaps of one code."""

    code: str
    """What kind of gap."""
    meaning: str
    """What that is, in a sentence."""
    count: int
    """Gap events of this code."""
    sessions: int
    """Sessions that they are in."""


class AgentLine(msgspec.Struct, kw_only=True):
    """The agents of one surface."""

    surface: str
    """What the agents ran on."""
    sessions: int
    """Sessions."""
    subagents: int
    """Subagents that acted within them."""
    events: int
    """Events."""
    tool_calls: int
    """Tool calls."""
    human_messages: int
    """Messages that people wrote."""
    models: dict[str, int]
    """Messages, calls and responses by model."""
    versions: list[str]
    """Versions of the agent."""


class LedgerState(msgspec.Struct, kw_only=True):
    """The ledger's last checkpoint."""

    size: int
    """Events in the ledger."""
    checkpoint: str
    """The signed checkpoint over them (C2SP)."""
    checkpoint_digest: str
    """SHA-256 of the checkpoint."""
    verify: list[str]
    """Commands that verify the evidence."""
