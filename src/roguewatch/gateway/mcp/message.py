"""JSON-RPC messages as MCP has them, read so that no receiver can read them otherwise.

Standard library only: the stdio relay's process starts with it.
"""

from __future__ import annotations

import json
from typing import Any, Literal, NamedTuple

from roguewatch.errors import InputError
from roguewatch.gateway.mcp.revisions import META_CAPABILITIES, META_VERSION, REVISIONS
from roguewatch.gateway.strict import AmbiguousError, strict_json

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
DENIED = -32010
"""Of the range that JSON-RPC leaves to implementations and MCP does not use."""
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

Id = str | int | None
Direction = Literal["client", "server"]
"""Who sent it. JSON-RPC ids are unique per direction and connection only."""

DECIDED = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}
"""Requests that act or fetch, each with the parameter that names what on."""

_KNOWN = ("jsonrpc", "id", "method", "params", "result", "error")
_KNOWN_PARAMS = ("name", "arguments", "uri", "_meta", "task", "requestState", "inputResponses")
_MOST_SAFE = (1 << 53) - 1


class FrameError(InputError):
    """A frame that is refused: the JSON-RPC code and ids to refuse it with."""

    def __init__(self, code: int, reason: str, ids: tuple[Id, ...] = ()) -> None:
        super().__init__(reason)
        self.code = code
        self.ids = ids


class Message(NamedTuple):
    """One JSON-RPC message."""

    kind: Literal["request", "notification", "result", "error"]
    id: Id
    method: str
    params: dict[str, Any]
    value: dict[str, Any]
    """The result or error."""

    @property
    def decided(self) -> bool:
        """Whether it must be decided before it is passed on."""
        return self.kind == "request" and self.method in DECIDED

    @property
    def version(self) -> str:
        """The revision that the request itself names; empty where it names none."""
        meta = self.params.get("_meta")
        version = meta.get(META_VERSION) if isinstance(meta, dict) else None
        return version if isinstance(version, str) else ""


class Frame(NamedTuple):
    """One line or HTTP body."""

    messages: tuple[Message, ...]
    batch: bool

    @property
    def ids(self) -> tuple[Id, ...]:
        """The ids of its requests."""
        return tuple(message.id for message in self.messages if message.kind == "request")


def read_frame(raw: bytes, direction: Direction) -> Frame:
    """The messages of a frame.

    Raises:
        FrameError: it is not one clear message or batch of them.
    """
    body = raw.rstrip(b"\r\n")
    if b"\r" in body or b"\n" in body:
        # White space to JSON, but the end of a line to a reader with universal newlines,
        # such as Python's text streams: the middle could be a message of its own.
        raise FrameError(PARSE_ERROR, "a line break within a message")
    try:
        value = strict_json(body, surrogates=direction == "server")
    except AmbiguousError as error:
        raise FrameError(PARSE_ERROR, str(error)) from error
    if isinstance(value, list):
        if not value:
            raise FrameError(INVALID_REQUEST, "an empty batch")
        return Frame(tuple(_message(item) for item in value), True)
    return Frame((_message(value),), False)


def _message(value: Any) -> Message:
    if not isinstance(value, dict):
        raise FrameError(INVALID_REQUEST, "expected a JSON object")
    id = _id(value)
    ids = (id,) if id is not None else ()
    _no_look_alike(value, _KNOWN, ids)
    if value.get("jsonrpc") != "2.0":
        raise FrameError(INVALID_REQUEST, "expected jsonrpc 2.0", ids)
    if len({"method", "result", "error"} & value.keys()) != 1:
        raise FrameError(INVALID_REQUEST, "expected one of method, result and error", ids)
    if "method" in value:
        return _asking(value, id, ids)
    kind: Literal["result", "error"] = "result" if "result" in value else "error"
    if "id" not in value or "params" in value or not isinstance(value[kind], dict):
        raise FrameError(INVALID_REQUEST, f"a {kind} that is none", ids)
    return Message(kind, id, "", {}, value[kind])


def _asking(value: dict[str, Any], id: Id, ids: tuple[Id, ...]) -> Message:
    method, params = value["method"], value.get("params", {})
    if not isinstance(method, str) or not method or not method.isascii():
        raise FrameError(INVALID_REQUEST, "the method is no name", ids)
    if not isinstance(params, dict):
        raise FrameError(INVALID_REQUEST, "params are no object", ids)
    if "id" not in value:
        if method in DECIDED:
            raise FrameError(INVALID_REQUEST, f"{method} without an id")
        return Message("notification", None, method, params, {})
    if id is None:
        raise FrameError(INVALID_REQUEST, "a request with a null id")
    if method in DECIDED:
        _no_look_alike(params, _KNOWN_PARAMS, ids)
        if not isinstance(params.get(DECIDED[method]), str):
            raise FrameError(INVALID_PARAMS, f"{method} without its {DECIDED[method]}", ids)
        if not isinstance(params.get("arguments", {}), dict | None):
            raise FrameError(INVALID_PARAMS, "arguments are no object", ids)
    return Message("request", id, method, params, {})


def _id(value: dict[str, Any]) -> Id:
    id = value.get("id")
    if id is None or isinstance(id, str):
        return id
    if type(id) is not int or abs(id) > _MOST_SAFE:
        raise FrameError(INVALID_REQUEST, "the id is neither text nor a safe integer")
    return id


def _no_look_alike(value: dict[str, Any], known: tuple[str, ...], ids: tuple[Id, ...]) -> None:
    """Refuse keys that only some parsers take for a known one: Go's `encoding/json`
    compares them without case, by Unicode's simple folding."""
    for key in value:
        if key not in known and key.casefold() in _folded(known):
            raise FrameError(INVALID_REQUEST, "a key that differs from a known one by case", ids)


def _folded(known: tuple[str, ...]) -> frozenset[str]:
    folded = _FOLDED.get(known)
    if folded is None:
        folded = _FOLDED[known] = frozenset(key.casefold() for key in known)
    return folded


_FOLDED: dict[tuple[str, ...], frozenset[str]] = {}


def check_revision(frame: Frame, negotiated: str) -> str:
    """The revision that a client's frame speaks.

    Args:
        frame: what the client sent.
        negotiated: by handshake or header; empty where there was none.

    Raises:
        FrameError: it breaks the rules of that revision, or the revision is not known.
    """
    versions = {message.version for message in frame.messages if message.kind == "request"} - {""}
    if len(versions) > 1:
        raise FrameError(INVALID_REQUEST, "several revisions in one frame", frame.ids)
    version = versions.pop() if versions else negotiated
    if not version:
        if frame.batch or any(message.decided for message in frame.messages):
            raise FrameError(INVALID_REQUEST, "neither a handshake nor a revision", frame.ids)
        return ""
    revision = REVISIONS.get(version)
    if revision is None:
        raise FrameError(UNSUPPORTED_VERSION, "a revision that is not known", frame.ids)
    if frame.batch and not revision.batches:
        raise FrameError(INVALID_REQUEST, f"{version} has no batches", frame.ids)
    if revision.stateless:
        for message in frame.messages:
            meta = message.params.get("_meta", {})
            if message.kind == "request" and (
                not isinstance(meta, dict)
                or meta.get(META_VERSION) != version
                or not isinstance(meta.get(META_CAPABILITIES), dict)
            ):
                raise FrameError(INVALID_PARAMS, f"{version} requires its _meta", frame.ids)
    return version


def id_key(id: Id) -> str:
    """An id as part of a record's key: 1 and "1" are two."""
    return str(id) if type(id) is int else json.dumps(id)


def error_answer(ids: tuple[Id, ...], code: int, message: str, batch: bool = False) -> bytes:
    """The JSON-RPC error response, as a line, for each of `ids` (null where there is none)."""
    data = {"supported": list(REVISIONS)} if code == UNSUPPORTED_VERSION else None
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    answers = [{"jsonrpc": "2.0", "id": id, "error": error} for id in ids or (None,)]
    value: Any = answers if batch else answers[0]
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
