"""Requests to upstreams: one pool of connections, bodies passed as they are.

aiohttp, by measurement: benchmarks/relays.py prints it beside httpx.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import aiohttp
import zstandard
from multidict import CIMultiDict
from yarl import URL

from roguewatch.errors import InputError

CONNECT_SECONDS = 10.0
READ_SECONDS = 600.0
MAX_CONNECTIONS = 512
MAX_DECODED = 128 << 20

_HOP = frozenset(
    "connection keep-alive proxy-authenticate proxy-authorization te trailer transfer-encoding "
    "upgrade proxy-connection host content-length expect".split()
)
"""RFC 9110, section 7.6.1; host and length are the next hop's own."""
_NEVER_ON = _HOP | {
    "authorization", "x-api-key", "api-key", "cookie", "accept-encoding", "forwarded", "via",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
}  # fmt: skip
_NEVER_BACK = _HOP | {"set-cookie", "set-cookie2", "alt-svc", "strict-transport-security", "server"}
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


def onward(headers: RawHeaders, credentials: dict[str, str]) -> CIMultiDict[str]:
    """The headers for the upstream: without the client's keys, with ours. Compression is
    not asked for, so that what passes can be read as it passes."""
    named = {
        token.strip()
        for name, value in headers
        if name == b"connection"
        for token in value.decode("latin-1").casefold().split(",")
    }
    result: CIMultiDict[str] = CIMultiDict()
    for name, value in headers:
        key = name.decode("latin-1").casefold()
        if key not in _NEVER_ON and key not in named:
            result.add(key, value.decode("latin-1"))
    result["accept-encoding"] = "identity"
    result["via"] = VIA
    result.update(credentials)
    return result


def back(
    response: aiohttp.ClientResponse, clean: Callable[[str], str]
) -> list[tuple[bytes, bytes]]:
    """The headers for the client."""
    return [
        (name.lower(), clean(value.decode("latin-1")).encode("latin-1"))
        for name, value in response.raw_headers
        if name.decode("latin-1").casefold() not in _NEVER_BACK
    ]


class Upstream:
    """The daemon's connections to upstreams. Used within one event loop."""

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def send(
        self, method: str, url: str, headers: CIMultiDict[str], body: bytes | None
    ) -> aiohttp.ClientResponse:
        """The response as soon as its head is there; redirects are not followed.

        Raises:
            aiohttp.ClientError, TimeoutError: there is none.
        """
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("user-agent", "content-type", "accept"),
                read_bufsize=1 << 18,
                trust_env=False,
            )
        return await self._session.request(
            method, URL(url, encoded=True), headers=headers, data=body, allow_redirects=False
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


class Decoding:
    """Undoes a content coding piece by piece, for reading along.

    Args:
        coding: the Content-Encoding.

    Raises:
        InputError: it is not one that can be read.
    """

    def __init__(self, coding: str) -> None:
        coding = coding.strip().casefold()
        self._size = 0
        self._step: Callable[[bytes], bytes]
        if coding in ("", "identity"):
            self._step = bytes
        elif coding in ("gzip", "x-gzip", "deflate"):
            self._step = zlib.decompressobj(47 if "gzip" in coding else zlib.MAX_WBITS).decompress
        elif coding == "zstd":
            self._step = zstandard.ZstdDecompressor().decompressobj().decompress
        else:
            raise InputError(f"a body in content coding {coding[:40]!r} cannot be read")

    def decode(self, piece: bytes) -> bytes:
        """The next plain bytes.

        Raises:
            InputError: they are not in this coding, or are too many.
        """
        try:
            plain = self._step(piece)
        except (zlib.error, zstandard.ZstdError) as error:
            raise InputError("a body is not in the coding that it says") from error
        self._size += len(plain)
        if self._size > MAX_DECODED:
            raise InputError("a body is too large when decoded")
        return plain
