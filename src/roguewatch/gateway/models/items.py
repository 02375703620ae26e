"""What requests and responses of a model hold, whichever protocol they are written in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from roguewatch.events import Author, Kind, Usage
from roguewatch.gateway.arguments import arguments_of


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One message, reasoning, tool call or tool result."""

    kind: Kind
    text: str = ""
    author: Author = ""
    tool: str = ""
    call_id: str = ""
    arguments: str = ""
    failed: bool | None = None
    detail: dict[str, Any] = {}
    raw: bytes = b""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a model, understood."""

    model: str = ""
    stream: bool = False
    items: tuple[Item, ...] = ()
    """The history that it carries, oldest first."""
    beside: int = 0
    """How many of them, the first ones, stand beside the list of the others."""
    parts: tuple[tuple[int, int], ...] = ()
    """Bytes, and items, of each element of that list."""
    tools: Any = None
    """Definitions of the tools offered, as they stand in the request."""
    session: str = ""
    """The session that the request itself names."""
    previous: str = ""
    """The response that it continues."""
    settings: dict[str, Any] = {}


class Answer(msgspec.Struct, kw_only=True):
    """A response of a model, as far as it came."""

    id: str = ""
    model: str = ""
    items: tuple[Item, ...] = ()
    usage: Usage | None = None
    stop: str = ""
    error: str = ""
    unknown: dict[str, int] = {}
    """Parts that were not understood, counted by type."""


class Hearing(Protocol):
    """A stream being read."""

    finished: bool
    """The protocol's own end of the stream has come."""

    def hear(self, name: str, data: bytes) -> None:
        """Take in one server-sent event. Never raises."""

    def answer(self) -> Answer:
        """What came so far."""


class Reading(msgspec.Struct, frozen=True):
    """How one endpoint is read."""

    history: str
    """The list of a request that tells its history."""
    question: Callable[[dict[str, Any], bytes], Question]
    """Of the decoded body and its bytes."""
    answer: Callable[[dict[str, Any]], Answer]
    hearing: Callable[[], Hearing]


def text_of(value: Any) -> str:
    """The text of a message's content: a string, or a list of parts."""
    if isinstance(value, str):
        return value
    pieces = []
    for part in value if isinstance(value, list) else [value]:
        if isinstance(part, str):
            pieces.append(part)
        elif isinstance(part, dict):
            text = part.get("text")
            if not isinstance(text, str):
                text = part.get("refusal")
            if isinstance(text, str):
                pieces.append(text)
            elif isinstance(part.get("content"), str | list):
                pieces.append(text_of(part["content"]))
            elif isinstance(part.get("type"), str):
                pieces.append(f"[{part['type']}]")
    return "\n".join(pieces)


def string(value: Any) -> str:
    """A string where there is one."""
    return value if isinstance(value, str) else ""


def number(value: Any) -> int:
    """A count of tokens; 0 where there is none."""
    return value if type(value) is int and 0 <= value < 1 << 53 else 0


def mapping(value: Any) -> dict[str, Any]:
    """An object where there is one."""
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """A list where there is one."""
    return value if isinstance(value, list) else []


def as_arguments(value: Any) -> str:
    """A call's arguments as JSON text of an object; `{}` where there are none."""
    return arguments_of(value, none="{}")


def encoded(value: Any) -> bytes:
    """An item's part of a body as JSON."""
    return msgspec.json.encode(value)


class _Parts(msgspec.Struct):
    messages: list[msgspec.Raw] | msgspec.Raw = msgspec.Raw(b"")
    input: list[msgspec.Raw] | msgspec.Raw = msgspec.Raw(b"")


class _Whole(msgspec.Struct):
    messages: msgspec.Raw = msgspec.Raw(b"")
    input: msgspec.Raw = msgspec.Raw(b"")


def exact_parts(body: bytes, key: str) -> list[bytes]:
    """The elements of the list `messages` or `input`, byte for byte."""
    try:
        parts = getattr(_PARTS.decode(body), key)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return []
    return [bytes(part) for part in parts] if isinstance(parts, list) else []


def list_text(body: bytes, key: str) -> bytes:
    """The text of the list `messages` or `input`, byte for byte; empty where it is none."""
    try:
        text = bytes(getattr(_WHOLE.decode(body), key))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return b""
    return text if text[:1] == b"[" else b""


def decoded(data: bytes) -> dict[str, Any]:
    """A stream event's JSON object; empty where it is none."""
    try:
        return mapping(msgspec.json.decode(data))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}


_PARTS = msgspec.json.Decoder(_Parts)
_WHOLE = msgspec.json.Decoder(_Whole)


def counted(unknown: dict[str, int], kind: Any) -> None:
    """Count a part that was not understood."""
    name = string(kind)[:100] or "?"
    if name in unknown or len(unknown) < 100:
        unknown[name] = unknown.get(name, 0) + 1
