"""A tool call's arguments as every observer of the gate records them."""

from __future__ import annotations

import msgspec


def arguments_of(value: object, *, none: str = "") -> str:
    """Arguments as the JSON text of an object; what is no object stands under `input`.

    Args:
        value: as decoded; text that is the JSON of an object already stays as it is.
        none: what is returned where there are no arguments.
    """
    if value is None or value == "":
        return none
    if isinstance(value, dict):
        return msgspec.json.encode(value).decode()
    if isinstance(value, str):
        try:
            if isinstance(msgspec.json.decode(value), dict):
                return value
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return _wrapped(value)
    return _wrapped(value)


def _wrapped(value: object) -> str:
    return msgspec.json.encode({"input": value}).decode()
