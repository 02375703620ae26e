"""Keys never reach the record, the logs or the other side."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from roguewatch.events import Event

OUR_TOKEN = re.compile(r"rw-(?:hook|relay|otlp|all)-[A-Za-z0-9_-]{20,}")
_SHORTEST = 8


class Secrets:
    """The keys of the providers, and the shape of ours.

    Args:
        keys: provider keys; shorter than 8 characters are no secrets.
    """

    def __init__(self, keys: Iterable[str]) -> None:
        self._texts = tuple(sorted({key for key in keys if len(key) >= _SHORTEST}, reverse=True))
        self._bytes = tuple(key.encode() for key in self._texts)
        self._signs = ("rw-", *self._texts)
        """What nothing with a key in it is without."""
        self._sign_bytes = (b"rw-", *self._bytes)

    def scrub(self, event: Event) -> Event:
        """The event without any key in it."""
        text, arguments, detail, raw = event.text, event.arguments, event.detail, event.raw
        told = text + arguments + detail
        if not any(map(told.__contains__, self._signs)) and not any(
            map(raw.__contains__, self._sign_bytes)
        ):
            return event
        return msgspec.structs.replace(
            event,
            text=self.text(text),
            arguments=self.text(arguments),
            detail=self.text(detail),
            raw=self._raw(raw),
        )

    def text(self, text: str) -> str:
        """Text with every key in it starred out, to the same length."""
        if "rw-" in text:
            text = OUR_TOKEN.sub(lambda found: "*" * len(found.group()), text)
        for key in self._texts:
            if key in text:
                text = text.replace(key, "*" * len(key))
        return text

    def _raw(self, raw: bytes) -> bytes:
        if b"rw-" in raw:
            raw = OUR_TOKEN_BYTES.sub(lambda found: b"*" * len(found.group()), raw)
        return self.whole(raw)

    def whole(self, piece: bytes) -> bytes:
        """Bytes with every provider key in them starred out, to the same length."""
        for key in self._bytes:
            if key in piece:
                piece = piece.replace(key, b"*" * len(key))
        return piece

    def header(self, value: str) -> str:
        """A header's value without a provider's key."""
        return self.text(value)

    def stream(self) -> SecretStream:
        """A filter for bytes that pass in pieces."""
        return SecretStream(self._bytes)


OUR_TOKEN_BYTES = re.compile(OUR_TOKEN.pattern.encode())


class SecretStream:
    """Passes pieces on, without keys: also those cut by the end of a piece. Holds back
    only an end that could be the beginning of a key."""

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys
        self._held = b""

    def pass_on(self, piece: bytes) -> bytes:
        """What of the bytes so far may go on."""
        if not self._keys:
            return piece
        piece = self._held + piece
        for key in self._keys:
            if key in piece:
                piece = piece.replace(key, b"*" * len(key))
        keep = max(map(lambda key: _overlap(piece, key), self._keys))  # noqa: C417
        self._held = piece[len(piece) - keep :] if keep else b""
        return piece[: len(piece) - keep] if keep else piece

    def rest(self) -> bytes:
        """What was held back, at the end."""
        held, self._held = self._held, b""
        return held


def _overlap(piece: bytes, key: bytes) -> int:
    """How many of the last bytes of `piece` are the first of `key`."""
    for length in range(min(len(piece), len(key) - 1), 0, -1):
        if piece.endswith(key[:length]):
            return length
    return 0
