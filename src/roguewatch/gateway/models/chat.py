"""OpenAI Chat Completions (API reference, 2026-11; also spoken by many other providers)."""

from __future__ import annotations

from typing import Any

from roguewatch.events import Usage
from roguewatch.gateway.models.items import (
    Answer,
    Item,
    Question,
    Reading,
    as_arguments,
    counted,
    decoded,
    exact_parts,
    listed,
    mapping,
    number,
    string,
    text_of,
)

_SETTINGS = ("max_tokens", "max_completion_tokens", "temperature", "reasoning_effort",
             "tool_choice", "n", "service_tier", "store", "user")  # fmt: skip


def read_question(body: dict[str, Any], raw: bytes) -> Question:
    """A request body."""
    items: list[Item] = []
    parts: list[tuple[int, int]] = []
    exact = exact_parts(raw, "messages")
    for message, part in zip(listed(body.get("messages")), exact, strict=False):
        told = _message(mapping(message), part)
        items += told
        parts.append((len(part), len(told)))
    metadata = mapping(body.get("metadata"))
    return Question(
        model=string(body.get("model")),
        stream=body.get("stream") is True,
        items=tuple(items),
        parts=tuple(parts),
        tools=body.get("tools") or body.get("functions"),
        session=string(metadata.get("session_id") or metadata.get("session")
                       or body.get("prompt_cache_key")),
        settings={key: body[key] for key in _SETTINGS if key in body},
    )  # fmt: skip


def _message(message: dict[str, Any], raw: bytes) -> list[Item]:
    role = message.get("role")
    text = text_of(message.get("content")) if message.get("content") is not None else ""
    if role in ("system", "developer"):
        return [Item(kind="system_message", text=text, raw=raw)]
    if role == "user":
        # The protocol's "user" is whoever runs the agent's loop: a person or its harness.
        return [Item(kind="user_message", text=text, raw=raw)]
    if role in ("tool", "function"):
        return [
            Item(
                kind="tool_result",
                text=text,
                author="tool",
                call_id=string(message.get("tool_call_id")).strip(),
                tool=string(message.get("name")),
                raw=raw,
            )
        ]
    if role == "assistant":
        return _said(message, raw)
    return [Item(kind="other", text=text, detail={"role": string(role)}, raw=raw)]


def _said(message: dict[str, Any], raw: bytes) -> list[Item]:
    items = []
    reasoning = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(reasoning, str) and reasoning:
        items.append(Item(kind="reasoning", text=reasoning, author="agent", raw=raw))
    text = text_of(message["content"]) if message.get("content") else ""
    if not text and string(message.get("refusal")):
        text = string(message.get("refusal"))
    if text:
        items.append(
            Item(kind="agent_message", text=text, author="agent", raw=b"" if items else raw)
        )
    calls = listed(message.get("tool_calls"))
    if isinstance(message.get("function_call"), dict):
        calls = [*calls, {"function": message["function_call"]}]
    for call in map(mapping, calls):
        function = mapping(call.get("function") or call.get("custom"))
        items.append(
            Item(
                kind="tool_call",
                tool=string(function.get("name")),
                call_id=string(call.get("id")).strip(),
                arguments=as_arguments(function.get("arguments", function.get("input"))),
                raw=b"" if items else raw,
            )
        )
    return items


def read_usage(value: Any) -> Usage | None:
    """Tokens; what was read from a cache counts apart."""
    usage = mapping(value)
    if not usage:
        return None
    cached = number(mapping(usage.get("prompt_tokens_details")).get("cached_tokens"))
    details = mapping(usage.get("completion_tokens_details"))
    return Usage(
        input=max(0, number(usage.get("prompt_tokens")) - cached),
        output=number(usage.get("completion_tokens")),
        cache_read=cached,
        reasoning=number(details.get("reasoning_tokens")),
    )


def read_answer(body: dict[str, Any]) -> Answer:
    """A response body that was not streamed."""
    items: list[Item] = []
    stops = []
    for choice in map(mapping, listed(body.get("choices"))):
        items += _said(mapping(choice.get("message")), b"")
        stops.append(string(choice.get("finish_reason")))
    return Answer(
        id=string(body.get("id")),
        model=string(body.get("model")),
        items=tuple(items),
        usage=read_usage(body.get("usage")),
        stop=",".join(filter(None, stops)),
        error=error_of(body),
    )


def error_of(body: dict[str, Any]) -> str:
    """The message of a provider's error; empty where there is none."""
    error = body.get("error")
    if isinstance(error, dict):
        return string(error.get("message")) or string(error.get("type")) or "error"
    return string(error)


class Heard:
    """A streamed completion: deltas put together by choice and call index."""

    def __init__(self) -> None:
        self.finished = False
        self._id = self._model = self._error = ""
        self._usage: Usage | None = None
        self._choices: dict[int, dict[str, Any]] = {}
        self._stops: dict[int, str] = {}
        self._unknown: dict[str, int] = {}

    def hear(self, name: str, data: bytes) -> None:
        """One chunk."""
        if data.strip() == b"[DONE]":
            self.finished = True
            return
        chunk = decoded(data)
        if not chunk:
            counted(self._unknown, name or "chunk")
            return
        self._id = string(chunk.get("id")) or self._id
        self._model = string(chunk.get("model")) or self._model
        self._usage = read_usage(chunk.get("usage")) or self._usage
        self._error = error_of(chunk) or self._error
        for choice in map(mapping, listed(chunk.get("choices"))):
            index = number(choice.get("index"))
            if index >= 128:
                counted(self._unknown, "choice")
                continue
            self._stops[index] = string(choice.get("finish_reason")) or self._stops.get(index, "")
            whole = self._choices.setdefault(
                index, {"content": [], "reasoning": [], "refusal": [], "calls": {}}
            )
            _add(whole, mapping(choice.get("delta")))

    def answer(self) -> Answer:
        """What came so far."""
        items: list[Item] = []
        for _, whole in sorted(self._choices.items()):
            message: dict[str, Any] = {
                key: "".join(whole[key]) for key in ("content", "reasoning", "refusal")
            }
            message["tool_calls"] = [
                {
                    "id": call["id"],
                    "function": {"name": call["name"], "arguments": "".join(call["arguments"])},
                }
                for _, call in sorted(whole["calls"].items())
            ]
            items += _said(message, b"")
        return Answer(
            id=self._id,
            model=self._model,
            items=tuple(items),
            usage=self._usage,
            stop=",".join(filter(None, self._stops.values())),
            error=self._error,
            unknown=self._unknown,
        )


def _add(whole: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, names in (("content", ("content",)), ("refusal", ("refusal",)),
                       ("reasoning", ("reasoning_content", "reasoning"))):  # fmt: skip
        for name in names:
            if isinstance(delta.get(name), str):
                whole[key].append(delta[name])
                break
    calls = listed(delta.get("tool_calls"))
    if isinstance(delta.get("function_call"), dict):
        calls = [*calls, {"index": 0, "function": delta["function_call"]}]
    for call in map(mapping, calls):
        index = number(call.get("index"))
        if index >= 1024:
            continue
        known = whole["calls"].setdefault(index, {"id": "", "name": "", "arguments": []})
        function = mapping(call.get("function") or call.get("custom"))
        known["id"] = string(call.get("id")) or known["id"]
        known["name"] = string(function.get("name")) or known["name"]
        known["arguments"].append(string(function.get("arguments", function.get("input"))))


reading = Reading("messages", read_question, read_answer, Heard)
