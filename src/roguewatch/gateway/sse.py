"""Server-sent events, read as they arrive (WHATWG HTML, section 9.2.6).

Fed with pieces of any size, cut anywhere; gives the same events as the whole would.
"""

from __future__ import annotations

from collections.abc import Iterator

MAX_EVENT = 16 << 20
"""Bytes of one event's data that are kept; a longer one is told as such, not kept."""


class Events:
    """A decoder of one stream."""

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._rest_size = 0
        self._data: list[bytes] = []
        self._size = 0
        self._name = b""
        self._begun = False
        self._after_return = False
        self.overlong = 0
        """Events whose data was too long to keep."""

    def feed(self, piece: bytes) -> Iterator[tuple[str, bytes]]:
        """The events that `piece` completes, as (name, data); the name is empty where none
        was given."""
        if self._after_return and piece:
            # A line that ended with the last piece's CR has this piece's LF as well.
            piece = piece.removeprefix(b"\n")
            self._after_return = False
        if not piece:
            return
        self._rest.append(piece)
        self._rest_size += len(piece)
        if b"\n" not in piece and b"\r" not in piece:
            if self._rest_size > MAX_EVENT:
                # The rest of the line belongs to an event that is not kept any more.
                self._size, self._rest, self._rest_size = MAX_EVENT + 1, [], 0
                self._begun = True
            return
        text = b"".join(self._rest)
        if not self._begun:
            text = text.removeprefix(b"\xef\xbb\xbf")
            self._begun = True
        self._after_return = text.endswith(b"\r")
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, rest = text.split(b"\n")
        self._rest, self._rest_size = [rest], len(rest)
        for line in lines:
            if line:
                self._field(line)
            elif event := self._dispatch():
                yield event

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._size += len(value) + 1
            if self._size <= MAX_EVENT:
                self._data.append(value)
        elif name == b"event":
            self._name = value[:200]

    def _dispatch(self) -> tuple[str, bytes] | None:
        data, name, size = b"\n".join(self._data), self._name, self._size
        had = bool(self._data)
        self._data, self._name, self._size = [], b"", 0
        if size > MAX_EVENT:
            self.overlong += 1
            return None
        return (name.decode("utf-8", "replace"), data) if had else None
