"""A local server that speaks the OpenAI and Anthropic protocols; the model's name chooses
what it does: `echo`, `tools`, `limited`, `cut`, `slow`, `leak`."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

SEEN: list[dict[str, Any]] = []
CALL = ("call_1", "get_weather", {"city": "Paris"})


def _sse(event: dict[str, Any], named: bool = True) -> bytes:
    name = f"event: {event['type']}\n" if named and "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


async def _note(request: Request) -> dict[str, Any]:
    raw = await request.body()
    SEEN.append({"path": str(request.url.path), "headers": dict(request.headers),
                 "body": raw.decode()})  # fmt: skip
    return json.loads(raw) if raw else {}


def _last(messages: list[dict[str, Any]]) -> str:
    content = messages[-1].get("content", "")
    return content if isinstance(content, str) else json.dumps(content)


async def _stream(pieces: list[bytes], model: str) -> AsyncIterator[bytes]:
    for number, piece in enumerate(pieces):
        if model == "cut" and number == len(pieces) // 2:
            raise ConnectionResetError("cut on purpose")
        yield piece
        if model == "slow":
            await asyncio.sleep(0.2)


async def chat(request: Request) -> Response:
    body = await _note(request)
    model = body["model"]
    if model == "limited":
        return JSONResponse(
            {"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit"}},
            429,
            {"retry-after": "0"},
        )
    text = f"You said: {_last(body['messages'])}"
    if model == "leak":
        text = f"your key is {request.headers.get('authorization')}"
    base = {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model}
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
             "prompt_tokens_details": {"cached_tokens": 4},
             "completion_tokens_details": {"reasoning_tokens": 2}}  # fmt: skip
    id, name, arguments = CALL
    wants_tool = model == "tools" and body["messages"][-1]["role"] != "tool"
    if not body.get("stream"):
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if wants_tool:
            function = {"name": name, "arguments": json.dumps(arguments)}
            message = {"role": "assistant", "content": None,
                       "tool_calls": [{"id": id, "type": "function", "function": function}]}  # fmt: skip
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return JSONResponse({**base, "choices": [choice], "usage": usage})
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if wants_tool:
        written = json.dumps(arguments)
        call = {
            "index": 0,
            "id": id,
            "type": "function",
            "function": {"name": name, "arguments": ""},
        }
        deltas.append({"tool_calls": [call]})
        deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
                   for part in (written[:5], written[5:])]  # fmt: skip
    else:
        deltas += [{"content": text[at : at + 4]} for at in range(0, len(text), 4)]
    base["object"] = "chat.completion.chunk"
    pieces = [_sse({**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
              for delta in deltas]  # fmt: skip
    pieces.append(_sse({**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}))
    pieces.append(_sse({**base, "choices": [], "usage": usage}))
    pieces.append(b"data: [DONE]\n\n")
    return StreamingResponse(_stream(pieces, model), media_type="text/event-stream")


async def responses(request: Request) -> Response:
    body = await _note(request)
    number = sum(seen["path"].endswith("/responses") for seen in SEEN)
    given = body["input"]
    text = f"You said: {given if isinstance(given, str) else json.dumps(given[-1])}"
    id, name, arguments = CALL
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
               "content": [{"type": "output_text", "text": text, "annotations": []}]}  # fmt: skip
    call = {"type": "function_call", "id": "fc_1", "call_id": id, "name": name,
            "arguments": json.dumps(arguments), "status": "completed"}  # fmt: skip
    thought = {"type": "reasoning", "id": "rs_1",
               "summary": [{"type": "summary_text", "text": "I should answer."}]}  # fmt: skip
    output = [thought, call if body["model"] == "tools" else message]
    whole: dict[str, Any] = {
        "id": f"resp_{number}", "object": "response", "created_at": 1, "model": body["model"],
        "status": "completed", "output": output, "parallel_tool_calls": True, "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 9, "output_tokens": 7, "total_tokens": 16,
                  "input_tokens_details": {"cached_tokens": 3},
                  "output_tokens_details": {"reasoning_tokens": 2}},
    }  # fmt: skip
    if not body.get("stream"):
        return JSONResponse(whole)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}}
    ]
    for index, item in enumerate(output):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        if item["type"] == "message":
            events.append({"type": "response.output_text.delta", "output_index": index,
                           "content_index": 0, "item_id": "msg_1", "delta": text})  # fmt: skip
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": "response.completed", "response": whole})
    pieces = [_sse({**event, "sequence_number": at}) for at, event in enumerate(events)]
    return StreamingResponse(_stream(pieces, body["model"]), media_type="text/event-stream")


async def messages(request: Request) -> Response:
    body = await _note(request)
    model = body["model"]
    if model == "limited":
        error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
        return JSONResponse(error, 429, {"retry-after": "0"})
    text = f"You said: {_last(body['messages'])}"
    id, name, arguments = CALL
    blocks: list[dict[str, Any]] = [{"type": "thinking", "thinking": "Hm.", "signature": "sig"}]
    blocks.append({"type": "text", "text": text})
    if model == "tools":
        blocks.append({"type": "tool_use", "id": id, "name": name, "input": arguments})
    usage = {"input_tokens": 8, "output_tokens": 6, "cache_read_input_tokens": 3,
             "cache_creation_input_tokens": 1}  # fmt: skip
    whole = {"id": "msg_1", "type": "message", "role": "assistant", "model": model,
             "content": blocks, "stop_reason": "end_turn", "stop_sequence": None,
             "usage": usage}  # fmt: skip
    headers = {"request-id": "req_1"}
    if not body.get("stream"):
        return JSONResponse(whole, headers=headers)
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**whole, "content": [], "stop_reason": None}},
        {"type": "ping"},
    ]
    for index, block in enumerate(blocks):
        kind = block["type"]
        empty = {"thinking": {"type": kind, "thinking": "", "signature": ""},
                 "text": {"type": kind, "text": ""},
                 "tool_use": {**block, "input": {}}}[kind]  # fmt: skip
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        deltas = {
            "thinking": [{"type": "thinking_delta", "thinking": "Hm."},
                         {"type": "signature_delta", "signature": "sig"}],
            "text": [{"type": "text_delta", "text": part} for part in (text[:3], text[3:])],
            "tool_use": [{"type": "input_json_delta", "partial_json": part}
                         for part in ('{"city": ', '"Paris"}')],
        }[kind]  # fmt: skip
        events += [{"type": "content_block_delta", "index": index, "delta": one} for one in deltas]
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                   "usage": {"output_tokens": 6}})  # fmt: skip
    events.append({"type": "message_stop"})
    pieces = [_sse(event) for event in events]
    return StreamingResponse(
        _stream(pieces, model), media_type="text/event-stream", headers=headers
    )


async def count_tokens(request: Request) -> Response:
    await _note(request)
    return JSONResponse({"input_tokens": 12})


async def models(request: Request) -> Response:
    await _note(request)
    return JSONResponse({"object": "list", "data": [{"id": "echo", "object": "model"}]})


async def embeddings(request: Request) -> Response:
    await _note(request)
    vector = {"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}
    return JSONResponse({"object": "list", "data": [vector], "model": "echo",
                         "usage": {"prompt_tokens": 1, "total_tokens": 1}})  # fmt: skip


async def elsewhere(request: Request) -> Response:
    return Response(status_code=307, headers={"location": "http://127.0.0.1:9/stolen"})


async def seen(request: Request) -> Response:
    return JSONResponse(SEEN)


app = Starlette(
    routes=[
        Route("/v1/chat/completions", chat, methods=["POST"]),
        Route("/v1/responses", responses, methods=["POST"]),
        Route("/v1/messages", messages, methods=["POST"]),
        Route("/v1/messages/count_tokens", count_tokens, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/embeddings", embeddings, methods=["POST"]),
        Route("/v1/elsewhere", elsewhere),
        Route("/seen", seen),
    ]
)


def main() -> None:
    """Serve on a free port, which is the first line printed."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(app, log_level="critical", access_log=False, http="httptools")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.exit(main())
