"""Anthropic Messages (API reference, version 2023-06-01, as the 2026-11 clients speak it)."""

from __future__ import annotations

import re
from typing import Any

from roguewatch.events import Usage
from roguewatch.gateway.models.chat import error_of
from roguewatch.gateway.models.items import (
    Answer,
    Item,
    Question,
    Reading,
    as_arguments,
    counted,
    decoded,
    encoded,
    exact_parts,
    listed,
    mapping,
    number,
    string,
    text_of,
)

_SETTINGS = ("max_tokens", "temperature", "thinking", "tool_choice", "service_tier", "container",
             "mcp_servers", "context_management", "output_config")  # fmt: skip
_SESSION = re.compile(r"session_([0-9a-fA-F-]{36})")


def read_question(body: dict[str, Any], raw: bytes) -> Question:
    """A request body, of `messages` or `messages/count_tokens`."""
    items: list[Item] = []
    if body.get("system"):
        system = body["system"]
        items.append(Item(kind="system_message", text=text_of(system), raw=encoded(system)))
    beside = len(items)
    parts: list[tuple[int, int]] = []
    exact = exact_parts(raw, "messages")
    for message, part in zip(listed(body.get("messages")), exact, strict=False):
        told = _message(mapping(message), part)
        items += told
        parts.append((len(part), len(told)))
    return Question(
        model=string(body.get("model")),
        stream=body.get("stream") is True,
        items=tuple(items),
        beside=beside,
        parts=tuple(parts),
        tools=body.get("tools"),
        session=_session(mapping(body.get("metadata")).get("user_id")),
        settings={key: body[key] for key in _SETTINGS if key in body},
    )


def _session(user: Any) -> str:
    """Claude Code puts its session id into `metadata.user_id`: `user_…_session_<uuid>`, in
    newer versions a JSON object with `session_id`."""
    if not isinstance(user, str):
        return ""
    if user.startswith("{"):
        return string(decoded(user.encode("utf-8", "replace")).get("session_id"))
    found = _SESSION.search(user)
    return found.group(1) if found else ""


def _message(message: dict[str, Any], raw: bytes) -> list[Item]:
    role, content = message.get("role"), message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else listed(content)
    items: list[Item] = []
    for block in map(mapping, blocks):
        # One message may be several items; the first carries its bytes.
        items.append(_block(block, string(role), raw=b"" if items else raw))
    return items


def _block(
    block: dict[str, Any], role: str, unknown: dict[str, int] | None = None, raw: bytes = b""
) -> Item:
    kind = string(block.get("type"))
    if kind == "text":
        if role == "assistant":
            return Item(kind="agent_message", text=text_of([block]), author="agent", raw=raw)
        return Item(
            kind="system_message" if role == "system" else "user_message",
            text=text_of([block]),
            raw=raw,
        )
    if kind in ("thinking", "redacted_thinking"):
        return Item(kind="reasoning", text=string(block.get("thinking")), author="agent", raw=raw)
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        return Item(
            kind="tool_call",
            tool=string(block.get("name")),
            call_id=string(block.get("id")).strip(),
            arguments=as_arguments(block.get("input")),
            detail={} if kind == "tool_use" else {"hosted": kind},
            raw=raw,
        )
    if kind.endswith("tool_result"):
        failed = block.get("is_error")
        return Item(
            kind="tool_result",
            text=text_of(block.get("content")) if block.get("content") is not None else "",
            author="tool",
            call_id=string(block.get("tool_use_id")).strip(),
            failed=failed if isinstance(failed, bool) else None,
            detail={} if kind == "tool_result" else {"hosted": kind},
            raw=raw,
        )
    if unknown is not None:
        counted(unknown, kind)
    return Item(kind="other", text=f"[{kind}]", detail={"block": kind, "role": role}, raw=raw)


def read_usage(value: Any, before: Usage | None = None) -> Usage | None:
    """Tokens. A stream tells them in two parts; later counts replace earlier ones."""
    usage = mapping(value)
    if not usage:
        return before
    old = before or Usage()
    return Usage(
        input=number(usage["input_tokens"]) if "input_tokens" in usage else old.input,
        output=number(usage["output_tokens"]) if "output_tokens" in usage else old.output,
        cache_read=number(usage.get("cache_read_input_tokens")) or old.cache_read,
        cache_write=number(usage.get("cache_creation_input_tokens")) or old.cache_write,
    )


def read_answer(body: dict[str, Any]) -> Answer:
    """A response body that was not streamed."""
    unknown: dict[str, int] = {}
    blocks = map(mapping, listed(body.get("content")))
    items = [_block(block, "assistant", unknown) for block in blocks]
    return Answer(
        id=string(body.get("id")),
        model=string(body.get("model")),
        items=tuple(items),
        usage=read_usage(body.get("usage")),
        stop=string(body.get("stop_reason")),
        error=error_of(body),
        unknown=unknown,
    )


class Heard:
    """A streamed message: blocks put together by index."""

    def __init__(self) -> None:
        self.finished = False
        self._message: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}
        self._usage: Usage | None = None
        self._stop = self._error = ""
        self._unknown: dict[str, int] = {}

    def hear(self, name: str, data: bytes) -> None:
        """One stream event."""
        event = decoded(data)
        kind = string(event.get("type")) or name
        if kind == "message_start":
            self._message = mapping(event.get("message"))
            self._usage = read_usage(self._message.get("usage"), self._usage)
        elif kind == "content_block_start":
            index = number(event.get("index"))
            if index < 4096:
                self._blocks[index] = dict(mapping(event.get("content_block")))
        elif kind == "content_block_delta":
            self._delta(number(event.get("index")), mapping(event.get("delta")))
        elif kind == "message_delta":
            self._stop = string(mapping(event.get("delta")).get("stop_reason")) or self._stop
            self._usage = read_usage(event.get("usage"), self._usage)
        elif kind == "message_stop":
            self.finished = True
        elif kind == "error":
            self._error = error_of(event) or "error"
            self.finished = True
        elif kind not in ("ping", "content_block_stop"):
            counted(self._unknown, kind)

    def _delta(self, index: int, delta: dict[str, Any]) -> None:
        for name in ("text", "partial_json", "thinking", "signature"):
            if isinstance(delta.get(name), str):
                self._pieces.setdefault((index, name), []).append(delta[name])
                return
        if delta.get("type") != "citations_delta":
            counted(self._unknown, delta.get("type"))

    def answer(self) -> Answer:
        """What came so far."""
        items = []
        for index, start in sorted(self._blocks.items()):
            block = dict(start)
            for name in ("text", "thinking", "signature"):
                if (index, name) in self._pieces:
                    block[name] = string(block.get(name)) + "".join(self._pieces[index, name])
            if (index, "partial_json") in self._pieces:
                block["input"] = "".join(self._pieces[index, "partial_json"])
            items.append(_block(block, "assistant", self._unknown))
        return Answer(
            id=string(self._message.get("id")),
            model=string(self._message.get("model")),
            items=tuple(items),
            usage=self._usage,
            stop=self._stop,
            error=self._error,
            unknown=self._unknown,
        )


reading = Reading("messages", read_question, read_answer, Heard)
