"""The items of a large JSON document, one at a time, as their exact bytes.

A document here is an array, or an object with arrays under known keys (`samples`,
`spans`, `resourceSpans`, `messages` …). Memory is bounded by the largest item, not
by the document. Only structure is looked at (RFC 8259 brackets, commas, strings);
what an item holds is for its decoder to refuse.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Collection, Iterator
from typing import IO

import msgspec

from roguewatch.sources.source import MAX_RECORD_BYTES

_MARK = re.compile(rb'["\[\]{},:]')
_IN_STRING = re.compile(rb'(?:[^"\\]+|\\.)*+', re.DOTALL)
_SPACE = b" \t\r\n\xef\xbb\xbf\x00"
_BLOCK = 1 << 20


class Item(msgspec.Struct, frozen=True):
    """One item of a document."""

    key: str
    """The key of the object that it lies under; empty in a document that is an array."""
    index: int
    """Its place in the array; -1 for a value that is no array of items."""
    offset: int
    """Byte offset in the document."""
    data: bytes | None
    """Exactly its bytes; None where it is larger than the limit."""
    complete: bool = True
    """False for the item that the document's end cut off, or, without a key or data, for
    what could not be read."""
    beyond: bool = False
    """It is what stands after the end of the document's one value, without its data."""

    @property
    def fault(self) -> tuple[str, str]:
        """The code and the reason of the gap that it is, where it cannot be read."""
        if self.beyond:
            return "malformed", "more follows after the end of the JSON value"
        if self.data is None:
            return "malformed", "larger than is read"
        return "truncated_tail", "the file ends inside it"


def items(
    stream: IO[bytes], arrays: Collection[str] = (), limit: int = MAX_RECORD_BYTES
) -> Iterator[Item]:
    """The items of a document in its order.

    Args:
        stream: the document, from its start.
        arrays: keys of a top-level object whose arrays are given item by item; every
            other value of the object is given whole.
        limit: bytes; a larger item is given without its data.
    """
    return _Splitter(stream, frozenset(arrays), limit).items()


def values(stream: IO[bytes], limit: int = MAX_RECORD_BYTES) -> Iterator[Item]:
    """The objects and arrays of a sequence of JSON texts, with or without space between.

    Args:
        stream: the sequence, from its start.
        limit: bytes; a larger value is given without its data.
    """
    return _Splitter(stream, frozenset(), limit).values()


class _Splitter:
    def __init__(self, stream: IO[bytes], arrays: frozenset[str], limit: int) -> None:
        # One step at a time, where it can: what stands before a fault is given first.
        self._read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
        self._arrays = arrays
        self._limit = limit
        self._broken = False  # it could not be read to its end
        self._buffer = bytearray()
        self._base = 0  # offset in the document of the buffer's first byte
        self._place = 0  # scanned so far, in the buffer
        self._start = -1  # of the current item, in the document; -1: none
        self._depth = 0
        self._level = 1  # depth at which items lie
        self._in_object = False
        self._awaiting_key = False
        self._key = ""
        self._index = 0

    def items(self) -> Iterator[Item]:
        for mark, offset in self._marks():
            if mark in b"[{":
                self._opened(mark, offset)
            elif mark in b"]},":
                closing = mark != b","
                if self._depth == self._level and self._start >= 0:
                    item = self._item(offset)
                    if item is not None:
                        yield item
                if closing:
                    self._closed()
                    if self._depth == 0:
                        yield from self._rest()
                        return
                elif self._depth == self._level:
                    self._start = offset + 1
                    self._awaiting_key = self._in_object and self._level == 1
            elif self._awaiting_key and self._depth == 1:
                self._key_ended(offset)
        yield from self._cut()

    def values(self) -> Iterator[Item]:
        """Whole values at the top, one after another."""
        self._level, self._in_object = 0, False
        for mark, offset in self._marks():
            if mark in b"[{":
                if self._depth == 0:
                    self._start = offset
                self._depth += 1
            elif mark in b"]}" and self._depth:
                self._depth -= 1
                if self._depth == 0 and (item := self._item(offset + 1)) is not None:
                    yield item
        yield from self._cut()

    def _cut(self) -> Iterator[Item]:
        """What the document's end cut off; nothing where it ends where it should."""
        end = self._base + len(self._buffer)
        cut = self._item(end) if self._depth and self._start >= 0 else None
        if cut is not None:
            yield msgspec.structs.replace(cut, complete=False)
        elif self._broken:
            yield Item("", -1, end, b"", complete=False)

    def _rest(self) -> Iterator[Item]:
        """What follows the value: nothing, as a rule. Read to the end, since a packed file
        tells only there that it is broken."""
        beyond = -1
        while True:
            tail = bytes(self._buffer[self._place :])
            if beyond < 0 and (said := tail.lstrip(_SPACE)):
                beyond = self._base + len(self._buffer) - len(said)
            self._place = len(self._buffer)
            if not self._fill():
                break
        if beyond >= 0:
            yield Item("", -1, beyond, b"", complete=False, beyond=True)
        yield from self._cut()

    def _opened(self, mark: bytes, offset: int) -> None:
        self._depth += 1
        if self._depth == 1:
            self._in_object = self._awaiting_key = mark == b"{"
            self._start = offset + 1
        elif self._depth == 2 and self._in_object and mark == b"[" and self._key in self._arrays:
            self._level, self._index, self._start = 2, 0, offset + 1

    def _closed(self) -> None:
        self._depth -= 1
        if self._level == 2 and self._depth == 1:
            self._level, self._start = 1, -1

    def _key_ended(self, offset: int) -> None:
        text = bytes(self._buffer[self._start - self._base : offset - self._base]).strip(_SPACE)
        try:
            key = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            key = ""
        self._key = key if isinstance(key, str) else ""
        self._start, self._awaiting_key = offset + 1, False

    def _item(self, end: int) -> Item | None:
        start, self._start = self._start, -1
        in_array = self._level == 2 or not self._in_object
        index = self._index if in_array else -1
        data: bytes | None = None
        if start >= self._base:
            whole = bytes(self._buffer[start - self._base : end - self._base])
            data = whole.strip(_SPACE)
            if not data or (self._in_object and self._awaiting_key):
                return None
            start += len(whole) - len(whole.lstrip(_SPACE))
        self._index += in_array
        return Item(self._key, index, start, data)

    def _marks(self) -> Iterator[tuple[bytes, int]]:
        """Structural bytes outside strings, with their offsets."""
        in_string = False
        while self._fill():
            buffer = self._buffer
            while True:
                if in_string:
                    found = _IN_STRING.match(buffer, self._place)
                    self._place = found.end() if found else self._place
                    if self._place >= len(buffer) or buffer[self._place] != 0x22:
                        break
                    self._place += 1
                    in_string = False
                mark = _MARK.search(buffer, self._place)
                if mark is None:
                    self._place = len(buffer)
                    break
                self._place = mark.end()
                if mark.group() == b'"':
                    in_string = True
                else:
                    yield mark.group(), self._base + mark.start()

    def _fill(self) -> bool:
        """Read on, and let go of what no item needs any more."""
        keep = self._place if self._start < 0 else min(self._place, self._start - self._base)
        if keep < 0 or self._place - keep > self._limit:
            keep = self._place  # the item is too large to keep: its end is still looked for
        del self._buffer[:keep]
        self._base += keep
        self._place -= keep
        try:
            block = self._read(_BLOCK)
        except (OSError, EOFError, zlib.error):
            if self._base == 0 and not self._buffer:
                raise
            self._broken = True
            return False
        self._buffer += block
        return bool(block)
