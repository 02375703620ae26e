"""What the records of a Gemini CLI session hold: messages, metadata, updates.

Fields: `packages/core/src/services/chatRecordingTypes.ts`. What is known but not needed is
sliced, not decoded.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roguewatch.sources.drift import NOTHING

Raw = msgspec.Raw


class Tokens(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Tokens of one message; those read from a cache are part of `input`."""

    input: int | None = 0
    output: int | None = 0
    cached: int | None = 0
    thoughts: int | None = 0
    tool: int | None = 0
    total: int | None = 0


class Call(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A tool call, with its result."""

    id: str = ""
    name: str = ""
    args: Raw = NOTHING
    result: Any = None
    status: str | None = ""
    timestamp: str | None = ""
    agentId: str | None = ""  # noqa: N815
    displayName: Raw = NOTHING  # noqa: N815
    description: Raw = NOTHING
    resultDisplay: Any = None  # noqa: N815
    renderOutputAsMarkdown: Raw = NOTHING  # noqa: N815


class Thought(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A summary of reasoning."""

    subject: str | None = ""
    description: str | None = ""
    timestamp: str | None = ""


class Record(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A message, a session's metadata, an update, or an entry of `logs.json`."""

    id: str = ""
    timestamp: str | None = ""
    type: str = ""
    content: Any = None
    displayContent: Raw = NOTHING  # noqa: N815
    toolCalls: list[Call] | None = None  # noqa: N815
    thoughts: list[Thought] | None = None
    tokens: Tokens | None = None
    model: str | None = ""
    sessionId: str = ""  # noqa: N815
    projectHash: Raw = NOTHING  # noqa: N815
    startTime: str | None = ""  # noqa: N815
    lastUpdated: Raw = NOTHING  # noqa: N815
    messages: list[Raw] | None = None
    summary: Raw = NOTHING
    memoryScratchpad: Raw = NOTHING  # noqa: N815
    directories: Raw = NOTHING
    kind: str | None = ""
    activeExtensionName: Raw = NOTHING  # noqa: N815
    messageId: Raw = NOTHING  # noqa: N815
    message: Any = None
    set: Raw = msgspec.field(default=NOTHING, name="$set")
    rewind: str | None = msgspec.field(default="", name="$rewindTo")


class Update(msgspec.Struct):
    """Only what a `$set` may bring along."""

    messages: list[Raw] | None = None
