"""Small valid files of each format, that the fuzzer damages."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tests.sources.lines_of import answer, claude, codex, meta, use


def _lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def _eval() -> bytes:
    sample = {
        "id": 1,
        "epoch": 1,
        "input": "x",
        "target": "y",
        "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
        "scores": {"a": {"value": "C"}},
        "attachments": {},
        "events": [],
    }
    header = {"version": 2, "status": "success", "eval": {"task": "t", "model": "m", "run_id": "r"}}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        archive.writestr("samples/1_epoch_1.json", json.dumps(sample))
    return packed.getvalue()


def seeds() -> dict[str, list[bytes]]:
    """By source name."""
    chat = {
        "messages": [
            {"role": "user", "content": "x"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                ],
            },
            {"role": "tool", "tool_call_id": "c", "content": "y"},
        ]
    }
    attributes = [
        {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
        {"key": "gen_ai.tool.call.arguments", "value": {"stringValue": "{}"}},
    ]
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "execute_tool bash",
        "startTimeUnixNano": "1763712000000000000",
        "attributes": attributes,
    }
    otel = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}
    step = {"action": "ls", "observation": "a", "response": "r", "thought": "t", "state": "{}"}
    gemini = {
        "sessionId": "g",
        "projectHash": "h",
        "messages": [
            {"id": "m", "type": "user", "content": "x", "timestamp": "2026-01-01T00:00:00Z"},
            {
                "id": "n",
                "type": "gemini",
                "content": "",
                "toolCalls": [
                    {"id": "c", "name": "f", "args": {}, "result": [], "status": "error"}
                ],
                "tokens": {"input": 1},
            },
        ],
    }
    progress = {
        "type": "agent_progress",
        "agentId": "a",
        "message": claude("user", answer("z", "q")),
    }
    return {
        "claude-code": [
            _lines(
                claude("user", "hi", permissionMode="plan"),
                claude("assistant", use("Bash", "c1", command="ls")),
                claude("user", answer("c1", [{"type": "text", "text": "x"}]), toolUseResult={}),
                claude("progress", data=progress),
                claude("system", subtype="compact_boundary", compactMetadata={}),
                claude("attachment", attachment={"type": "hook_success", "hookName": "h"}),
                {"type": "summary", "summary": "s", "leafUuid": "u"},
            ),
            _lines({"display": "d", "project": "p", "timestamp": 1}),
        ],
        "codex": [
            _lines(
                meta(source={"subagent": {"thread_spawn": {"parent_thread_id": "r"}}}),
                codex("", "turn_context", cwd="/", approval_policy="never", summary="auto"),
                codex("message", role="user", content=[{"type": "input_text", "text": "x"}]),
                codex("function_call", name="f", arguments="{}", call_id="c"),
                codex("function_call_output", call_id="c", output="Exit code: 1\nOutput:\n"),
                codex("local_shell_call", call_id="d", action={"command": ["ls"]}),
                codex("token_count", "event_msg", info={"total_token_usage": {"input_tokens": 1}}),
                codex("patch_apply_end", "event_msg", changes={"/a": {"type": "add"}}),
            ),
            _lines(
                {"type": "thread.started", "thread_id": "t"},
                {
                    "type": "item.completed",
                    "item": {
                        "id": "i",
                        "type": "command_execution",
                        "command": "ls",
                        "exit_code": 0,
                    },
                },
            ),
        ],
        "gemini-cli": [json.dumps(gemini).encode(), _lines(*[gemini, *gemini["messages"]])],
        "copilot-cli": [
            _lines(
                {"type": "session.start", "data": {"sessionId": "s", "context": {}}, "id": "1"},
                {"type": "tool.execution_start", "data": {"toolCallId": "c", "arguments": {}}},
                {"type": "tool.execution_complete", "data": {"toolCallId": "c", "result": {}}},
                {
                    "type": "permission.completed",
                    "data": {"result": {"kind": "approved"}},
                    "id": "2",
                },
            )
        ],
        "inspect": [_eval()],
        "otel": [json.dumps(otel).encode(), _lines(otel, otel)],
        "swe-agent": [json.dumps({"trajectory": [step], "history": [], "info": {}}).encode()],
        "chat": [json.dumps(chat).encode(), _lines(chat, chat)],
    }
