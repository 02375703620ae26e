"""JSON that strict decoders refuse, made readable without moving a byte.

Writers of agent logs emit JSON that RFC 8259 does not allow: NaN and Infinity
(Python's json, pydantic's `ser_json_inf_nan="constants"`), escaped lone surrogates,
raw control characters, bytes that are not UTF-8. `repaired` puts something of the
same length in their place, so that every offset still points into the source, and
the source bytes remain what is kept as evidence.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_TOKEN = re.compile(rb'"(?:[^"\\]+|\\.)*+(?:"|\Z)|-?Infinity|NaN', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:u([0-9a-fA-F]{4})(?:\\u([0-9a-fA-F]{4}))?|.)", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x1f]")
_CONSTANTS = {b"NaN": b'"N"', b"Infinity": b'"Infin"  ', b"-Infinity": b'"-Infin" '}


def repaired(data: bytes) -> bytes:
    """`data` with what no strict decoder takes replaced by something of equal length.

    NaN becomes the string "N", the infinities "Infin" and "-Infin"; a lone surrogate
    becomes U+FFFD; a raw control character inside a string a space; a byte that is not
    UTF-8 a question mark.
    """
    data = data.decode("utf-8", "roguewatch.same-length").encode("utf-8")
    return _TOKEN.sub(_repair_token, data)


def decode(data: bytes, type: type[T]) -> T:
    """Decode JSON as `type`; the repaired text where the text itself is refused.

    Raises:
        msgspec.DecodeError: it is no JSON of that shape either way.
    """
    try:
        return msgspec.json.decode(data, type=type)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error
    try:
        return msgspec.json.decode(repaired(data), type=type)
    except RecursionError as error:
        raise msgspec.DecodeError("nested too deeply") from error


def decode_any(data: bytes) -> Any:
    """Decode JSON of any shape, like `decode`."""
    return decode(data, object)


def _repair_token(match: re.Match[bytes]) -> bytes:
    token = match.group()
    if token[:1] != b'"':
        return _CONSTANTS[token][: len(token)]
    if b"\\u" in token:
        token = _ESCAPE.sub(_repair_escape, token)
    return _CONTROL.sub(b" ", token)


def _repair_escape(match: re.Match[bytes]) -> bytes:
    first, second = match.groups()
    if first is None:
        return match.group()
    high, low = int(first, 16), int(second, 16) if second else 0
    if 0xD800 <= high < 0xDC00 and 0xDC00 <= low < 0xE000:
        return match.group()
    pieces = b"\\u" + (b"fffd" if 0xD800 <= high < 0xE000 else first)
    if second:
        pieces += b"\\u" + (b"fffd" if 0xD800 <= low < 0xE000 else second)
    return pieces


def _question_marks(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "?" * (error.end - error.start), error.end


codecs.register_error("roguewatch.same-length", _question_marks)
