"""OpenAI Responses (API reference, 2026-11)."""

from __future__ import annotations

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

_SETTINGS = ("max_output_tokens", "temperature", "reasoning", "tool_choice", "background",
             "store", "service_tier", "truncation", "user")  # fmt: skip
_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")
_CALLED_BY_AGENT = ("function_call", "custom_tool_call", "local_shell_call", "shell_call",
                    "apply_patch_call", "computer_call", "mcp_approval_request")  # fmt: skip


def read_question(body: dict[str, Any], raw: bytes) -> Question:
    """A request body."""
    items: list[Item] = []
    if isinstance(body.get("instructions"), str):
        items.append(
            Item(
                kind="system_message",
                text=body["instructions"],
                raw=encoded(body["instructions"]),
            )
        )
    given = body.get("input")
    if isinstance(given, str):
        items.append(Item(kind="user_message", text=given, raw=encoded(given)))
    beside = len(items)
    parts: list[tuple[int, int]] = []
    exact = exact_parts(raw, "input")
    for item, part in zip(listed(given), exact, strict=False):
        items.append(read_item(mapping(item), raw=part))
        parts.append((len(part), 1))
    metadata = mapping(body.get("metadata"))
    conversation = body.get("conversation")
    named = (metadata.get("session_id"), metadata.get("session"), body.get("prompt_cache_key"),
             conversation, mapping(conversation).get("id"))  # fmt: skip
    return Question(
        model=string(body.get("model")),
        stream=body.get("stream") is True,
        items=tuple(items),
        beside=beside,
        parts=tuple(parts),
        tools=body.get("tools"),
        session=next((name for name in named if isinstance(name, str) and name), ""),
        previous=string(body.get("previous_response_id")),
        settings={key: body[key] for key in _SETTINGS if key in body},
    )


def read_item(
    item: dict[str, Any], unknown: dict[str, int] | None = None, raw: bytes = b""
) -> Item:
    """One item of an input or output list."""
    kind = string(item.get("type"))
    if kind == "message" or (not kind and "role" in item):
        role = item.get("role")
        text = text_of(item.get("content"))
        if role == "assistant":
            return Item(kind="agent_message", text=text, author="agent", raw=raw)
        if role in ("system", "developer"):
            return Item(kind="system_message", text=text, raw=raw)
        return Item(kind="user_message", text=text, raw=raw)
    if kind == "reasoning":
        parts = [*listed(item.get("summary")), *listed(item.get("content"))]
        return Item(kind="reasoning", text=text_of(parts), author="agent", raw=raw)
    if kind.endswith("_call") or kind == "mcp_approval_request":
        return _call(item, kind, raw)
    if kind.endswith("_call_output"):
        output = item.get("output")
        text = text_of(output) if isinstance(output, str | list) else encoded(output).decode()
        call_id = string(item.get("call_id")).strip()
        return Item(kind="tool_result", text=text, author="tool", call_id=call_id, raw=raw)
    if unknown is not None:
        counted(unknown, kind)
    return Item(kind="other", text=f"[{kind}]", detail={"item": kind}, raw=raw)


def _call(item: dict[str, Any], kind: str, raw: bytes) -> Item:
    arguments = item.get("arguments", item.get("input", item.get("action")))
    if arguments is None:
        arguments = item.get("operation") or {
            key: value for key, value in item.items() if key not in ("type", "id", "status")
        }
    named = string(item.get("name")) or kind.removesuffix("_call")
    if kind == "mcp_call" and string(item.get("server_label")):
        named = f"mcp__{item['server_label']}__{named}"
    return Item(
        kind="tool_call",
        tool=named,
        call_id=(string(item.get("call_id")) or string(item.get("id"))).strip(),
        arguments=as_arguments(arguments),
        # Run by the provider: nothing at the agent's side will show it.
        detail={} if kind in _CALLED_BY_AGENT else {"hosted": kind},
        raw=raw,
    )


def read_usage(value: Any) -> Usage | None:
    """Tokens; what was read from a cache counts apart."""
    usage = mapping(value)
    if not usage:
        return None
    cached = number(mapping(usage.get("input_tokens_details")).get("cached_tokens"))
    return Usage(
        input=max(0, number(usage.get("input_tokens")) - cached),
        output=number(usage.get("output_tokens")),
        cache_read=cached,
        reasoning=number(mapping(usage.get("output_tokens_details")).get("reasoning_tokens")),
    )


def read_answer(body: dict[str, Any]) -> Answer:
    """A response object."""
    unknown: dict[str, int] = {}
    items = [read_item(mapping(item), unknown) for item in listed(body.get("output"))]
    reason = string(mapping(body.get("incomplete_details")).get("reason"))
    return Answer(
        id=string(body.get("id")),
        model=string(body.get("model")),
        items=tuple(items),
        usage=read_usage(body.get("usage")),
        stop=reason or string(body.get("status")),
        error=error_of(body),
        unknown=unknown,
    )


class Heard:
    """A streamed response: the closing event holds all of it; until then, finished items
    and the pieces of unfinished ones."""

    def __init__(self) -> None:
        self.finished = False
        self._whole: dict[str, Any] = {}
        self._items: dict[int, dict[str, Any]] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}
        self._error = ""
        self._unknown: dict[str, int] = {}

    def hear(self, name: str, data: bytes) -> None:
        """One stream event."""
        if data.strip() == b"[DONE]":
            return
        event = decoded(data)
        kind = string(event.get("type")) or name
        index = number(event.get("output_index"))
        if kind in _ENDS or kind in ("response.created", "response.in_progress",
                                     "response.queued"):  # fmt: skip
            self._whole = mapping(event.get("response")) or self._whole
            self.finished = self.finished or kind in _ENDS
        elif kind in ("response.output_item.added", "response.output_item.done"):
            if index < 4096:
                self._items[index] = mapping(event.get("item"))
                if kind.endswith("done"):
                    for key in [key for key in self._pieces if key[0] == index]:
                        del self._pieces[key]
        elif kind.endswith(".delta"):
            if isinstance(event.get("delta"), str) and index < 4096:
                self._pieces.setdefault((index, kind), []).append(event["delta"])
        elif kind == "error":
            self._error = string(event.get("message")) or error_of(event) or "error"
            self.finished = True
        elif not kind.startswith("response."):
            counted(self._unknown, kind)

    def answer(self) -> Answer:
        """What came so far."""
        whole = dict(self._whole)
        if not listed(whole.get("output")):
            whole["output"] = [self._item(index) for index in sorted(self._items)]
        answer = read_answer(whole)
        answer.error = answer.error or self._error
        for kind, times in self._unknown.items():
            answer.unknown[kind] = answer.unknown.get(kind, 0) + times
        return answer

    def _item(self, index: int) -> dict[str, Any]:
        item = dict(self._items[index])
        for (at, kind), pieces in self._pieces.items():
            if at != index:
                continue
            text = "".join(pieces)
            if "arguments" in kind:
                item["arguments"] = text
            elif "custom_tool_call_input" in kind:
                item["input"] = text
            elif "reasoning" in kind:
                item["summary"] = [{"type": "summary_text", "text": text}]
            elif "output_text" in kind or "refusal" in kind:
                item["content"] = [{"type": "output_text", "text": text}]
        return item


reading = Reading("input", read_question, read_answer, Heard)
