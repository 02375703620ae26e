"""Write a story as the agents' own programs would: Claude Code, Codex, Gemini, Copilot."""

from __future__ import annotations

import json
from typing import Any

from tools.examples.story import Story, Turn, stamp


def lines(records: list[dict[str, Any]]) -> str:
    """JSON lines."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def claude_code(story: Story, *, agent: str = "", session: str = "") -> str:
    """A Claude Code session file; with `agent`, the file of that subagent."""
    session = session or story.id()
    records: list[dict[str, Any]] = []
    parent: str | None = None

    def record(moment: Any, kind: str, message: dict[str, Any], **more: Any) -> None:
        nonlocal parent
        uuid = story.id("line", len(records))
        records.append({
            "parentUuid": parent, "isSidechain": bool(agent), "userType": "external",
            "cwd": story.cwd, "sessionId": session, "version": story.version,
            "gitBranch": "main", **({"agentId": agent} if agent else {}), "type": kind,
            "message": message, "uuid": uuid, "timestamp": stamp(moment), **more,
        })  # fmt: skip
        parent = uuid

    names = {"shell": "Bash", "read": "Read", "edit": "Edit", "fetch": "WebFetch", "task": "Task"}
    keys = {"path": "file_path", "old": "old_string", "new": "new_string"}
    for n, (moment, turn) in enumerate(story.timed()):
        if turn.kind == "user":
            mode = {} if agent else {"permissionMode": story.mode}
            record(moment, "user", {"role": "user", "content": turn.text}, **mode)
            continue
        content: dict[str, Any] = {"type": "text", "text": turn.text}
        if turn.kind == "think":
            content = {
                "type": "thinking",
                "thinking": turn.text,
                "signature": story.short("sig", n),
            }
        call = "toolu_" + story.short("call", n)
        if turn.kind == "call":
            given = {keys.get(key, key): value for key, value in turn.arguments.items()}
            content = {"type": "tool_use", "id": call, "name": names[turn.tool], "input": given}
        record(
            moment, "assistant",
            {
                "id": "msg_" + story.short("msg", n), "type": "message", "role": "assistant",
                "model": story.model, "content": [content],
                "stop_reason": "tool_use" if turn.kind == "call" else "end_turn",
                "usage": {"input_tokens": 40, "output_tokens": 20 + len(turn.text) // 4,
                          "cache_read_input_tokens": 9000 + 400 * n, "cache_creation_input_tokens": 300},
            },
            requestId="req_" + story.short("req", n),
        )  # fmt: skip
        if turn.kind == "call":
            output = (f"Exit code {turn.exit}\n" if turn.exit else "") + turn.output
            result = {
                "tool_use_id": call,
                "type": "tool_result",
                "content": output,
                "is_error": bool(turn.exit),
            }
            record(moment, "user", {"role": "user", "content": [result]})
    return lines(records)


def codex(story: Story) -> str:
    """A Codex rollout of CLI 0.16x."""
    policy, sandbox = story.mode.split("/")
    first = stamp(story.start)
    records: list[dict[str, Any]] = []

    def record(moment: str, kind: str, payload: dict[str, Any]) -> None:
        records.append({"timestamp": moment, "type": kind, "payload": payload})

    record(first, "session_meta", {
        "id": story.id(), "timestamp": first, "cwd": story.cwd, "originator": "codex-tui",
        "cli_version": story.version, "source": "cli", "model_provider": "openai",
    })  # fmt: skip
    turn_number = 0
    for n, (when, turn) in enumerate(story.timed()):
        moment = stamp(when)
        if turn.kind == "user":
            turn_number += 1
            record(moment, "turn_context", {
                "turn_id": story.id("turn", turn_number), "cwd": story.cwd,
                "approval_policy": policy, "sandbox_policy": {"type": sandbox},
                "model": story.model, "effort": "medium", "summary": "auto",
            })  # fmt: skip
            text = [{"type": "input_text", "text": turn.text}]
            record(moment, "response_item", {"type": "message", "role": "user", "content": text})
        elif turn.kind == "say":
            text = [{"type": "output_text", "text": turn.text}]
            record(
                moment, "response_item", {"type": "message", "role": "assistant", "content": text}
            )
        elif turn.kind == "think":
            summary = [{"type": "summary_text", "text": turn.text}]
            record(moment, "response_item", {"type": "reasoning", "summary": summary})
        else:
            call = "call_" + story.short("call", n)
            if turn.tool == "edit":
                record(moment, "response_item", {
                    "type": "custom_tool_call", "status": "completed", "call_id": call,
                    "name": "apply_patch", "input": _patch(turn),
                })  # fmt: skip
                output = "Success. Updated the following files:\nM " + turn.arguments["path"]
                kind = "custom_tool_call_output"
            else:
                arguments = json.dumps({"cmd": turn.arguments["command"], "workdir": story.cwd})
                record(moment, "response_item", {
                    "type": "function_call", "name": "exec_command", "arguments": arguments,
                    "call_id": call,
                })  # fmt: skip
                output = f"Wall time: 0.8 seconds\nProcess exited with code {turn.exit}\nOutput:\n{turn.output}"
                kind = "function_call_output"
            record(moment, "response_item", {"type": kind, "call_id": call, "output": output})
    return lines(records)


def _patch(turn: Turn) -> str:
    old = "".join(f"-{line}\n" for line in turn.arguments["old"].splitlines())
    new = "".join(f"+{line}\n" for line in turn.arguments["new"].splitlines())
    return (
        f"*** Begin Patch\n*** Update File: {turn.arguments['path']}\n@@\n{old}{new}*** End Patch\n"
    )


def gemini(story: Story) -> str:
    """A Gemini CLI session file."""
    names = {
        "shell": "run_shell_command",
        "read": "read_file",
        "edit": "replace",
        "fetch": "web_fetch",
    }
    messages: list[dict[str, Any]] = []
    thoughts: list[dict[str, Any]] = []
    for n, (when, turn) in enumerate(story.timed()):
        moment = stamp(when)
        base = {"id": story.id("message", n), "timestamp": moment}
        if turn.kind == "user":
            messages.append({**base, "type": "user", "content": turn.text})
            continue
        if turn.kind == "think":
            thoughts.append({"subject": "Thinking", "description": turn.text, "timestamp": moment})
            continue
        message = {
            **base,
            "type": "gemini",
            "content": turn.text,
            "thoughts": thoughts,
            "model": story.model,
        }
        if turn.kind == "call":
            call = f"{names[turn.tool]}-{story.short('call', n)}"
            given = turn.arguments
            if turn.tool == "fetch":
                given = {"prompt": f"Summarise {turn.arguments['url']}"}
            elif turn.tool == "edit":
                given = {
                    "file_path": given["path"],
                    "old_string": given["old"],
                    "new_string": given["new"],
                }
            response = {"id": call, "name": names[turn.tool], "response": {"output": turn.output}}
            message["toolCalls"] = [{
                "id": call, "name": names[turn.tool], "args": given,
                "result": [{"functionResponse": response}], "status": "success", "timestamp": moment,
            }]  # fmt: skip
        thoughts = []
        messages.append(message)
    timed = story.timed()
    document = {
        "sessionId": story.id(), "projectHash": story.short("project"),
        "startTime": stamp(story.start), "lastUpdated": stamp(timed[-1][0]), "messages": messages,
    }  # fmt: skip
    return json.dumps(document, indent=1) + "\n"


def copilot(story: Story) -> str:
    """A Copilot CLI events file."""
    records: list[dict[str, Any]] = []

    def record(moment: str, kind: str, data: dict[str, Any]) -> None:
        parent = records[-1]["id"] if records else None
        records.append({
            "type": kind, "data": data, "id": story.id("record", len(records)),
            "timestamp": moment, "parentId": parent,
        })  # fmt: skip

    record(stamp(story.start), "session.start", {
        "sessionId": story.id(), "version": 1, "producer": "copilot-agent",
        "copilotVersion": story.version, "startTime": stamp(story.start),
        "selectedModel": story.model, "context": {"cwd": story.cwd, "gitRoot": story.cwd, "branch": "main"},
    })  # fmt: skip
    names = {"shell": "bash", "read": "view", "edit": "edit"}
    for n, (when, turn) in enumerate(story.timed()):
        moment, about = stamp(when), {"interactionId": story.id("interaction")}
        if turn.kind == "user":
            record(moment, "user.message", {"content": turn.text, "attachments": [], **about})
            continue
        message: dict[str, Any] = {"messageId": story.id("said", n), "model": story.model, "content": turn.text,
                   "toolRequests": [], **about}  # fmt: skip
        if turn.kind == "call":
            call = "call_" + story.short("call", n)
            given = dict(turn.arguments)
            if turn.tool == "edit":
                given = {"path": given["path"], "old_str": given["old"], "new_str": given["new"]}
            message["toolRequests"] = [
                {
                    "toolCallId": call,
                    "name": names[turn.tool],
                    "arguments": given,
                    "type": "function",
                }
            ]
            record(moment, "assistant.message", message)
            record(
                moment,
                "tool.execution_start",
                {"toolCallId": call, "toolName": names[turn.tool], "arguments": given},
            )
            record(moment, "tool.execution_complete", {
                "toolCallId": call, "success": not turn.exit, "model": story.model, **about,
                "result": {"content": f"{turn.output}\n<exited with exit code {turn.exit}>"},
            })  # fmt: skip
        else:
            record(moment, "assistant.message", message)
    record(stamp(story.timed()[-1][0]), "session.shutdown", {"shutdownType": "routine"})
    return lines(records)
