"""The members of an Inspect `.eval` archive, one at a time, whatever state it is in.

A zip (PKWARE APPNOTE 6.3.9) whose members are stored (method 0), deflated (8) or
zstandard (93, which Python's zipfile learns only in 3.14). An archive whose central
directory is missing, because the run was killed or the copy cut, is read from the
local headers. Members come from hostile hands: each is decompressed to a bound, the
archive as a whole too, and what fails is reported while the rest is read.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

import msgspec
import zstandard

from roguewatch.sources.source import MAX_RECORD_BYTES

_LOCAL = struct.Struct("<4sHHHHHLLLHH")
_SIGNATURE = b"PK\x03\x04"
_STORED, _DEFLATED, _ZSTANDARD = 0, 8, 93
_SIZES_FOLLOW = 0x08
_ENCRYPTED = 0x01

_FREE_BYTES = 64 << 20
_MEMBER_RATIO = 2_000
"""JSON of repeated conversations was seen at a ratio of 300; above this and above
`_FREE_BYTES` a member is a bomb (deflate itself cannot pass 1,032)."""
_ARCHIVE_FREE_BYTES = 4 << 30
_ARCHIVE_RATIO = 500


class MemberError(Exception):
    """A member cannot be read. `truncated`: because the file ends too early."""

    def __init__(self, reason: str, *, truncated: bool = False) -> None:
        super().__init__(reason)
        self.truncated = truncated


class Member(msgspec.Struct, frozen=True):
    """Where one member lies."""

    name: str
    offset: int
    """Of its local header in the archive."""
    method: int
    stored: int
    """Bytes in the archive; -1 where only reading on tells (sizes after the data)."""
    size: int
    """Bytes it says it decompresses to; -1 as above."""
    crc: int


class Archive:
    """One archive, open for reading.

    Args:
        stream: the file, seekable.

    Attributes:
        members: of the last version of each name, in order of place.
        superseded: members that a later one of the same name replaced.
        recovered: the central directory was missing or unreadable.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._size = stream.seek(0, 2)
        self._budget = _ARCHIVE_FREE_BYTES + _ARCHIVE_RATIO * self._size
        self.recovered = False
        try:
            everything = _directory(stream)
        except (zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error):
            self.recovered = True
            everything = list(_scan(stream, self._size))
        everything.sort(key=lambda member: member.offset)
        latest = {member.name: member for member in everything}
        self.members = list(latest.values())
        self.superseded = [each for each in everything if latest[each.name] is not each]

    def names(self) -> set[str]:
        return {member.name for member in self.members}

    def read(self, member: Member) -> bytes:
        """The decompressed bytes of a member.

        Raises:
            MemberError: it is encrypted, corrupt, cut short, too large, or of a
                compression method that the format does not use.
        """
        start = _data_start(self._stream, member, self._size)
        stored = member.stored
        if stored < 0:
            stored = min(self._size - start, MAX_RECORD_BYTES)
        if stored > MAX_RECORD_BYTES or member.size > MAX_RECORD_BYTES:
            raise MemberError(
                f"larger than {MAX_RECORD_BYTES} bytes ({max(stored, member.size)}): not read"
            )
        self._stream.seek(start)
        data = self._stream.read(stored)
        if len(data) < stored:
            raise MemberError("the file ends inside this member", truncated=True)
        limit = min(_limit(len(data)), self._budget)
        content = _decompress(member, data, limit if member.size < 0 else min(limit, member.size))
        self._budget -= len(content)
        if member.size >= 0 and len(content) != member.size:
            raise MemberError(f"holds {len(content)} bytes where {member.size} are declared")
        if member.stored >= 0 and zlib.crc32(content) != member.crc:
            raise MemberError("its checksum does not match: the bytes were changed or damaged")
        return content


def _limit(stored: int) -> int:
    return min(MAX_RECORD_BYTES, max(_FREE_BYTES, _MEMBER_RATIO * stored))


def _directory(stream: IO[bytes]) -> list[Member]:
    with zipfile.ZipFile(stream) as archive:
        return [
            Member(
                info.filename,
                info.header_offset,
                -1 if info.flag_bits & _ENCRYPTED else info.compress_type,
                info.compress_size,
                info.file_size,
                info.CRC,
            )
            for info in archive.infolist()
        ]


def _data_start(stream: IO[bytes], member: Member, end: int) -> int:
    if member.method < 0:
        raise MemberError("encrypted")
    if not 0 <= member.offset < end:
        raise MemberError("the directory places it outside the file")
    stream.seek(member.offset)
    header = stream.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        raise MemberError("the file ends inside this member's header", truncated=True)
    fields = _LOCAL.unpack(header)
    if fields[0] != _SIGNATURE:
        raise MemberError("no local header where the directory says one is")
    return member.offset + _LOCAL.size + int(fields[9]) + int(fields[10])


def _decompress(member: Member, data: bytes, limit: int) -> bytes:
    if member.method == _STORED:
        if member.stored < 0:
            raise MemberError("stored without its size: its end cannot be told")
        return data
    try:
        if member.method == _DEFLATED:
            inflater = zlib.decompressobj(-15)
            content, done = inflater.decompress(data, limit + 1), inflater.eof
        elif member.method == _ZSTANDARD:
            content, done = _zstandard(data, limit), True
        else:
            raise MemberError(f"compression method {member.method} is not one of 0, 8, 93")
    except (zlib.error, zstandard.ZstdError) as error:
        raise MemberError(f"does not decompress: {error}") from error
    if len(content) > limit:
        raise MemberError(
            f"decompresses {len(data)} bytes to more than {limit}: a zip bomb or damage, not read"
        )
    if not done:
        raise MemberError("its compressed data ends too early", truncated=True)
    return content


def _zstandard(data: bytes, limit: int) -> bytes:
    """All frames, read in pieces: what a frame declares as its size is not trusted."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    pieces, total = [], 0
    with decompressor.stream_reader(data, read_across_frames=True) as reader:
        while total <= limit and (piece := reader.read(1 << 20)):
            pieces.append(piece)
            total += len(piece)
    return b"".join(pieces)


def _scan(stream: IO[bytes], end: int) -> Iterator[Member]:
    """Members found by their local headers alone, for an archive without a directory."""
    place = 0
    while (place := _next_signature(stream, place, end)) >= 0:
        stream.seek(place)
        header = stream.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            return
        _, _, flags, method, _, _, crc, stored, size, name_bytes, extra_bytes = _LOCAL.unpack(
            header
        )
        name = stream.read(name_bytes).decode("utf-8", "replace")
        extra = stream.read(extra_bytes)
        if stored == 0xFFFFFFFF or size == 0xFFFFFFFF:
            stored, size = _zip64(extra, stored, size)
        start = place + _LOCAL.size + name_bytes + extra_bytes
        if flags & _ENCRYPTED:
            method = -1
        if flags & _SIZES_FOLLOW and not stored:
            stored = size = -1
        yield Member(name, place, method, stored, size, crc)
        place = start + max(stored, 0)


def _zip64(extra: bytes, stored: int, size: int) -> tuple[int, int]:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 1 and length >= 16 and len(extra) >= 20:
            size, stored = struct.unpack_from("<QQ", extra, 4)
        extra = extra[4 + length :]
    return stored, size


def _next_signature(stream: IO[bytes], place: int, end: int) -> int:
    step = 1 << 20
    while place < end:
        stream.seek(place)
        block = stream.read(step + 3)
        found = block.find(_SIGNATURE)
        if found >= 0:
            return place + found
        place += step
    return -1
