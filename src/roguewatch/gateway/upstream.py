"""Requests to upstreams: one pool of connections, bodies passed as they are."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
import zlib
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import msgspec
import zstandard

from roguewatch.errors import InputError
from roguewatch.gateway.http_client import Connection, Response, UpstreamError, request_head

CONNECT_SECONDS = 10.0
IDLE_SECONDS = 30.0
"""A connection that was not used for so long is not used again."""
MAX_DECODED = 64 << 20

_IDEMPOTENT = ("GET", "PUT", "DELETE")
_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding "
    b"upgrade proxy-connection host content-length expect".split()
)
"""RFC 9110, section 7.6.1; host and length are the next hop's own."""
_NEVER_ON = _HOP | {
    b"authorization", b"x-api-key", b"api-key", b"cookie", b"accept-encoding", b"forwarded",
    b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip",
}  # fmt: skip
_NEVER_BACK = _HOP | {
    b"set-cookie", b"set-cookie2", b"alt-svc", b"strict-transport-security", b"server",
}  # fmt: skip
VIA = "1.1 roguewatch"
_SAFE_PATH = re.compile(r"(?:/[A-Za-z0-9._~:@!$&'()*+,;=-]+)*/?")

RawHeaders = Iterable[tuple[bytes, bytes]]


def checked_base(address: str, provider: str = "") -> str:
    """The base address of an upstream, without a trailing slash.

    Args:
        address: http or https; plain http only leads to loopback.
        provider: `openai`, whose base addresses hold the protocol's version by custom, or
            `anthropic`, whose do not: `/v1` is added where it is missing.

    Raises:
        InputError: it is no such address.
    """
    parts = urlsplit(address)
    loopback = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        raise InputError(f"{address!r} is no address of an upstream; expected https://HOST/PATH")
    if parts.scheme == "http" and not loopback:
        raise InputError(f"{address!r}: keys would travel in the clear; use https")
    base = address.rstrip("/")
    bare = not parts.path.strip("/")
    if (provider == "openai" and bare) or (provider == "anthropic" and not base.endswith("/v1")):
        return f"{base}/v1"
    return base


def safe_path(path: str) -> bool:
    """Whether a path cannot leave the base that it is put behind."""
    segments = path.split("/")
    return bool(_SAFE_PATH.fullmatch(path)) and not {".", ".."} & set(segments)


def onward(headers: RawHeaders, credentials: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """The headers for the upstream: without the client's keys, with ours. Compression is
    not asked for, so that what passes can be read as it passes."""
    named = {
        token.strip()
        for name, value in headers
        if name == b"connection"
        for token in value.lower().split(b",")
    }
    dropped = _NEVER_ON | named if named else _NEVER_ON
    given = [(name.encode("ascii"), value.encode("ascii")) for name, value in credentials.items()]
    own = {name for name, _ in given}
    passed = [(name, value) for name, value in headers if name not in dropped and name not in own]
    return [*passed, (b"accept-encoding", b"identity"), (b"via", VIA.encode()), *given]


def back(response: Response, clean: Callable[[str], str]) -> list[tuple[bytes, bytes]]:
    """The headers for the client."""
    return [
        (name, clean(value.decode("latin-1")).encode("latin-1"))
        for name, value in response.raw_headers
        if name not in _NEVER_BACK
    ]


class _Place(msgspec.Struct, frozen=True):
    """Where connections lead."""

    scheme: str
    host: str
    port: int


class Upstream:
    """The daemon's connections to upstreams. Used within one event loop."""

    def __init__(self) -> None:
        self._idle: dict[_Place, list[tuple[float, Connection]]] = {}
        self._open: set[Connection] = set()
        self._places: dict[str, tuple[_Place, str, str]] = {}
        self._tls: ssl.SSLContext | None = None

    async def send(
        self,
        method: str,
        base: str,
        path: str,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> Response:
        """The response as soon as its head is there; redirects are not followed.

        Args:
            method: of the request.
            base: a checked address (`checked_base`).
            path: what comes after it, with the query; empty or beginning with `/` or `?`.
            headers: from `onward`.
            body: the whole of it.

        Raises:
            UpstreamError: there is none.
        """
        place, host, prefix = self._places.get(base) or self._placed(base)
        try:
            head = request_head(method, (prefix + path) or "/", host, headers, len(body))
        except (ValueError, UnicodeError) as error:
            raise UpstreamError("NoRequest") from error
        connection = self._kept(place)
        if connection is not None:
            try:
                return await connection.send(head, body)
            except UpstreamError:
                # A server may end a kept connection at any time; what may be done twice
                # is asked again (RFC 9110, 9.2.2).
                if method not in _IDEMPOTENT:
                    raise
        connection = await self._connected(place)
        return await connection.send(head, body)

    def _placed(self, base: str) -> tuple[_Place, str, str]:
        parts = urlsplit(base)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        place = _Place(parts.scheme, parts.hostname or "", port)
        found = self._places[base] = (place, parts.netloc.rpartition("@")[2], parts.path)
        return found

    def _kept(self, place: _Place) -> Connection | None:
        """A connection that is open already, the one used last."""
        idle = self._idle.get(place)
        while idle:
            since, connection = idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and not connection.stale():
                return connection
            connection.abort()
        return None

    async def _connected(self, place: _Place) -> Connection:
        def idle(connection: Connection) -> None:
            self._idle.setdefault(place, []).append((time.monotonic(), connection))

        def lost(connection: Connection) -> None:
            self._open.discard(connection)
            kept = self._idle.get(place, [])
            kept[:] = [one for one in kept if one[1] is not connection]

        tls: ssl.SSLContext | None = None
        if place.scheme == "https":
            tls = self._tls = self._tls or ssl.create_default_context()
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(idle, lost), place.host, place.port, ssl=tls
                )
        except (OSError, TimeoutError) as error:
            raise UpstreamError(type(error).__name__) from error
        self._open.add(connection)
        return connection

    async def close(self) -> None:
        """Close all connections."""
        for connection in list(self._open):
            connection.abort()


class Decoding:
    """Undoes a content coding piece by piece, for reading along; of no piece, however well
    packed, more than `MAX_DECODED` bytes and a little.

    Args:
        coding: the Content-Encoding.

    Raises:
        InputError: it is not one that can be read.
    """

    def __init__(self, coding: str) -> None:
        coding = coding.strip().casefold()
        self._size = 0
        self._step: Callable[[bytes, int], bytes]
        if coding in ("", "identity"):
            self._step = lambda piece, most: piece
        elif coding in ("gzip", "x-gzip"):
            self._step = _Deflated(47).decompress
        elif coding == "deflate":
            self._step = _Deflated(zlib.MAX_WBITS).decompress
        elif coding == "zstd":
            self._step = _Zstandard().decompress
        else:
            raise InputError(f"a body in content coding {coding[:40]!r} cannot be read")

    def decode(self, piece: bytes) -> bytes:
        """The next plain bytes.

        Raises:
            InputError: they are not in this coding, or are too many.
        """
        try:
            plain = self._step(piece, MAX_DECODED - self._size + 1)
        except (zlib.error, zstandard.ZstdError) as error:
            raise InputError("a body is not in the coding that it says") from error
        self._size += len(plain)
        if self._size > MAX_DECODED:
            raise InputError("a body is too large when decoded")
        return plain


class _Deflated:
    """zlib or gzip, of which one stream may follow another (RFC 1952, 2.2)."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)

    def decompress(self, piece: bytes, most: int) -> bytes:
        plain = b""
        while piece:
            if self._stream.eof:
                self._stream = zlib.decompressobj(self._window)
            plain += self._stream.decompress(piece, most - len(plain))
            piece = self._stream.unused_data
            if len(plain) >= most:
                break
        return plain


class _Zstandard:
    """Zstandard within a window of 8 MiB (RFC 9659). A block of four bytes may say 128 KiB,
    so that a piece is taken a little at a time."""

    def __init__(self) -> None:
        self._stream = zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj()

    def decompress(self, piece: bytes, most: int) -> bytes:
        plain, size = [], 0
        for at in range(0, len(piece), 512):
            plain.append(self._stream.decompress(piece[at : at + 512]))
            size += len(plain[-1])
            if size >= most:
                break
        return b"".join(plain)
