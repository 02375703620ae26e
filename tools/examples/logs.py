"""Write stories as logs of evaluations, traces and chats: Inspect, OTLP, chat, SWE-agent."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from tools.examples.formats import lines
from tools.examples.story import Story, stamp


def inspect_eval(stories: tuple[Story, ...]) -> bytes:
    """An Inspect `.eval` log: a zip of one JSON member a sample, the same bytes every time."""
    first = stories[0]
    head = {
        "version": 2,
        "eval": {
            "eval_id": first.short("eval"), "run_id": first.short("run"), "created": stamp(first.start),
            "task": "impossible_port", "task_id": first.short("task"), "task_version": 0,
            "model": first.model, "dataset": {"name": "ports", "samples": len(stories)},
            "config": {"epochs": 1}, "packages": {"inspect_ai": first.version},
        },
        "plan": {"name": "plan", "steps": [{"solver": "react", "params": {}}]},
    }  # fmt: skip
    members: dict[str, Any] = {"_journal/start.json": head}
    summaries = []
    for story in stories:
        sample = _sample(story)
        members[f"samples/{sample['id']}_epoch_1.json"] = sample
        keys = ("id", "epoch", "input", "target", "scores", "uuid")
        summaries.append({key: sample[key] for key in keys} | {"completed": True})
    members["summaries.json"] = summaries
    members["header.json"] = {
        **head, "status": "success",
        "results": {"total_samples": len(stories), "completed_samples": len(stories), "scores": []},
        "stats": {"started_at": stamp(first.start), "completed_at": stamp(stories[-1].timed()[-1][0])},
    }  # fmt: skip
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            info = zipfile.ZipInfo(name, (2026, 11, 20, 11, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, json.dumps(value))
    return buffer.getvalue()


def _sample(story: Story) -> dict[str, Any]:
    messages: list[dict[str, Any]] = []
    events: list[dict[str, Any]] = []
    for n, (when, turn) in enumerate(story.timed()):
        moment, id = stamp(when), story.short("message", n)
        base = {
            "uuid": story.short("event", n),
            "timestamp": moment,
            "span_id": story.short("span"),
        }
        if turn.kind == "user":
            messages.append({"id": id, "content": turn.text, "source": "input", "role": "user"})
            continue
        call = "call_" + story.short("call", n)
        said: dict[str, Any] = {
            "id": id,
            "content": turn.text,
            "source": "generate",
            "role": "assistant",
            "model": story.model,
        }
        if turn.kind == "call":
            said["tool_calls"] = [
                {
                    "id": call,
                    "function": "bash",
                    "arguments": {"cmd": turn.arguments["command"]},
                    "type": "function",
                }
            ]
        output = {
            "model": story.model,
            "choices": [
                {"message": said, "stop_reason": "tool_calls" if turn.kind == "call" else "stop"}
            ],
        }
        events.append(
            {
                **base,
                "event": "model",
                "model": story.model,
                "input": list(messages),
                "output": output,
                "tools": [],
                "config": {},
            }
        )
        messages.append(said)
        if turn.kind == "call":
            messages.append(
                {
                    "id": story.short("result", n),
                    "content": turn.output,
                    "role": "tool",
                    "tool_call_id": call,
                    "function": "bash",
                }
            )
            events.append({**base, "uuid": story.short("tool", n), "event": "tool", "type": "function", "id": call, "function": "bash",
                           "arguments": {"cmd": turn.arguments["command"]}, "result": turn.output, "events": []})  # fmt: skip
    return {
        "id": story.name, "epoch": 1, "input": story.turns[0].text, "target": "ok", "messages": messages,
        "output": events[-1]["output"], "scores": {"check": {"value": "C", "answer": "ok"}},
        "metadata": {}, "store": {}, "events": events, "uuid": story.short("sample"), "attachments": {},
    }  # fmt: skip


def otlp(story: Story) -> str:
    """OTLP JSON with GenAI spans: an agent that rebooks passengers through tools."""
    trace = story.id("trace").replace("-", "")
    start = int(story.start.timestamp()) * 1_000_000_000
    spans: list[dict[str, Any]] = []

    def span(name: str, after: int, seconds: float, parent: str, attributes: dict[str, Any]) -> str:
        id = story.short("span", name, after)[:16]
        begin = start + after * 1_000_000_000
        spans.append({
            "traceId": trace, "spanId": id, "parentSpanId": parent, "name": name, "kind": 1,
            "startTimeUnixNano": str(begin), "endTimeUnixNano": str(begin + int(seconds * 1e9)),
            "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in attributes.items()],
            "status": {},
        })  # fmt: skip
        return id

    text = story.turns[0].text
    agent = span("invoke_agent dispatcher", 0, 14, "", {
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "dispatcher",
        "gen_ai.conversation.id": story.id(),
    })  # fmt: skip
    asked = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    done = [
        {
            "role": "assistant",
            "parts": [
                {
                    "type": "text",
                    "content": "The school group is rebooked to the 07:50 on Petrel; 31 seats are held.",
                }
            ],
            "finish_reason": "stop",
        }
    ]
    tools = (
        (
            "find_sailings",
            {"from": "North Quay", "after": "07:30"},
            {"sailings": ["07:50 Petrel", "08:30 Marlin"]},
        ),
        (
            "rebook_group",
            {"group": "school-0730", "sailing": "07:50 Petrel"},
            {"ok": True, "seats": 31},
        ),
    )
    for n, (tool, given, result) in enumerate(tools):
        span(f"execute_tool {tool}", 3 + 3 * n, 1.2, agent, {
            "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": tool,
            "gen_ai.tool.call.id": "call_" + story.short("call", n), "gen_ai.conversation.id": story.id(),
            "gen_ai.tool.call.arguments": json.dumps(given), "gen_ai.tool.call.result": json.dumps(result),
        })  # fmt: skip
    span(f"chat {story.model}", 11, 2, agent, {
        "gen_ai.operation.name": "chat", "gen_ai.request.model": story.model,
        "gen_ai.response.model": story.model, "gen_ai.response.id": "resp_" + story.short("resp"),
        "gen_ai.conversation.id": story.id(), "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": json.dumps(done),
    })  # fmt: skip
    service = [{"key": "service.name", "value": {"stringValue": "dispatcher"}}]
    scope = {"scope": {"name": "dispatcher"}, "spans": spans}
    return (
        json.dumps(
            {"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [scope]}]},
            indent=1,
        )
        + "\n"
    )


def chat(stories: tuple[Story, ...]) -> str:
    """Chat-completion conversations, one a line."""
    records = []
    for number, story in enumerate(stories):
        messages: list[dict[str, Any]] = [
            {
                "role": "system",
                "content": "You are the helpdesk of Harbour Ferries. Be brief and friendly.",
            }
        ]
        for n, (_, turn) in enumerate(story.timed()):
            if turn.kind == "user":
                messages.append({"role": "user", "content": turn.text})
            elif turn.kind == "say":
                messages.append({"role": "assistant", "content": turn.text})
            else:
                call = "call_" + story.short("call", n)
                function = {
                    "name": turn.arguments["command"],
                    "arguments": json.dumps({"query": story.turns[0].text}),
                }
                messages.append(
                    {
                        "role": "assistant",
                        "content": None,
                        "tool_calls": [{"id": call, "type": "function", "function": function}],
                    }
                )
                messages.append({"role": "tool", "tool_call_id": call, "content": turn.output})
        records.append({"index": number, "metadata": {"model": story.model}, "messages": messages})
    return lines(records)


def swe_agent(story: Story) -> str:
    """A SWE-agent trajectory in thought and action form."""
    steps: list[dict[str, Any]] = []
    thought = ""
    for _, turn in story.timed():
        if turn.kind == "think":
            thought = turn.text
        elif turn.kind == "call":
            command = turn.arguments["command"]
            steps.append({
                "action": command + "\n", "observation": turn.output, "thought": thought,
                "response": f"{thought}\n```\n{command}\n```", "execution_time": 0.4,
                "state": {"open_file": "n/a", "working_dir": story.cwd}, "query": [],
            })  # fmt: skip
    history = [
        {
            "role": "system",
            "content": "You solve issues in a repository.",
            "agent": "main",
            "message_type": "system_prompt",
        },
        {
            "role": "user",
            "content": story.turns[0].text,
            "agent": "main",
            "message_type": "observation",
        },
    ]
    document = {
        "trajectory": steps, "history": history, "environment": "swe_main",
        "info": {"exit_status": "submitted", "submission": steps[-1]["observation"], "model_stats": {"api_calls": len(steps)}},
    }  # fmt: skip
    return json.dumps(document, indent=1) + "\n"
