"""The witness: checkpoints kept where the agents cannot write.

What makes a shortened or exchanged store detectable is that someone else remembers
how long it was. A witness file has one JSON line per checkpoint, each with the
SHA-256 of the line before, so that the witness's own middle cannot be cut out.
An http(s) witness gets each checkpoint by POST as text/plain, and answers GET with
the last one it took.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec

from roguewatch.errors import LedgerError, TamperError
from roguewatch.ledger.durable import make_folder, sync_folder, write_all
from roguewatch.printable import printable_path

TIMEOUT = 5.0
"""Seconds that an http(s) witness may take."""

MAX_LINE = 1 << 16


class Line(msgspec.Struct, frozen=True):
    """One line of a witness file."""

    previous: str
    """Hexadecimal SHA-256 of the line before, its newline included; of nothing at first."""
    checkpoint: str
    """The signed note."""


class FileWitness:
    """A witness file.

    Each line is one write(2) to a descriptor opened with O_APPEND; `sync` adds
    fsync(2). Sad path: a kill during the write leaves a torn last line, which the
    next `record` cuts off (a reader ignores it).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = printable_path(path)
        self._last: bytes | None = None

    def latest(self) -> str | None:
        """The last whole line's checkpoint.

        Raises:
            TamperError: it cannot be read as a witness.
        """
        line = self._tail()
        return _parse(line, self.name).checkpoint if line else None

    def notes(self, *, torn: bool = False) -> Iterator[str]:
        """Every checkpoint in order; none where there is no file.

        Args:
            torn: a last line without its end is the mark of a kill, and passed over.

        Raises:
            TamperError: as `lines`.
        """
        if self.path.exists():
            for line in self.lines(torn=torn):
                yield line.checkpoint

    def lines(self, *, torn: bool = False) -> Iterator[Line]:
        """Every line in order, with the chain checked.

        Raises:
            TamperError: a line is damaged, or the chain is broken; says which line.
        """
        previous = sha256().hexdigest()
        with self.path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                if torn and not line.endswith(b"\n"):
                    break
                parsed = _parse(line, f"{self.name}: line {number}")
                if parsed.previous != previous:
                    raise TamperError(f"{self.name}: line {number} does not follow the one before")
                previous = sha256(line).hexdigest()
                yield parsed

    def record(self, note: str, *, sync: bool) -> None:
        """Append a checkpoint.

        Raises:
            LedgerError: the file cannot be written.
        """
        try:
            created = not self.path.exists()
            if created:
                make_folder(self.path.parent, 0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            handle = os.open(self.path, flags, 0o600)
            try:
                if self._last is None or created:
                    self._last = self._tail()
                    os.ftruncate(handle, self._whole())
                line = Line(sha256(self._last).hexdigest(), note)
                encoded = msgspec.json.encode(line) + b"\n"
                write_all(handle, encoded)
                self._last = encoded
                if sync:
                    os.fsync(handle)
            finally:
                os.close(handle)
            if created:
                sync_folder(self.path.parent)
        except OSError as error:
            self._last = None
            raise LedgerError(f"{self.name}: the witness cannot be written: {error}") from error

    def _whole(self) -> int:
        """Length without a torn last line."""
        with self.path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            start = max(0, size - 2 * MAX_LINE)
            stream.seek(start)
            return start + stream.read().rfind(b"\n") + 1

    def _tail(self) -> bytes:
        """The last whole line with its newline; empty where there is none."""
        try:
            whole = self._whole()
            with self.path.open("rb") as stream:
                start = max(0, whole - MAX_LINE)
                stream.seek(start)
                block = stream.read(whole - start)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise LedgerError(f"{self.name}: the witness cannot be read: {error}") from error
        return block[block.rfind(b"\n", 0, -1) + 1 :]


class HttpWitness:
    """A witness behind an address."""

    def __init__(self, address: str) -> None:
        self.name = printable_path(address)
        self._address = address

    def latest(self) -> str | None:
        """GET: the last checkpoint, None on 404.

        Raises:
            LedgerError: it does not answer.
        """
        import httpx

        try:
            answer = httpx.get(self._address, timeout=TIMEOUT)
            if answer.status_code == 404:
                return None
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise LedgerError(f"{self.name}: the witness does not answer: {error}") from error
        return answer.text

    def notes(self, *, torn: bool = False) -> Iterator[str]:
        """The last checkpoint: an address tells no more."""
        note = self.latest()
        if note is not None:
            yield note

    def record(self, note: str, *, sync: bool) -> None:
        """POST a checkpoint; only where `sync`, since it takes a round trip.

        Raises:
            LedgerError: it was not taken.
        """
        if not sync:
            return
        import httpx

        try:
            httpx.post(
                self._address,
                content=note.encode(),
                headers={"content-type": "text/plain; charset=utf-8"},
                timeout=TIMEOUT,
            ).raise_for_status()
        except httpx.HTTPError as error:
            raise LedgerError(f"{self.name}: the witness took no checkpoint: {error}") from error


def witness_at(place: Path | str) -> FileWitness | HttpWitness:
    """The witness at a file or address."""
    return HttpWitness(place) if isinstance(place, str) else FileWitness(place)


def _parse(line: bytes, where: str) -> Line:
    try:
        parsed = msgspec.json.decode(line, type=Line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TamperError(f"{where}: not a line of a witness") from error
    if msgspec.json.encode(parsed) + b"\n" != line:
        raise TamperError(f"{where}: not written by a witness")
    return parsed
