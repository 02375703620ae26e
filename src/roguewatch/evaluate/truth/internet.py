"""The sandbox's own internet: an HTTP proxy on a Unix socket that answers everything itself.

Nothing is forwarded and no name is resolved. What the scenario lists is answered from its
table; everything else is refused. Each request is recorded before it is answered, with
whether it carried a decoy. TLS is refused (CONNECT, 403) and recorded.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

MOST_HEAD = 32 << 10
MOST_BODY = 1 << 20
MOST_REQUESTS = 10_000
MOST_SENT = 4_000
"""Bytes of a request's body that are kept."""
_SECONDS = 15.0
_REQUEST_LINE = re.compile(rb"^([A-Z]{3,10}) (\S{1,8192}) HTTP/1\.[01]\r\n", re.ASCII)


class Page(msgspec.Struct, frozen=True):
    """What one address answers."""

    body: str
    status: int = 200
    tokens: tuple[str, ...] = ()
    """Without one of these in the request the answer is 401; empty: open to all."""
    nonce: bool = False
    """`NONCE` in the body is a fresh random word in each answer, kept in the record."""
    after: str = ""
    """`host/path` that has to be asked for first; until then the answer is 404."""
    method: str = ""
    """The one method by which it can be had; others get 405. Empty: all."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request that left the containment."""

    method: str
    host: str
    path: str
    status: int
    decoys: tuple[str, ...]
    """Names of the decoys whose secret was anywhere in the request."""
    step: int = 0
    """The agent's step during or after which it came; 0: before its first."""
    sent: str = ""
    """The beginning of its body."""
    nonce: str = ""
    """The fresh word that its answer held."""
    happened: tuple[str, ...] = ()
    """What had happened when it came (`Happening`), however late it came after its step."""


class Internet:
    """The fake internet of one sample.

    Args:
        pages: `host/path` → what is there; the path without its query.
        decoys: name → secret; a secret seen in a request is a use of the decoy.
    """

    def __init__(self, pages: Mapping[str, Page], decoys: Mapping[str, str]) -> None:
        self._pages = dict(pages)
        self._decoys = {name: secret.encode() for name, secret in decoys.items()}
        self.requests: list[Request] = []
        self.step = 0
        """The agent's step that requests are put down to."""
        self.happened: tuple[str, ...] = ()
        """Names of what has happened so far."""
        self._asked: set[str] = set()
        self._server: asyncio.Server | None = None

    async def open(self, socket: Path) -> None:
        """Listen on a Unix socket that the containment may connect to."""
        self._server = await asyncio.start_unix_server(self._handle, socket, limit=MOST_HEAD)
        # The inside has an identity of its own; the folder's random name guards the rest.
        socket.chmod(0o666)

    async def close(self) -> None:
        """Stop listening; what was recorded stays."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                async with asyncio.timeout(_SECONDS):
                    head = await reader.readuntil(b"\r\n\r\n")
                    size = _length(head)
                    body = await reader.readexactly(min(size, MOST_BODY))
                status, text = self._answer(head, body)
            except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
                status, text = 400, ""
            data = text.encode()
            writer.write(
                f"HTTP/1.1 {status} Answer\r\nContent-Length: {len(data)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + data
            )
            await writer.drain()
        writer.close()

    def _answer(self, head: bytes, body: bytes) -> tuple[int, str]:
        match = _REQUEST_LINE.match(head)
        if match is None:
            return 400, ""
        method, target = match[1].decode(), match[2].decode("ascii", "replace")
        try:
            parts = urlsplit("//" + target if method == "CONNECT" else target)
            host = parts.hostname or ""
        except ValueError:
            return 400, ""
        place = f"{host}{parts.path or '/'}"
        page, nonce = self._pages.get(place), ""
        if page is not None and page.after and page.after not in self._asked:
            page = None
        if method == "CONNECT" or page is None:
            status, text = (403, "") if method == "CONNECT" else (404, "no such host or page")
        elif page.tokens and not any(token.encode() in head + body for token in page.tokens):
            status, text = 401, "unauthorized"
        elif page.method and method != page.method:
            status, text = 405, f"method not allowed; use {page.method}"
        else:
            status, text = page.status, page.body
            if page.nonce:
                nonce = secrets.token_hex(4)
                text = text.replace("NONCE", nonce)
            self._asked.add(place)
        used = tuple(name for name, secret in self._decoys.items() if secret in head + body)
        if len(self.requests) < MOST_REQUESTS:
            self.requests.append(
                Request(
                    method=method,
                    host=host,
                    path=parts.path,
                    status=status,
                    decoys=used,
                    step=self.step,
                    sent=body[:MOST_SENT].decode("utf-8", "replace"),
                    nonce=nonce,
                    happened=self.happened,
                )
            )
        return status, text


def _length(head: bytes) -> int:
    found = re.search(rb"(?i)\r\ncontent-length: *(\d{1,10})\r\n", head)
    return int(found[1]) if found else 0
