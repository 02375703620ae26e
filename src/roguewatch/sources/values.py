"""Values as agents write them, as an event holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()
_MOST_TOKENS = 1 << 53


def json_object_text(text: str) -> str:
    """The arguments of a call as JSON text of an object; what is none is wrapped.

    Text that is an object stays byte for byte.
    """
    if not text or text == "null":
        return "{}" if text else ""
    try:
        _OBJECT.decode(text)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return json.dumps({"input": text}, ensure_ascii=False)
    return text


def loose_text(value: Any) -> str:
    """A text where there is one: a string, `text` or `content` of an object, a list of those."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "\n".join(filter(None, map(loose_text, value)))
    if isinstance(value, dict):
        for name in ("text", "content", "message", "blockingError", "output"):
            if name in value and (text := loose_text(value[name])):
                return text
        kind = value.get("type")
        return f"[{kind}]" if isinstance(kind, str) and kind != "text" else ""
    return ""


def tokens(value: object) -> int:
    """A count of tokens; 0 where it is no count (missing, negative, absurdly large)."""
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else 0


def json_detail(fields: Mapping[str, Any]) -> str:
    """An event's `detail`: the fields that say something, as JSON; empty where none does."""
    said = {name: value for name, value in fields.items() if value is not None and value != ""}
    return _ENCODER.encode(said).decode() if said else ""
