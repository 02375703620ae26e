"""Log records that coding agents send as telemetry: Claude Code, Codex, Gemini CLI.

Names are `claude_code.user_prompt`, `codex.tool_decision`, `gemini_cli.tool_call` and
the like; what they say is in their attributes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from roguewatch.events import Usage
from roguewatch.sources.otel_wire import LogRecord
from roguewatch.sources.telling import as_arguments

_SURFACES = {"claude_code": "claude-code", "codex": "codex", "gemini_cli": "gemini-cli"}
_DECISIONS = {"accept": "allow", "approved": "allow", "reject": "deny", "denied": "deny"}
_SERVICES = {"claude-code": "claude_code", "codex_cli_rs": "codex", "gemini-cli": "gemini_cli"}


def told_by_log(record: LogRecord) -> Iterator[dict[str, Any]]:
    """Event fields, with `kind` and `key`, of what a log record says; none where it is
    no agent's."""
    attributes = record.attributes
    prefix, _, event = record.name.rpartition(".")
    if prefix not in _SURFACES:
        # Claude Code puts the bare name into `event.name`
        prefix = _SERVICES.get(str(record.resource.get("service.name")), "")
    if prefix not in _SURFACES:
        if record.name.startswith("gen_ai."):
            yield _fields(record, "other", "otel", detail=_detail(record, event))
        return
    surface = _SURFACES[prefix]
    tool = _text(attributes, "tool_name", "function_name")
    call_id = _text(attributes, "tool_use_id", "call_id").strip()
    common = {
        "prompt_id": _text(attributes, "prompt.id", "prompt_id"),
        "tool": tool,
        "call_id": call_id,
    }
    if event == "user_prompt":
        text = _text(attributes, "prompt")
        yield _fields(record, "user_message", surface, author="human", text=text, **common)
    elif event == "tool_decision":
        decision = _text(attributes, "decision")
        detail = {"decision": _DECISIONS.get(decision, decision), "by": _text(attributes, "source")}
        yield _fields(record, "approval", surface, detail=_json(detail), **common)
    elif event in ("tool_result", "tool_call"):
        success = attributes.get("success")
        arguments = _text(attributes, "tool_input", "tool_parameters", "arguments", "function_args")
        yield _fields(
            record,
            "tool_result",
            surface,
            author="tool",
            text=_text(attributes, "output", "result", "error"),
            arguments=as_arguments(arguments) if arguments else "",
            failed=None if success is None else str(success).lower() != "true",
            detail=_detail(record, event),
            **common,
        )
    elif event in ("api_request", "api_response", "sse_event") and "output_tokens" in attributes:
        usage = Usage(
            input=_number(attributes, "input_tokens"),
            output=_number(attributes, "output_tokens"),
            cache_read=_number(attributes, "cache_read_tokens"),
            cache_write=_number(attributes, "cache_creation_tokens"),
        )
        model, request = _text(attributes, "model"), _text(attributes, "request_id")
        yield _fields(
            record, "usage", surface, usage=usage, model=model, request_id=request, **common
        )
    else:
        yield _fields(record, "other", surface, detail=_detail(record, event), **common)


def _fields(record: LogRecord, kind: str, surface: str, **fields: Any) -> dict[str, Any]:
    content = msgspec.json.encode([record.attributes, record.body]).decode("utf-8", "replace")
    key = (record.name, str(record.time), record.span_id, content)
    return {"kind": kind, "key": key, "surface": surface, "time": record.time, **fields}


def _detail(record: LogRecord, event: str) -> str:
    left_out = ("prompt", "output", "tool_input", "tool_parameters", "session.id")
    kept = {key: value for key, value in record.attributes.items() if key not in left_out}
    return _json({"event": event, **kept})


def _text(attributes: dict[str, Any], *keys: str) -> str:
    value = next((attributes[key] for key in keys if attributes.get(key) is not None), "")
    return value if isinstance(value, str) else _json(value)


def _number(attributes: dict[str, Any], key: str) -> int:
    value = attributes.get(key)
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 1 << 62 else 0


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode("utf-8", "replace")
