"""JSON that every parser reads alike.

What two parsers could read differently is how a message is smuggled past a relay: the
relay decides on one reading, the receiver acts on the other. RFC 8259 leaves open what a
duplicate key means, and parsers differ on NaN, on numbers past the range of a double, on
byte order marks and on invalid UTF-8. All of these are refused. Standard library only:
the stdio relay's process starts with it.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from roguewatch.errors import InputError

MAX_DEPTH = 200
"""Parsers give up at different depths, from about 500 on."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class AmbiguousError(InputError):
    """A text that is no JSON, or that two parsers could read differently."""


def strict_json(raw: bytes, *, surrogates: bool = False) -> Any:
    """The value of a JSON text.

    Args:
        raw: one JSON text in UTF-8.
        surrogates: accept escaped lone surrogates, which JavaScript writes where it cut
            an emoji in two. Receivers replace or keep them.

    Raises:
        AmbiguousError: it is no JSON or could be read in two ways.
    """
    try:
        text = raw.decode("utf-8")
        value = _DECODER.decode(text)
    except UnicodeDecodeError as error:
        raise AmbiguousError("not UTF-8") from error
    except RecursionError as error:
        raise AmbiguousError("nested too deeply") from error
    except ValueError as error:
        raise AmbiguousError(f"not JSON: {error}") from error
    if not surrogates and _ESCAPED_SURROGATE.search(raw) and _has_lone_surrogate(value):
        raise AmbiguousError("a lone surrogate")
    if raw.count(b"[") + raw.count(b"{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise AmbiguousError("nested too deeply")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise AmbiguousError("a key stands twice in one object")
    return value


def _no_constant(name: str) -> None:
    raise AmbiguousError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise AmbiguousError("a number past the range of a double")
    return value


def _integer(text: str) -> int:
    if len(text) > 400:
        raise AmbiguousError("a number past the range of a double")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_constant=_no_constant,
    parse_float=_finite,
    parse_int=_integer,
)


def _has_lone_surrogate(value: Any) -> bool:
    return _SURROGATE.search(json.dumps(value, ensure_ascii=False)) is not None


def _depth(value: Any) -> int:
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        value, depth = waiting.pop()
        deepest = max(deepest, depth)
        if isinstance(value, dict):
            waiting.extend((child, depth + 1) for child in value.values())
        elif isinstance(value, list):
            waiting.extend((child, depth + 1) for child in value)
    return deepest
