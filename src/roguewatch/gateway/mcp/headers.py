"""Headers of the streamable HTTP transport, and whether they agree with the body.

A server or proxy may route, allow or refuse by header while the body says something else:
where they differ, the request is refused (revision 2026-07-28, Transports).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable

from roguewatch.gateway.mcp.message import (
    DECIDED,
    HEADER_MISMATCH,
    INVALID_REQUEST,
    UNSUPPORTED_VERSION,
    Frame,
    FrameError,
)
from roguewatch.gateway.mcp.revisions import HTTP_DEFAULT, REVISIONS

VERSION, METHOD, NAME, SESSION = (
    "mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id",
)  # fmt: skip
PARAM = "mcp-param-"
"""What the names of headers that repeat arguments begin with."""
_ROUTING = (VERSION, METHOD, NAME, SESSION, "content-type", "content-encoding", "origin")
_ENCODED = re.compile(r"=\?base64\?(.*)\?=")


def routing_headers(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers that route, by name.

    Raises:
        FrameError: one is there twice.
    """
    found: dict[str, str] = {}
    for name, value in headers:
        key = name.decode("latin-1").casefold()
        if key in _ROUTING or key.startswith(PARAM):
            if key in found:
                raise FrameError(HEADER_MISMATCH, f"{key} stands twice")
            found[key] = value.decode("latin-1").strip()
    return found


def header_value(value: str) -> str | None:
    """A header's value, out of base64 where it is in it; None where that cannot be."""
    encoded = _ENCODED.fullmatch(value)
    if encoded is None:
        return value
    try:
        plain = base64.b64decode(encoded[1], validate=True)
        text = plain.decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text if base64.b64encode(plain).decode() == encoded[1] else None


def check_headers(headers: dict[str, str], frame: Frame) -> str:
    """The revision that a request speaks, its headers being in agreement with its body.

    Raises:
        FrameError: they are not.
    """
    version = headers.get(VERSION, "")
    if version and version not in REVISIONS:
        raise FrameError(UNSUPPORTED_VERSION, "a revision that is not known", frame.ids)
    opening = any(message.method == "initialize" for message in frame.messages)
    spoken = version or ("" if opening else HTTP_DEFAULT)
    for message in frame.messages:
        said = message.version
        if said and (said != spoken or not version):
            raise FrameError(HEADER_MISMATCH, f"{VERSION} differs from the body", frame.ids)
        if said and not REVISIONS[spoken].stateless:
            raise FrameError(INVALID_REQUEST, f"{spoken} has no revision in its body", frame.ids)
    stateless = bool(version) and REVISIONS[version].stateless
    if stateless and (frame.batch or SESSION in headers):
        raise FrameError(INVALID_REQUEST, f"{version} has neither batches nor sessions", frame.ids)
    message = frame.messages[0]
    if frame.batch and (METHOD in headers or NAME in headers):
        raise FrameError(HEADER_MISMATCH, "one header for several messages", frame.ids)
    if ((stateless and message.method) or METHOD in headers) and headers.get(
        METHOD
    ) != message.method:
        raise FrameError(HEADER_MISMATCH, f"{METHOD} differs from the body", frame.ids)
    key = DECIDED.get(message.method)
    named = header_value(headers[NAME]) if NAME in headers else ""
    if key is not None and (stateless or NAME in headers) and named != message.params.get(key):
        raise FrameError(HEADER_MISMATCH, f"{NAME} differs from the body", frame.ids)
    return spoken
