"""MCP messages as events."""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from roguewatch.events import Event, Kind, Origin, event_id
from roguewatch.gateway.mcp.connection import Connection, Pending
from roguewatch.gateway.mcp.message import Direction, Frame, Message

MAX_TEXT = 1 << 20

_ORIGIN = Origin(file="mcp-relay", offset=0)


class _Params(msgspec.Struct):
    arguments: msgspec.Raw = msgspec.Raw(b"")


class _Call(msgspec.Struct):
    params: _Params


class Sighted:
    """Events of one frame, in order; the first carries the frame's bytes.

    Args:
        connection: whose frame it is.
        raw: the frame.
        sender: who sent it.
    """

    def __init__(self, connection: Connection, raw: bytes, sender: Direction) -> None:
        self._connection = connection
        self._raw = raw
        self._sender = sender
        self._now = time.time_ns()
        self._digest = sha256(raw).digest()
        self.events: list[Event] = []

    def tell(self, kind: Kind, detail: dict[str, Any], **fields: Any) -> Event:
        """The next event of the frame."""
        connection, part = self._connection, len(self.events)
        text = clean(fields.pop("text", ""))
        seq = connection.ordinal
        connection.ordinal += 1
        event = Event(
            id=event_id("mcp", connection.id, self._sender, seq, self._now, part, self._digest),
            session=connection.session,
            seq=seq,
            kind=kind,
            surface="mcp",
            sighting="mcp-relay",
            time=self._now,
            text=text[:MAX_TEXT],
            truncated=len(text) > MAX_TEXT,
            detail=msgspec.json.encode(
                {
                    "connection": connection.id,
                    "deployment": connection.deployment,
                    "server": connection.server,
                    "sender": self._sender,
                    **detail,
                }
            ).decode(),
            part=part,
            raw=self._raw if part == 0 else b"",
            origin=_ORIGIN,
            **fields,
        )
        self.events.append(event)
        return event

    def gap(self, code: str, reason: str) -> Event:
        """What was refused or not understood."""
        return self.tell("gap", {"code": code}, text=reason)


def request_event(sighted: Sighted, connection: Connection, message: Message, raw: bytes) -> Event:
    """A client's request, noted as pending; a call where it acts."""
    joined = connection.round_of(message.params.get("requestState"))
    pending = connection.asked("client", message)
    detail: dict[str, Any] = {"method": message.method, "id": message.id}
    if message.version:
        detail["revision"] = message.version
    if joined:
        detail["continues"] = joined
    if not message.decided:
        return sighted.tell("other", detail, call_id=pending.call_id, text=message.method)
    claimed = _claimed_call_id(message.params.get("_meta"))
    if claimed:
        # Said by the client: enough to join sightings, never an identity.
        detail["claimed_call_id"] = claimed
    return sighted.tell(
        "tool_call",
        detail,
        tool=pending.tool,
        call_id=pending.call_id,
        arguments=_arguments(message, raw),
        parent=joined,
    )


def response_event(
    sighted: Sighted, connection: Connection, message: Message, asker: Direction
) -> tuple[Event, Pending | None]:
    """A response, joined to its request by id alone, within direction and connection."""
    pending = connection.answered(asker, message.id)
    connection.negotiate(message, pending)
    call_id = connection.call_id(asker, message.id)
    detail: dict[str, Any] = {
        "method": pending.method if pending else "",
        "id": message.id,
        "answers": asker,
    }
    if pending is None:
        detail["orphan"] = True
    value = message.value
    if message.kind == "error":
        detail["code"] = value.get("code")
        text = value.get("message")
        text = text if isinstance(text, str) else ""
    else:
        kind = value.get("resultType")
        if isinstance(kind, str):
            detail["result_type"] = kind
        if kind == "input_required":
            connection.waits(value.get("requestState"), call_id)
        text = content_text(value)
    is_call = asker == "client" and (pending is None or pending.method in ("tools/call",
        "resources/read", "prompts/get"))  # fmt: skip
    event = sighted.tell(
        "tool_result" if is_call else "other",
        detail,
        tool=pending.tool if pending and is_call else "",
        call_id=call_id,
        text=text,
        failed=message.kind == "error" or value.get("isError") is True if is_call else None,
    )
    return event, pending


def other_event(
    sighted: Sighted, connection: Connection, message: Message, sender: Direction
) -> Event:
    """A notification, or a request of the server: sampling, elicitation, roots, ping."""
    detail: dict[str, Any] = {"method": message.method}
    call_id = ""
    if message.kind == "request":
        call_id = connection.asked(sender, message).call_id
        detail["id"] = message.id
    return sighted.tell("other", detail, call_id=call_id, text=_asked_text(message))


def input_requests(sighted: Sighted, message: Message, call_id: str) -> None:
    """What an `input_required` result asks the client for (revision 2026-07-28)."""
    requests = message.value.get("inputRequests")
    if not isinstance(requests, dict):
        return
    for key, request in requests.items():
        method = request.get("method") if isinstance(request, dict) else ""
        text = msgspec.json.encode(request).decode()
        sighted.tell("other", {"method": method, "input_request": key}, call_id=call_id, text=text)


def input_responses(sighted: Sighted, message: Message, call_id: str) -> list[Event]:
    """What the client answers to an `input_required` result, with the next round."""
    responses = message.params.get("inputResponses")
    if not isinstance(responses, dict):
        return []
    return [
        sighted.tell(
            "other",
            {"input_response": key},
            call_id=call_id,
            text=msgspec.json.encode(response).decode("utf-8", "replace"),
        )
        for key, response in responses.items()
    ]


def frame_ids_in_flight(frame: Frame, connection: Connection, sender: Direction) -> bool:
    """Whether a request reuses an id that still waits for its response, or two share one."""
    ids = frame.ids
    return (len(ids) > 1 and len(set(map(repr, ids))) != len(ids)) or any(
        connection.in_flight(sender, id) for id in ids
    )


def content_text(value: dict[str, Any]) -> str:
    """The text of a result: its text blocks, or the result as JSON where it has none."""
    pieces = []
    for name in ("content", "contents", "messages"):
        for block in _blocks(value.get(name)):
            text = block.get("text")
            if isinstance(text, str):
                pieces.append(text)
            elif isinstance(block.get("type"), str):
                pieces.append(f"[{block['type']}]")
    if value.get("structuredContent") is not None and not pieces:
        pieces.append(msgspec.json.encode(value["structuredContent"]).decode())
    return "\n".join(pieces) if pieces else msgspec.json.encode(value).decode()


def clean(text: str) -> str:
    """`text` without lone surrogates."""
    return text.encode("utf-8", "replace").decode() if not text.isascii() else text


def _blocks(value: Any) -> Sequence[dict[str, Any]]:
    found = []
    for block in value if isinstance(value, list) else []:
        if isinstance(block, dict):
            inner = block.get("resource") or block.get("content")
            found.append({**inner, **block} if isinstance(inner, dict) else block)
    return found


def _asked_text(message: Message) -> str:
    """What a server's request would have a model or a person read."""
    params = message.params
    texts = [text for name in ("systemPrompt", "message", "data")
             if isinstance(text := params.get(name), str)]  # fmt: skip
    for turn in params.get("messages") or [] if isinstance(params.get("messages"), list) else []:
        content = turn.get("content") if isinstance(turn, dict) else None
        for block in content if isinstance(content, list) else [content]:
            if isinstance(block, dict) and isinstance(block.get("text"), str):
                texts.append(block["text"])
    return "\n".join((message.method, *texts))


def _arguments(message: Message, raw: bytes) -> str:
    """The arguments just as the client gave them."""
    if message.method != "tools/call":
        kept = {key: value for key, value in message.params.items() if key != "_meta"}
        return msgspec.json.encode(kept).decode()
    try:
        text = bytes(msgspec.json.decode(raw, type=_Call).params.arguments).decode()
    except msgspec.DecodeError:  # within a batch
        text = msgspec.json.encode(message.params.get("arguments") or {}).decode()
    return text if text.startswith("{") else "{}"


def _claimed_call_id(meta: Any) -> str:
    """The agent's own id of the call, where its client passes one on (`…/toolUseId`)."""
    if isinstance(meta, dict):
        for key, value in meta.items():
            if key.rpartition("/")[2] in ("toolUseId", "tool_use_id") and isinstance(value, str):
                return value.strip()[:200]
    return ""
