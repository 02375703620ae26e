"""The messages of an Inspect sample as events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from roguewatch.events import Event, Origin
from roguewatch.sources.inspect_sample import Attachments, Message, Record
from roguewatch.sources.repair import decode
from roguewatch.sources.source import Counts
from roguewatch.sources.telling import Telling, as_arguments
from roguewatch.sources.times import time_of

_MESSAGE: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_AUTHORS = {"input": "task", "operator": "human"}
"""Of a user message by its `source`; one that a solver added comes from the harness."""


class Bytes(NamedTuple):
    """A sample's source bytes."""

    file: str
    """Printable name of the file or archive member."""
    offset: int
    """Of `used` in that file."""
    exact: bytes
    used: bytes
    """What was decoded: `exact`, or its repair of equal length."""


class Located:
    """Finds decoded values in the source bytes; asked in document order it is quick."""

    def __init__(self, source: Bytes) -> None:
        self._source = source
        self._place = 0

    def find(self, value: bytes) -> tuple[Origin, bytes]:
        """Where the value lies, and its exact bytes."""
        source = self._source
        at = source.used.find(value, self._place)
        if at < 0:
            at = max(source.used.find(value), 0)
        else:
            self._place = at + len(value)
        exact = value
        if source.exact is not source.used:
            exact = source.exact[at : at + len(value)]
        return Origin(source.file, source.offset + at), exact


class Heard(NamedTuple):
    """A message with the bytes it was read from."""

    raw: bytes
    message: Message
    key: tuple[str, ...]


class Conversation:
    """Tells messages.

    Args:
        telling: of the session.
        counts: of the reading.
        attachments: of the sample.
        source: its bytes.
        tools: the transcript's record of each tool call, by call id.
    """

    def __init__(
        self,
        telling: Telling,
        counts: Counts,
        attachments: Attachments,
        source: Bytes,
        tools: dict[str, Record],
    ) -> None:
        self._telling = telling
        self._counts = counts
        self._attachments = attachments
        self._located = Located(source)
        self._tools = tools
        self.called: set[str] = set()
        self.answered: set[str] = set()

    def hear(self, raw: msgspec.Raw) -> Heard:
        data = bytes(raw)
        try:
            message = _MESSAGE.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            try:
                message = decode(data, Message)
            except msgspec.DecodeError:
                return Heard(data, Message(role=None), ("malformed", data.decode("latin-1")))
        return Heard(data, message, self._key(message))

    def _key(self, message: Message) -> tuple[str, ...]:
        """What makes two records the same message: its id, or else what it says."""
        if message.id:
            return ("id", message.id)
        calls = [str(call.id) for call in message.tool_calls or ()]
        content = self._attachments.value(message.content)
        text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
        return (str(message.role), text, str(message.tool_call_id), *calls)

    def tell(self, heard: Heard, when: int | None, **fields: Any) -> Iterator[Event]:
        message, telling = heard.message, self._telling
        origin, exact = self._located.find(heard.raw)
        self._counts.lines += 1
        fields["time"] = when
        agent = fields.pop("agent", "main")
        parent = fields.pop("parent_agent", "")
        key = message.id or ""
        text, blocks = self.content(message.content)
        common = {"agent": agent, "parent_agent": parent, "key": key}
        part = 0
        if message.role == "assistant":
            if message.reasoning:
                blocks.insert(0, {"type": "reasoning", "reasoning": message.reasoning})
            for block in blocks:
                for event in self._block(block, origin, part, exact, common | {"time": when}):
                    yield event
                    part += 1
            fields["model"] = fields.get("model") or str(message.model or telling.model)
            yield telling.tell(
                "agent_message",
                origin,
                text=text,
                author="agent",
                part=part,
                raw=b"" if part else exact,
                **common,
                **fields,
            )
            yield from self._calls(message, origin, part + 1, when, common)
            return
        raw = {"raw": exact, **common, **fields}
        if message.role == "tool":
            yield from self._result(message, text, origin, raw)
        elif message.role == "system":
            yield telling.tell("system_message", origin, text=text, author="harness", **raw)
        elif message.role == "user":
            author = _AUTHORS.get(str(message.source), "harness")
            if agent != "main":
                author = "agent"
            yield telling.tell("user_message", origin, text=text, author=author, **raw)
        else:
            self._counts.malformed += 1
            yield telling.gap(
                "unknown_role", f"a message of role {message.role!r}", origin, raw=exact
            )
            return
        for block in blocks:
            part += 1
            yield from self._block(block, origin, part, b"", common | {"time": when})

    def _calls(
        self, message: Message, origin: Origin, part: int, when: int | None, common: dict[str, Any]
    ) -> Iterator[Event]:
        for number, call in enumerate(message.tool_calls or (), part):
            call_id = str(call.id or "").strip()
            record = self._tools.get(call_id)
            arguments = self._attachments.json(call.arguments)
            if not arguments.startswith("{"):
                arguments = as_arguments(arguments)
            detail = ""
            if call.parse_error:
                detail = msgspec.json.encode({"parse_error": str(call.parse_error)}).decode()
            self.called.add(call_id)
            yield self._telling.call(
                origin,
                tool=str(call.function or ""),
                call_id=call_id,
                arguments=arguments,
                detail=detail,
                part=number,
                time=(time_of(record.timestamp) if record else None) or when,
                author="agent",
                **common,
            )

    def _result(
        self, message: Message, text: str, origin: Origin, fields: dict[str, Any]
    ) -> Iterator[Event]:
        call_id = str(message.tool_call_id or "").strip()
        record = self._tools.get(call_id)
        detail = ""
        failed: bool | None = None
        if isinstance(message.error, dict):
            failed = True
            detail = msgspec.json.encode({"error": message.error}).decode()
            text = text or str(message.error.get("message") or "")
        elif record is not None:
            failed = bool(record.failed)
            fields["truncated"] = bool(record.truncated)
            fields["time"] = time_of(record.completed) or time_of(record.timestamp)
        self.answered.add(call_id)
        result, known = self._telling.result(
            origin,
            tool=str(message.function or ""),
            call_id=call_id,
            text=text,
            detail=detail,
            failed=failed,
            author="tool",
            **fields,
        )
        yield result
        if not known:
            yield self._telling.orphan_result(result)

    def content(self, content: Any) -> tuple[str, list[dict[str, Any]]]:
        """A message's text, and those of its blocks that are events of their own."""
        content = self._attachments.value(content)
        if isinstance(content, str):
            return content, []
        texts, blocks = [], []
        for block in content if isinstance(content, list) else []:
            match block:
                case {"type": "text", "text": str(text)}:
                    texts.append(text)
                case {"type": "reasoning" | "tool_use"}:
                    blocks.append(block)
                case {"type": "image" | "audio" | "video" | "document" | "data" as kind}:
                    value = block.get(kind)
                    data = isinstance(value, str) and not value.startswith("data:")
                    texts.append(f"[{kind}: {value}]" if data else f"[{kind}]")
                case _:
                    blocks.append(
                        block if isinstance(block, dict) else {"type": type(block).__name__}
                    )
        return "\n".join(texts), blocks

    def _block(
        self, block: dict[str, Any], origin: Origin, part: int, raw: bytes, common: dict[str, Any]
    ) -> Iterator[Event]:
        common = common | {"part": part, "raw": b"" if part else raw}
        kind = block.get("type")
        if kind == "reasoning":
            text = str(block.get("reasoning") or "")
            detail = ""
            if block.get("redacted"):
                text, detail = str(block.get("summary") or ""), '{"redacted":true}'
            yield self._telling.tell(
                "reasoning", origin, text=text, detail=detail, author="agent", **common
            )
        elif kind == "tool_use":
            # run by the provider's servers: call and result are one block
            detail = msgspec.json.encode(
                {"server_side": str(block.get("tool_type") or "")}
            ).decode()
            call_id = str(block.get("id") or "")
            yield self._telling.call(
                origin,
                tool=str(block.get("name") or ""),
                call_id=call_id,
                arguments=as_arguments(block.get("arguments")),
                detail=detail,
                **common,
            )
            result, _ = self._telling.result(
                origin,
                call_id=call_id,
                text=str(block.get("error") or block.get("result") or ""),
                failed=bool(block.get("error")),
                detail=detail,
                **(common | {"part": part + 1, "raw": b""}),
            )
            yield result
        else:
            self._counts.unknown_type += 1
            yield self._telling.gap(
                "unknown_type", f"content of type {kind!r}", origin, raw=raw if not part else b""
            )
