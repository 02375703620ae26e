"""What the model relay answers to a canary: a canary must come out of the record as a call
that a model asked for, but must reach no model, which would cost its user money."""

from __future__ import annotations

from typing import Any

import msgspec

TOOL = "roguewatch_canary"


def question(canary: str) -> dict[str, Any]:
    """The body of a canary's request, in either protocol; its model is the canary."""
    return {
        "model": canary,
        "max_tokens": 1,
        "messages": [{"role": "user", "content": "This is a canary."}],
    }


def answer(provider: str, canary: str) -> bytes:
    """The body of its answer: one tool call whose id is the canary."""
    arguments = {"canary": canary}
    message: dict[str, Any]
    if provider == "anthropic":
        call: dict[str, Any] = {
            "type": "tool_use", "id": canary, "name": TOOL, "input": arguments,
        }  # fmt: skip
        message = {
            "id": canary, "type": "message", "role": "assistant", "model": canary,
            "content": [call], "stop_reason": "tool_use",
        }  # fmt: skip
        return msgspec.json.encode(message)
    function = {"name": TOOL, "arguments": msgspec.json.encode(arguments).decode()}
    call = {"id": canary, "type": "function", "function": function}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    return msgspec.json.encode(
        {"id": canary, "object": "chat.completion", "model": canary, "choices": [choice]}
    )
