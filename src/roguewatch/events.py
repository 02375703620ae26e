"""The event: the one data object that every room speaks.

An event is one sighting of one thing that happened: a message, a tool call, a
result, a decision. The same action seen by a hook, a transcript and a relay is
three events, joined later on `call_id`, then `request_id`, then `prompt_id`,
then (session, ordinal); never on time alone.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Literal

import msgspec

Kind = Literal[
    "session_start",
    "session_end",
    "system_message",
    "user_message",
    "agent_message",
    "reasoning",
    "tool_call",
    "tool_result",
    "approval",
    "decision",
    "permission_mode",
    "subagent_start",
    "compaction",
    "usage",
    "process",
    "file_change",
    "network",
    "config_change",
    "gap",
    "other",
]
"""What an event is. The set is closed; what fits nothing else is `other`, and
what was not understood is a `gap`."""

Sighting = Literal[
    "transcript", "stream", "hook", "mcp-relay", "model-relay", "otel", "host", "provider"
]
"""Which kind of observer saw it: the agent's own session file, what the agent printed to
whoever started it (`--output-format stream-json`, `exec --json`), and so on."""

Author = Literal["", "human", "harness", "agent", "tool", "task"]
"""Who wrote a message: a person, the agent's own harness (reminders, injected
context files, hook output, command echoes), an agent (a parent instructing a
subagent), a tool, or the task of an evaluation. Empty: the source does not say."""


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """Tokens of one model response. `input` excludes what was read from a cache."""

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    """Part of `output` that was reasoning, where the source says so."""

    @property
    def total(self) -> int:
        return self.input + self.output + self.cache_read + self.cache_write


class Origin(msgspec.Struct, frozen=True):
    """Where the source bytes were read."""

    file: str
    """Printable file name; a zip member is `archive.eval!samples/1_epoch_1.json`."""

    offset: int
    """Byte offset of the source record in that file, from 0."""


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One sighting of one thing that happened. Immutable."""

    id: str
    """32 hexadecimal digits from `event_id`; the same however often it is read."""

    session: str
    """The source's own session id (a conversation, sample, trace or run)."""

    seq: int
    """Ordinal within the session as this source told it, from 0."""

    kind: Kind

    surface: str
    """What the agent ran on: claude-code, codex, gemini-cli, copilot-cli, inspect, otel, chat, …"""

    sighting: Sighting = "transcript"

    time: int | None = None
    """Nanoseconds since 1970, UTC; None where the source does not say."""

    agent: str = "main"
    """Who acted within the session: `main`, or a subagent's id or name."""

    parent_agent: str = ""
    """Who started `agent`, where it is a subagent."""

    author: Author = ""
    """Who wrote a message (messages only)."""

    tool: str = ""
    """Name of the tool, for calls and results, as the source spells it."""

    call_id: str = ""
    """The source's id of the tool call, without surrounding space: the first join key."""

    request_id: str = ""
    """Provider's response or request id: the second join key."""

    prompt_id: str = ""
    """Id of the user prompt that led here: the third join key."""

    parent: str = ""
    """The source's id of the record that came before, where records form a tree."""

    arguments: str = ""
    """Arguments of a tool call as JSON text (an object), just as the source gave them;
    text that is no JSON object is wrapped as {"input": text}."""

    text: str = ""
    """Message, reasoning, tool output or gap reason, as Unicode without lone surrogates."""

    exit_status: int | None = None
    """Exit status of a command, where the source says it (also inside the output's text)."""

    failed: bool | None = None
    """Whether the tool reported failure; None where the source does not say."""

    permission_mode: str = ""
    """Permission mode in force, in the source's own words (`bypassPermissions`,
    `never/danger-full-access`, …), on the events where it is known."""

    model: str = ""

    cwd: str = ""
    """Working directory, where known: tells the project from what is outside it."""

    usage: Usage | None = None

    truncated: bool = False
    """The source says that it cut `text` or `arguments`."""

    detail: str = ""
    """JSON text of an object with what else the kind needs: `version` of the agent on
    session_start, `code` of a gap, `decision` and `by` of an approval, …"""

    part: int = 0
    """Which event of its source record this is, from 0."""

    raw: bytes = b""
    """The exact bytes of the source record. Only on part 0; the others share its origin."""

    origin: Origin

    def parsed_arguments(self) -> dict[str, Any]:
        """`arguments` as a dict; empty where there are none or they cannot be decoded."""
        return _json_object(self.arguments)

    def parsed_detail(self) -> dict[str, Any]:
        """`detail` as a dict; empty where there is none."""
        return _json_object(self.detail)


def _json_object(text: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return {"input": text}
    return value if isinstance(value, dict) else {"input": text}


def event_id(*parts: str | bytes | int) -> str:
    """The id of an event, from what the source itself says of it.

    Give the surface, the source's own id of the record (or, where it has none, the
    session and the digest and occurrence number of the record), the part, and the
    content that the id stands for, so that an altered copy is a new sighting and not
    a duplicate. Never a file name, an offset or a time of reading.

    Args:
        parts: strings, bytes or integers; their lengths are bound, so that
            ("ab", "c") and ("a", "bc") differ.

    Returns:
        32 lower-case hexadecimal digits (the first 16 bytes of SHA-256).
    """
    pieces = []
    for part in parts:
        if type(part) is str:
            part = part.encode("utf-8", "surrogatepass")
        elif type(part) is not bytes:
            part = str(part).encode("utf-8", "surrogatepass")
        pieces.append(b"%d:%b" % (len(part), part))
    return sha256(b"".join(pieces)).hexdigest()[:32]
