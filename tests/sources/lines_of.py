"""Session files in one line each: `claude("user", "hello")`, `codex("function_call", …)`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import Any

from roguewatch.events import Event
from roguewatch.sources.reading import Reading, read

_ordinal = count(1)


def write(path: Path, records: Iterable[dict[str, Any] | str | bytes]) -> Path:
    """A file of lines; a dict is written as JSON."""
    data = b""
    for record in records:
        if isinstance(record, dict):
            record = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
        data += (record.encode() if isinstance(record, str) else record) + b"\n"
    path.write_bytes(data)
    return path


def reading(path: Path) -> tuple[Reading, list[Event]]:
    """The one reading of a path, with its events."""
    (found,) = list(read([path]))
    events = list(found.events())
    return found, events


def events(path: Path) -> list[Event]:
    return reading(path)[1]


def of_kind(kind: str, among: Iterable[Event]) -> list[Event]:
    return [event for event in among if event.kind == kind]


def claude(kind: str, content: Any = None, **fields: Any) -> dict[str, Any]:
    """A line of a Claude Code session."""
    number = next(_ordinal)
    line: dict[str, Any] = {
        "parentUuid": None,
        "isSidechain": False,
        "userType": "external",
        "cwd": "/home/a/project",
        "sessionId": "s-1",
        "version": "2.1.20",
        "gitBranch": "main",
        "type": kind,
        "uuid": f"u-{number}",
        "timestamp": f"2026-03-01T10:{number // 60 % 60:02}:{number % 60:02}.250Z",
    }
    if kind == "assistant":
        line["message"] = {
            "model": "claude-x",
            "id": f"msg_{number}",
            "type": "message",
            "role": "assistant",
            "content": content,
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 5, "output_tokens": 7, "cache_read_input_tokens": 11},
        }
        line["requestId"] = f"req_{number}"
    elif kind == "user":
        line["message"] = {"role": "user", "content": content}
    line.update(fields)
    return line


def use(name: str, call_id: str, **arguments: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_use", "id": call_id, "name": name, "input": arguments}]


def answer(call_id: str, text: Any, **fields: Any) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": call_id, "content": text, **fields}]


def meta(**fields: Any) -> dict[str, Any]:
    """The first line of a Codex rollout."""
    payload = {
        "id": "t-1",
        "timestamp": "2026-03-01T10:00:00Z",
        "cwd": "/home/a/project",
        "originator": "codex-tui",
        "cli_version": "0.140.0",
        "source": "cli",
        "model_provider": "openai",
        "git": None,
        **fields,
    }
    return {"timestamp": "2026-03-01T10:00:00.000Z", "type": "session_meta", "payload": payload}


def codex(kind: str, envelope: str = "response_item", **fields: Any) -> dict[str, Any]:
    """A line of a Codex rollout."""
    number = next(_ordinal)
    payload = {"type": kind, **fields} if kind else fields
    time = f"2026-03-01T10:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z"
    return {"timestamp": time, "type": envelope, "payload": payload}
