"""What one sample of an Inspect log holds, as far as we read it.

Field names follow inspect_ai's `EvalSample`, `ChatMessage` and event models, from
0.3.41 (2024-10) to 0.3.285; all are optional here, so that a log of another version
still reads. Long texts may lie in the sample's `attachments` and be referred to as
`attachment://<hash>` (or `<index>` in chunked samples); messages of model events may
lie in a pool (`events_data.messages`, `message_pool` in an interim version) and be
referred to by half-open ranges, `input_refs`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from roguewatch.sources.source import MAX_RECORD_BYTES

NOTHING = msgspec.Raw(b"")
MOST_EXPANDED = 200_000
"""Messages that one list of pool references may expand to."""
_PROTOCOL = "attachment://"
_PROTOCOL_BYTES = b"attachment://"


class ToolCall(msgspec.Struct, frozen=True, gc=False):
    id: Any = ""
    function: Any = ""
    arguments: msgspec.Raw = NOTHING
    parse_error: Any = None


class Message(msgspec.Struct, frozen=True, gc=False):
    role: Any = ""
    content: Any = ""
    id: str | None = None
    source: Any = None
    model: Any = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: Any = None
    function: Any = None
    error: Any = None
    reasoning: Any = None
    """0.3.5x to 0.3.6x kept an assistant's reasoning beside its content."""


class Choice(msgspec.Struct, frozen=True, gc=False):
    message: msgspec.Raw = NOTHING
    stop_reason: Any = None


class ModelUsage(msgspec.Struct, frozen=True, gc=False):
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    input_tokens_cache_read: int | None = 0
    input_tokens_cache_write: int | None = 0
    reasoning_tokens: int | None = 0


class Output(msgspec.Struct, frozen=True, gc=False):
    model: Any = ""
    choices: list[Choice] | None = None
    usage: ModelUsage | None = None
    error: Any = None


class Record(msgspec.Struct, frozen=True, gc=False):
    """One event of a sample's transcript; which fields it has depends on `event`."""

    event: Any = ""
    uuid: Any = None
    timestamp: Any = None
    completed: Any = None
    span_id: Any = None
    id: Any = None
    parent_id: Any = None
    type: Any = None
    name: Any = None
    action: Any = None
    model: Any = ""
    error: Any = None
    input: msgspec.Raw = NOTHING
    input_refs: Any = None
    output: msgspec.Raw = NOTHING
    request_ids: Any = None
    function: Any = None
    arguments: msgspec.Raw = NOTHING
    result: msgspec.Raw = NOTHING
    truncated: Any = None
    failed: Any = None
    agent: Any = None
    events: msgspec.Raw = NOTHING
    """Nested transcript of a tool or subtask, in logs before spans (until 0.3.9x)."""


class Pools(msgspec.Struct, frozen=True, gc=False):
    messages: list[msgspec.Raw] = []


class Transcript(msgspec.Struct, frozen=True, gc=False):
    """Where 0.3.3x and some 0.3.4x logs kept events and attachments."""

    events: list[msgspec.Raw] = []
    content: dict[str, Any] = {}


class Sample(msgspec.Struct, frozen=True, gc=False):
    id: Any = None
    epoch: Any = 1
    uuid: Any = None
    input: msgspec.Raw = NOTHING
    choices: msgspec.Raw = NOTHING
    target: msgspec.Raw = NOTHING
    sandbox: msgspec.Raw = NOTHING
    files: msgspec.Raw = NOTHING
    metadata: msgspec.Raw = NOTHING
    messages: list[msgspec.Raw] | None = None
    message_refs: Any = None
    """Chunked samples name their final conversation by ranges of the message pool."""
    events: list[msgspec.Raw] | None = None
    transcript: Transcript | None = None
    events_data: Pools | None = None
    message_pool: list[msgspec.Raw] | None = None
    attachments: dict[str, Any] | None = None
    output: msgspec.Raw = NOTHING
    score: msgspec.Raw = NOTHING
    scores: msgspec.Raw = NOTHING
    model_usage: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING
    error_retries: msgspec.Raw = NOTHING
    limit: msgspec.Raw = NOTHING
    invalidation: msgspec.Raw = NOTHING
    started_at: Any = None
    completed_at: Any = None
    total_time: Any = None
    working_time: Any = None

    def records(self) -> list[msgspec.Raw]:
        if self.events is not None:
            return self.events
        return self.transcript.events if self.transcript else []

    def pool(self) -> list[msgspec.Raw]:
        if self.events_data is not None:
            return self.events_data.messages
        return self.message_pool or []


_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])

_UNREAD = frozenset(
    "description events_truncated message_limit model_fallbacks role_usage setup store time_limit "
    "timelines token_limit token_limit_type token_limit_usage turn_count".split()
)
"""Fields of inspect_ai's `EvalSample` (0.3.41 to 0.3.285) that tell nothing more of the agent."""

_SAMPLE_FIELDS = frozenset(Sample.__struct_fields__) | _UNREAD


def unknown_fields(data: bytes) -> list[str]:
    """The fields of an encoded sample that this reader does not know.

    Raises:
        msgspec.DecodeError: it is no JSON object.
    """
    return [name for name in _FIELDS.decode(data) if name not in _SAMPLE_FIELDS]


class Attachments:
    """Resolves references to a sample's attachments.

    A reference is a whole string, as inspect_ai writes it. What all references of one
    sample expand to is bounded, since few bytes of them can name many.

    Args:
        held: content by hash or index.
    """

    def __init__(self, held: dict[str, Any]) -> None:
        self._held = held
        self._budget = MAX_RECORD_BYTES

    def text(self, text: str) -> str:
        """What `text` refers to, or itself; a reference to nothing stays as it is."""
        if not self._held or not text.startswith(_PROTOCOL):
            return text
        content = self._held.get(text[len(_PROTOCOL) :])
        if not isinstance(content, str) or len(content) > self._budget:
            return text
        self._budget -= len(content)
        return content

    def json(self, data: msgspec.Raw) -> str:
        """JSON text with the references in its strings resolved."""
        content = bytes(data)
        if not self._held or _PROTOCOL_BYTES not in content:
            return content.decode("utf-8", "replace")
        return msgspec.json.encode(self.value(msgspec.json.decode(content))).decode("utf-8")

    def value(self, value: Any) -> Any:
        """A decoded JSON value with the references in its strings resolved."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(each) for each in value]
        if isinstance(value, dict):
            return {key: self.value(each) for key, each in value.items()}
        return value


def expand(references: Any, pool: list[msgspec.Raw]) -> list[msgspec.Raw]:
    """The members of a pool that half-open ranges [[start, end], …] name, in order.

    At most `MOST_EXPANDED`: a few bytes of ranges can name any number of members.
    """
    chosen: list[msgspec.Raw] = []
    if not isinstance(references, list):
        return chosen
    for reference in references:
        match reference:
            case [int(start), int(end)] if 0 <= start <= end:
                chosen.extend(pool[start : min(end, start + MOST_EXPANDED - len(chosen))])
    return chosen
