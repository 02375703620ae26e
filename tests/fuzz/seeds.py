"""Small valid files of each format, that the fuzzer damages."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import zstandard

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
    contents = [
        {"role": "user", "parts": [{"text": "x"}]},
        {
            "role": "model",
            "parts": [{"functionCall": {"name": "f", "args": {}}}, {"thought": True}],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]},
    ]
    items = [
        {"role": "user", "content": "x"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": [{"text": "y"}]},
        {"type": "web_search_call", "id": "w", "action": {}},
    ]
    tau2 = {"info": {}, "simulations": [{"id": "s", **chat}, {"id": "t", "messages": items}]}
    mini = {
        "info": {"mini_version": "2", "exit_status": "Submitted"},
        "messages": [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "```bash\nls\n```", "extra": {"actions": []}},
            {"role": "user", "content": "<returncode>0</returncode>", "extra": {"returncode": 0}},
            {"object": "response", "output": [], "extra": {"actions": [{"command": "ls"}]}},
            {"role": "exit", "extra": {"exit_status": "Submitted"}},
        ],
    }
    rollout = _lines(meta(), codex("message", role="user", content=[]))
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
            _lines(
                claude("attachment", attachment={"type": "teammate_mailbox", "messages": [{}]}),
                claude("attachment", attachment={"type": "prompt_snapshot", "systemPrompt": []}),
                claude("system", subtype="scheduled_task_fire"),
                claude("user", "x", origin={"kind": "peer"}, toolDenialKind="user-rejected"),
                {"type": "cost-state", "sessionId": "s-1", "modelUsage": {}},
            ),
            _lines(
                {"type": "system", "subtype": "init", "session_id": "s", "tools": []},
                {"type": "result", "session_id": "s", "permission_denials": [{"tool_input": {}}]},
            ),
            json.dumps(
                [
                    {"type": "system", "subtype": "init", "session_id": "s", "tools": []},
                    {"type": "result", "session_id": "s", "num_turns": 1, "is_error": True},
                ]
            ).encode(),
            _lines({"display": "d", "project": "p", "timestamp": 1}),
            _lines({"type": "started", "key": "k", "agentId": "a"}),
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
                codex("guardian_assessment", "event_msg", status="denied", target_item_id="c"),
                codex("thread_settings_applied", "event_msg", thread_settings={"model": "m"}),
            ),
            zstandard.ZstdCompressor().compress(rollout),
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
        "gemini-cli": [
            json.dumps(gemini).encode(),
            _lines(*[gemini, *gemini["messages"]]),
            _lines(
                {"type": "init", "timestamp": "", "session_id": "s", "model": "m"},
                {"type": "message", "role": "assistant", "content": "x", "delta": True},
                {"type": "message", "role": "assistant", "content": "y", "delta": True},
                {"type": "tool_use", "tool_name": "f", "tool_id": "c", "parameters": {}},
                {"type": "tool_result", "tool_id": "c", "status": "error", "error": {}},
                {"type": "result", "status": "success", "stats": {"input_tokens": 1}},
            ),
        ],
        "copilot-cli": [
            json.dumps(
                {
                    "sessionId": "s",
                    "startTime": "2025-10-08T21:10:16.398Z",
                    "chatMessages": chat["messages"],
                    "timeline": [{"type": "user", "timestamp": ""}, {"callId": "c", "result": {}}],
                },
                indent=1,
            ).encode(),
            _lines(
                {"type": "session.start", "data": {"sessionId": "s", "context": {}}, "id": "1"},
                {"type": "tool.execution_start", "data": {"toolCallId": "c", "arguments": {}}},
                {"type": "tool.execution_complete", "data": {"toolCallId": "c", "result": {}}},
                {
                    "type": "permission.completed",
                    "data": {"result": {"kind": "approved"}},
                    "id": "2",
                },
            ),
        ],
        "inspect": [_eval()],
        "otel": [json.dumps(otel).encode(), _lines(otel, otel)],
        "swe-agent": [
            json.dumps({"trajectory": [step], "history": [], "info": {}}).encode(),
            json.dumps(mini).encode(),
        ],
        "chat": [
            json.dumps(chat).encode(),
            _lines(chat, chat),
            *(json.dumps(each).encode() for each in (contents, items, tau2)),
            _lines({"run": 1}, contents, chat["messages"]),
            b"\n".join(json.dumps(each, indent=1).encode() for each in (chat, items, chat)),
        ],
    }
