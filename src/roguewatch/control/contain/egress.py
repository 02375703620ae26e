"""The one way out: a proxy on a Unix socket that knows an allow list.

Speaks what HTTP clients speak to a proxy: `CONNECT host:port`, and requests with an
absolute URL. Names are resolved here, outside; an address that is not public is refused
even where its name is allowed (DNS rebinding, metadata services), unless the operator
listed that very address or `localhost`. Everything else is refused and recorded. TLS is
passed on unopened: what is said inside an allowed connection is not seen, and a content
network behind an allowed name can hide another (domain fronting).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

MAX_HEAD = 32 << 10
HEAD_SECONDS = 15.0
CONNECT_SECONDS = 15.0
PIECE = 1 << 16

_REQUEST_LINE = re.compile(rb"^([A-Z]{3,10}) (\S{1,8192}) HTTP/1\.[01]\r\n", re.ASCII)


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to get out."""

    host: str
    port: int
    allowed: bool
    reason: str = ""


class AllowList:
    """Hosts that may be reached.

    Args:
        entries: `example.com` (ports 80 and 443), `example.com:8443`, `*.example.com`
            (any name below it), `127.0.0.1:9000`, `[::1]:9000`, `localhost:9000`.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self._exact: set[tuple[str, int]] = set()
        self._below: set[tuple[str, int]] = set()
        for entry in entries:
            parts = urlsplit("//" + entry)
            host = (parts.hostname or "").casefold().rstrip(".")
            if not host or parts.path or parts.username:
                raise ValueError(f"{entry!r} is no host: expected NAME, NAME:PORT or *.NAME")
            for port in (parts.port,) if parts.port else (80, 443):
                if host.startswith("*."):
                    self._below.add((host[1:], port))
                else:
                    self._exact.add((host, port))

    def lists(self, host: str, port: int) -> bool:
        """Whether the operator listed this very host and port."""
        host = host.casefold().rstrip(".")
        if (host, port) in self._exact:
            return True
        return any(host.endswith(tail) and at == port for tail, at in self._below)


class Egress:
    """The proxy.

    Args:
        allowed: what may be reached.
        record: called with every attempt before it is answered; if it raises, the attempt
            is refused: what cannot be recorded does not happen.
    """

    def __init__(self, allowed: AllowList, record: Callable[[Attempt], None]) -> None:
        self._allowed = allowed
        self._record = record
        self._open = True
        self._connections: set[asyncio.StreamWriter] = set()

    async def serve(self, path: Path) -> asyncio.Server:
        """Listen on a Unix socket."""
        return await asyncio.start_unix_server(self._handle, path, limit=MAX_HEAD)

    def cut(self) -> None:
        """Refuse everything from now on and break what is open."""
        self._open = False
        for writer in list(self._connections):
            writer.transport.abort()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            async with asyncio.timeout(HEAD_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            await _refuse(writer, 400, "Bad Request")
        except (ConnectionError, OSError):
            writer.transport.abort()
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        asked = _parse(head)
        if asked is None:
            await _refuse(writer, 400, "Bad Request")
            return
        method, host, port, first = asked
        address, reason = await self._judge(host, port)
        try:
            self._record(Attempt(host=host, port=port, allowed=not reason, reason=reason))
        except Exception:  # whatever kept it from being recorded, it must not happen
            reason = reason or "cannot be recorded"
        if reason:
            await _refuse(writer, 403, "Forbidden")
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                far_reader, far_writer = await asyncio.open_connection(address, port)
        except (OSError, TimeoutError):
            await _refuse(writer, 502, "Bad Gateway")
            return
        self._connections.add(far_writer)
        try:
            if method == b"CONNECT":
                writer.write(b"HTTP/1.1 200 Connection Established\r\n\r\n")
            else:
                far_writer.write(first)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            self._connections.discard(far_writer)
            far_writer.close()

    async def _judge(self, host: str, port: int) -> tuple[str, str]:
        """The address to connect to, and why not (empty: allowed)."""
        if not self._open:
            return "", "egress is cut"
        if not self._allowed.lists(host, port):
            return "", "not on the allow list"
        literal = _literal(host)
        if literal is not None or host.casefold() == "localhost":
            return host, ""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port)
        except OSError:
            return "", "name does not resolve"
        addresses = [str(entry[4][0]) for entry in found]
        public = [text for text in addresses if ipaddress.ip_address(text).is_global]
        if len(public) != len(addresses) or not public:
            return "", "name leads to an address that is not public"
        return public[0], ""


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _parse(head: bytes) -> tuple[bytes, str, int, bytes] | None:
    """Method, host, port, and the head to send on to an origin server."""
    match = _REQUEST_LINE.match(head)
    if match is None:
        return None
    method, target = match[1], match[2].decode("ascii", "replace")
    try:
        parts = urlsplit("//" + target if method == b"CONNECT" else target)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or parts.username or "\ufffd" in target:
        return None
    if method == b"CONNECT":
        return (method, host, port, b"") if port else None
    if parts.scheme != "http":
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    kept = [
        line
        for line in head[match.end() :].split(b"\r\n")
        if line
        and line.split(b":")[0].strip().lower()
        not in (b"connection", b"proxy-connection", b"keep-alive", b"host")
    ]
    authority = f"[{host}]" if ":" in host else host
    lines = [
        method + b" " + path.encode() + b" HTTP/1.1",
        f"Host: {authority}{f':{port}' if port else ''}".encode(),
        *kept,
        b"Connection: close",
    ]
    return method, host, port or 80, b"\r\n".join(lines) + b"\r\n\r\n"


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def _refuse(writer: asyncio.StreamWriter, status: int, phrase: str) -> None:
    with contextlib.suppress(ConnectionError, OSError):
        writer.write(
            f"HTTP/1.1 {status} {phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
