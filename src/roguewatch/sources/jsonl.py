"""What the beginning of a file of JSON lines shows, for recognising its format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import msgspec

from roguewatch.sources.repair import decode_any

_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_LINES = 20


def first_objects(head: bytes, most: int = _LINES) -> Iterator[dict[str, Any]]:
    """The objects of the first lines; of a line that is cut, where none is
    whole, the fields before the cut.

    Lines that are no JSON objects are passed over. Never raises.
    """
    head = head.removeprefix(b"\xef\xbb\xbf")
    pieces = head.split(b"\n", most)[:most]
    whole = False
    for number, piece in enumerate(pieces):
        if not piece.strip():
            continue
        try:
            value = _decoded(piece)
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            if not whole and number == len(pieces) - 1 and piece.lstrip()[:1] == b"{":
                yield cut_object(piece)
            continue
        if isinstance(value, dict):
            whole = True
            yield value


@lru_cache(maxsize=64)
def _decoded(piece: bytes) -> Any:
    """The value of a line. Kept, since each source in turn looks at the same head."""
    return decode_any(piece)


def cut_object(text: bytes) -> dict[str, Any]:
    """The fields of a JSON object whose text ends too early, two levels deep.

    Strings are decoded; other values stand as None, deeper ones as empty.
    """
    found: dict[str, Any] = {}
    stack: list[tuple[bytes, dict[str, Any] | None]] = []
    key: str | None = None
    for match in _TOKEN.finditer(text):
        token = match.group()
        inside = stack[-1][1] if stack else None
        if token in (b"{", b"["):
            child: dict[str, Any] | None = None
            if not stack:
                child = found
            elif inside is not None and key is not None and len(stack) == 1:
                child = {}
                inside[key] = child if token == b"{" else []
            stack.append((token, child if token == b"{" else None))
            key = None
        elif token in (b"}", b"]"):
            if stack:
                stack.pop()
            key = None
        elif token == b",":
            key = None
        elif token != b":" and inside is not None:
            value = _string(token)
            if key is None:
                key = value
            else:
                inside[key] = value
    return found


def _string(token: bytes) -> str | None:
    if token[:1] != b'"':
        return None
    try:
        return msgspec.json.decode(token, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return token[1:-1].decode("utf-8", "replace")
