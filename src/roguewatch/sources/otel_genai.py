"""What a GenAI span says, whichever convention its attributes follow.

OpenTelemetry GenAI semantic conventions before and after v1.36 (`gen_ai.prompt.N.…`,
span events `gen_ai.user.message`, then `gen_ai.input.messages`), MCP spans, OpenInference
(`llm.input_messages.N.message.…`), OpenLLMetry (`traceloop.…`), any-agent
(`gen_ai.tool.args`, `gen_ai.output`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from roguewatch.events import Usage
from roguewatch.sources.otel_wire import Span
from roguewatch.sources.telling import as_arguments

_DEEPEST = 64

_INFERENCE = frozenset(["chat", "text_completion", "generate_content", "call_llm", "completion"])
_AGENT = frozenset(("invoke_agent", "create_agent", "invoke_workflow"))
_OTHERS = frozenset(
    [
        "embeddings",
        "retrieval",
        "plan",
        "create_memory",
        "create_memory_store",
        "delete_memory",
        "delete_memory_store",
        "search_memory",
        "update_memory",
        "upsert_memory",
    ]
)
_INDEXED = re.compile(
    r"(?:gen_ai|llm)\.(prompt|completion|input_messages|output_messages)\.(\d+)\.(.+)"
)
_CALL = re.compile(r"tool_calls\.(\d+)\.(?:tool_call\.)?(.+)")
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
    "gen_ai.choice": "assistant",
}
_MOST_INDEXED = 100_000


def nature(span: Span) -> str:
    """inference, tool, agent, other, or empty for a span that is not of an agent at all."""
    attributes = span.attributes
    operation = str(attributes.get("gen_ai.operation.name") or "")
    if operation == "execute_tool" or attributes.get("mcp.method.name") == "tools/call":
        return "tool"
    if operation in _AGENT:
        return "agent"
    if operation in _INFERENCE:
        return "inference"
    if operation in _OTHERS:
        return "other"
    kind = str(
        attributes.get("openinference.span.kind") or attributes.get("traceloop.span.kind") or ""
    ).upper()
    named = {"LLM": "inference", "TOOL": "tool", "AGENT": "agent"}.get(kind)
    if named is not None:
        return named
    if (
        operation
        or kind in ("GUARDRAIL", "EVALUATOR", "RETRIEVER")
        or "mcp.method.name" in attributes
    ):
        return "other"
    if "gen_ai.tool.name" in attributes or "gen_ai.tool.call.id" in attributes:
        return "tool"
    if "gen_ai.request.model" in attributes or "llm.model_name" in attributes:
        return "inference"
    return ""


def session_of(attributes: dict[str, Any]) -> str:
    """The conversation that a span or log record names, else empty."""
    for key in (
        "gen_ai.conversation.id",
        "session.id",
        "traceloop.association.properties.session_id",
    ):
        value = attributes.get(key)
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def model_of(attributes: dict[str, Any]) -> str:
    return first(attributes, "gen_ai.response.model", "gen_ai.request.model", "llm.model_name")


def first(attributes: dict[str, Any], *keys: str) -> str:
    """The first of these attributes that is there, as text."""
    for key in keys:
        value = attributes.get(key)
        if value is not None and value != "":
            return value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return ""


def tool_of(span: Span) -> dict[str, str]:
    """`tool`, `call_id` and `arguments` of a tool span."""
    attributes = span.attributes
    name = first(
        attributes, "gen_ai.tool.name", "tool.name", "mcp.tool.name", "traceloop.entity.name"
    )
    if not name:
        name = span.name.removeprefix("execute_tool ").removeprefix("tools/call ")
    return {
        "tool": name,
        "call_id": first(attributes, "gen_ai.tool.call.id", "tool_call.id", "tool.id").strip(),
        "arguments": as_arguments(
            first(
                attributes,
                "gen_ai.tool.call.arguments",
                "gen_ai.tool.args",
                "tool.parameters",
                "input.value",
                "mcp.request.arguments",
                "traceloop.entity.input",
            )
        ),
    }


def tool_result_of(span: Span) -> str:
    """What the tool returned, under any of the names that it has had."""
    return first(
        span.attributes,
        "gen_ai.tool.call.result",
        "gen_ai.tool.call.response",
        "gen_ai.output",
        "output.value",
        "traceloop.entity.output",
    )


def usage_of(attributes: dict[str, Any]) -> Usage | None:
    """Tokens; `gen_ai.usage.input_tokens` includes those from and to the cache."""

    def number(*keys: str) -> int:
        for key in keys:
            value = attributes.get(key)
            if isinstance(value, int | float) and 0 <= value < 1 << 62:
                return int(value)
            if isinstance(value, str) and value.isdecimal() and len(value) < 19:
                return int(value)
        return 0

    read = number(
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
    )
    written = number(
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
    )
    taken = number(
        "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"
    )
    given = number(
        "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"
    )
    reasoning = number(
        "gen_ai.usage.reasoning.output_tokens", "llm.token_count.completion_details.reasoning"
    )
    if not (taken or given or read or written):
        return None
    return Usage(max(taken - read - written, 0), given, read, written, reasoning)


def messages_of(span: Span) -> Iterator[tuple[dict[str, Any], bool]]:
    """The messages that a span holds, as chat messages, and whether each is its output."""
    attributes = span.attributes
    indexed = _indexed(attributes)
    system = _decoded(attributes.get("gen_ai.system_instructions"))
    if system:
        yield {"role": "system", "content": system}, False
    details = [
        moment.attributes
        for moment in span.moments
        if moment.name == "gen_ai.client.inference.operation.details"
    ]
    for told in (attributes, *details):
        for key, output in (("gen_ai.input.messages", False), ("gen_ai.output.messages", True)):
            for message in _messages(told.get(key), "assistant" if output else "user"):
                yield message, output
    for message in indexed["prompt"]:
        yield message, False
    for moment in span.moments:
        yield from _moment(moment.name, moment.attributes)
    for message in indexed["completion"]:
        yield message, True
    if "gen_ai.output.messages" not in attributes and "gen_ai.output" in attributes:
        yield from _any_agent_output(attributes["gen_ai.output"])
    elif (
        attributes.get("output.value")
        and not indexed["completion"]
        and str(attributes.get("openinference.span.kind")).upper() == "LLM"
    ):
        yield {"role": "assistant", "content": first(attributes, "output.value")}, True


def _decoded(value: Any) -> Any:
    """JSON in a string attribute, or the value itself."""
    if isinstance(value, str) and value[:1] in "[{" and value:
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return value
    return value


def _messages(value: Any, role: str) -> Iterator[dict[str, Any]]:
    value = _decoded(value)
    if isinstance(value, str) and value:
        yield {"role": role, "content": value}
    for message in value if isinstance(value, list) else [value]:
        if isinstance(message, dict):
            yield message if "role" in message else {"role": role} | message


def _indexed(attributes: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Messages that are spread over attributes `gen_ai.prompt.0.role`, ….content, …"""
    found: dict[str, dict[int, dict[str, Any]]] = {"prompt": {}, "completion": {}}
    calls: dict[tuple[str, int], dict[int, dict[str, Any]]] = {}
    for key, value in attributes.items():
        match = _INDEXED.fullmatch(key) if key[:3] in ("gen", "llm") else None
        if match is None or len(match[2]) > 6:
            continue
        side = "prompt" if match[1] in ("prompt", "input_messages") else "completion"
        number, field = int(match[2]), match[3].removeprefix("message.")
        message = found[side].setdefault(number, {})
        call = _CALL.fullmatch(field)
        if call is not None and len(call[1]) <= 6:
            of = calls.setdefault((side, number), {}).setdefault(int(call[1]), {})
            of[call[2].removeprefix("function.")] = value
        elif field.startswith("contents.") and field.endswith(".message_content.text"):
            message.setdefault("content", []).append({"type": "text", "text": str(value)})
        elif field in ("role", "content", "tool_call_id", "name"):
            message[field] = value
    for (side, number), made in calls.items():
        found[side][number]["tool_calls"] = [made[place] for place in sorted(made)]
    ordered: dict[str, list[dict[str, Any]]] = {}
    for side, messages in found.items():
        role = "assistant" if side == "completion" else "user"
        ordered[side] = [{"role": role} | messages[place] for place in sorted(messages)]
    return ordered


def _moment(name: str, attributes: dict[str, Any]) -> Iterator[tuple[dict[str, Any], bool]]:
    """Messages that older conventions tell as events of the span."""
    if name in ("gen_ai.content.prompt", "gen_ai.content.completion"):
        output = name.endswith("completion")
        held = attributes.get("gen_ai.completion" if output else "gen_ai.prompt")
        for message in _messages(held, "assistant" if output else "user"):
            yield message, output
    elif name in _ROLES:
        yield message_of_event(name, attributes), name == "gen_ai.choice"


def message_of_event(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    """A chat message of an event `gen_ai.user.message`, `gen_ai.choice` and their kin."""
    inner = _decoded(fields.get("message"))
    fields = fields | inner if isinstance(inner, dict) else fields
    message: dict[str, Any] = {"role": fields.get("role") or _ROLES[name]}
    message["content"] = _decoded(fields.get("content"))
    calls = _decoded(fields.get("tool_calls"))
    if calls:
        message["tool_calls"] = calls if isinstance(calls, list) else [calls]
    if name == "gen_ai.tool.message":
        message["tool_call_id"] = fields.get("id")
        message["name"] = fields.get("name")
    return message


def is_message_event(name: str) -> bool:
    return name in _ROLES


def _any_agent_output(value: Any) -> Iterator[tuple[dict[str, Any], bool]]:
    """any-agent's `gen_ai.output`: text, or a list of {"tool.name", "tool.args"}."""
    decoded = _decoded(value)
    if isinstance(decoded, list) and all(
        isinstance(each, dict) and "tool.name" in each for each in decoded
    ):
        calls = [
            {"name": each["tool.name"], "arguments": each.get("tool.args")} for each in decoded
        ]
        yield {"role": "assistant", "content": None, "tool_calls": calls}, True
    elif value:
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        yield {"role": "assistant", "content": text}, True


def agents_around(span: Span, spans: dict[str, Span]) -> list[str]:
    """Names of the agents around a span, innermost first; the last is the session's own."""
    names = []
    here: Span | None = span
    for _ in range(_DEEPEST):
        if here is None:
            break
        if nature(here) == "agent":
            names.append(first(here.attributes, "gen_ai.agent.name", "agent.name") or here.name)
        here = spans.get(here.parent_id)
    return names
