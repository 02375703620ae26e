"""Reading paths: which files there are, what format each has, and what it holds.

The format is recognised from content alone. What cannot be read (a permission, a loop,
a device, an unknown format) is one `Reading` with an error that says why; the others
are read all the same.
"""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO

import msgspec

from roguewatch.errors import SourceError
from roguewatch.events import Event
from roguewatch.printable import printable, printable_path
from roguewatch.sources.packed import is_packed, unpacked
from roguewatch.sources.source import HEAD_BYTES, Counts, Document, Source, sources

_LAST = "chat"
"""Tried after the others: their files also hold messages with a role and a content."""

LABELS = "labels.jsonl"
"""What `roguewatch evaluate` calls the labels of its sessions: ours, and no activity."""

_POINTERS = (
    (b"version https://git-lfs.github.com/spec/", "a Git LFS pointer; fetch it with git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer; fetch it with git annex get"),
)
_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a character device"),
    (stat.S_ISBLK, "a block device"),
)
_REASONS = {
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENOENT: "no such file or folder",
    errno.ELOOP: "a loop of symbolic links",
    errno.ENAMETOOLONG: "the name is too long",
}


class Unread(msgspec.Struct, frozen=True):
    """A path that was not read, and why."""

    name: str
    """Printable name."""
    error: str


def _nothing() -> Iterator[Event]:
    return iter(())


class Reading:
    """One file: its format, and its events with counts of what was not understood.

    `counts` are complete once `events` is exhausted; `error` may appear while it runs.
    """

    def __init__(self, name: str, source: str = "", error: str = "") -> None:
        self.name = name
        """Printable file name."""
        self.source = source
        """Name of the format; empty where the file cannot be read."""
        self.counts = Counts()
        self.error = error
        """Why the file, or the rest of it, could not be read; empty where it could."""
        self._start: Callable[[], Iterator[Event]] = _nothing

    def events(self) -> Iterator[Event]:
        """The events of the file in its order. Streams; never raises for bad input."""
        told = self._start is _nothing
        try:
            for event in self._start():
                told = True
                yield event
            if not told:
                self.error = f"{self.name}: holds no activity"
        except SourceError as error:
            self.error = str(error)
        except (OSError, EOFError, zlib.error) as error:
            self.error = f"{self.name}: cannot be read: {_reason(error)}"
        except RecursionError:
            self.error = f"{self.name}: nested too deeply"
        except MemoryError:
            self.error = f"{self.name}: too large for the memory of this machine"
        except Exception as error:
            # Sources are plug-ins: a fault in one ends its file, never the others'.
            said = printable(str(error), 200)
            self.error = (
                f"{self.name}: the {self.source} reader failed: {type(error).__name__}: {said}"
            )


class File(Document):
    """A regular file. What took its place since it was listed (a pipe) is not waited for."""

    def open(self) -> IO[bytes]:
        try:
            number = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise SourceError(f"{self.name}: cannot be opened: {_reason(error)}") from error
        if not stat.S_ISREG(os.fstat(number).st_mode):
            os.close(number)
            raise SourceError(f"{self.name}: is not a regular file any more")
        return os.fdopen(number, "rb", buffering=1 << 18)


class PackedFile(File):
    """A packed file, read as what it unpacks to."""

    def open(self) -> BufferedReader:
        return unpacked(super().open(), self.name)

    def head(self) -> bytes:
        """The first `HEAD_BYTES` bytes, or those before the place where it is broken."""
        head = b""
        with self.open() as stream:
            try:
                while len(head) < HEAD_BYTES and (step := stream.read1(HEAD_BYTES - len(head))):
                    head += step
            except (OSError, EOFError, zlib.error):
                if not head:
                    raise
        return head


def discover(environment: Mapping[str, str], home: Path) -> list[Path]:
    """Where this machine's own agents keep their activity, as far as it exists.

    Args:
        environment: variables that move those places (`CLAUDE_CONFIG_DIR`, `CODEX_HOME`, …).
        home: the home directory.
    """
    places: dict[Path, None] = {}
    for source in sources().values():
        for place in source.places(environment, home):
            try:
                if place.exists():
                    places[place] = None
            except OSError:
                # Not even to be looked at: reading it will say why.
                places[place] = None
    return list(places)


def walk(paths: Iterable[Path], store: Path | None = None) -> Iterator[Path | Unread]:
    """The files under paths, sorted by name, each once; symbolic links are followed.

    Devices, pipes and sockets are never opened; they, folders without permission and
    links that lead in a circle are `Unread`.

    Args:
        paths: files and folders.
        store: the store in use, which is passed over wherever it lies.
    """
    seen: set[tuple[int, int]] = set()
    if store is not None:
        state = store.stat()
        seen.add((state.st_dev, state.st_ino))
    for path in paths:
        yield from _walk(Path(path), frozenset(), seen)


def _walk(
    path: Path, above: frozenset[tuple[int, int]], seen: set[tuple[int, int]]
) -> Iterator[Path | Unread]:
    name = printable_path(path)
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        yield Unread(name, f"{name}: {_reason(error)}")
        return
    place = (state.st_dev, state.st_ino)
    if stat.S_ISDIR(state.st_mode):
        if place in above:
            yield Unread(name, f"{name}: a symbolic link to a folder that it lies in")
            return
        if place in seen:
            return
        seen.add(place)
        if _is_store(path):
            yield Unread(name, f"{name}: is a roguewatch store, which is not read as activity")
            return
        try:
            inside = sorted(os.scandir(path), key=_order)
        except OSError as error:
            yield Unread(name, f"{name}: {_reason(error)}")
            return
        for entry in inside:
            yield from _walk(path / entry.name, above | {place}, seen)
    elif stat.S_ISREG(state.st_mode):
        if place not in seen:
            seen.add(place)
            yield path
    else:
        kind = next((text for test, text in _KINDS if test(state.st_mode)), "a special file")
        yield Unread(name, f"{name}: is {kind}, which is never opened")


def _order(entry: os.DirEntry[str]) -> tuple[bytes, bool, bytes]:
    """By name, but a session's file before the folder of its name, where its subagents are."""
    name = os.fsencode(entry.name)
    stem = name.removesuffix(b".jsonl")
    return stem, name == stem, name


def _is_store(folder: Path) -> bool:
    """Whether a folder holds our own evidence, keys to it and reports, not agents' records."""
    try:
        return (folder / "ledger" / "ledger.json").is_file() and (folder / "state.sqlite").is_file()
    except OSError:
        return False


def read(
    paths: Iterable[Path], *, progress: Callable[[Reading], None] | None = None
) -> Iterator[Reading]:
    """One `Reading` for each file under paths, in order.

    Args:
        paths: files and folders.
        progress: called with each reading before it is given.
    """
    ordered = sorted(_installed().values(), key=lambda source: source.name == _LAST)
    for found in walk(paths):
        if isinstance(found, Unread):
            reading = Reading(found.name, error=found.error)
        else:
            reading = _reading(found, ordered)
        if progress is not None:
            progress(reading)
        yield reading


def _reading(path: Path, ordered: list[Source]) -> Reading:
    """The reading of one regular file."""
    document: Document = File(path)
    name = document.name
    try:
        head = document.head()
        if is_packed(head):
            document = PackedFile(path)
            head = document.head()
    except SourceError as error:
        return Reading(name, error=str(error))
    except (OSError, EOFError, zlib.error) as error:
        return Reading(name, error=f"{name}: cannot be read: {_reason(error)}")
    source = next((source for source in ordered if _recognises(source, head)), None)
    if source is None:
        if (keeper := next((one for one in ordered if _keeps(one, path)), None)) is not None:
            return Reading(name, source=keeper.name)
        if not head:
            return Reading(name, error=f"{name}: is empty")
        if path.name == LABELS and _labels(path):
            return Reading(name, source="labels, not activity")
        return Reading(name, error=f"{name}: {_what(head, ordered)}")
    reading = Reading(name, source.name)
    reading.counts = document.counts
    chosen = source
    reading._start = lambda: chosen.read(document)
    return reading


@cache
def _installed() -> dict[str, Source]:
    """The sources, looked up once a process: looking costs as much as reading a session."""
    return sources()


def _recognises(source: Source, head: bytes) -> bool:
    """Whether a source takes the file; one that fails on it does not."""
    try:
        return source.recognise(head)
    except Exception:  # Sources are plug-ins: a fault in one must not stop the others.
        return False


def _keeps(source: Source, path: Path) -> bool:
    """Whether a source's agent keeps such a file beside its sessions."""
    try:
        return source.beside(path)
    except Exception:  # As in `_recognises`.
        return False


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    session: str
    label: bool
    behaviour: str


def _labels(path: Path) -> bool:
    """Whether every line is a label, as `roguewatch evaluate` keeps them beside its logs."""
    try:
        with path.open("rb") as stream:
            for line in stream:
                msgspec.json.decode(line, type=_Label)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _what(head: bytes, ordered: list[Source]) -> str:
    """What a file of no known format looks like, and what was tried."""
    for begin, text in _POINTERS:
        if head.startswith(begin):
            return f"is {text}"
    tried = "tried: " + ", ".join(source.name for source in ordered)
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return f"is UTF-16 text, expected UTF-8 ({tried})"
    if b"\x00" in head[:8192]:
        return f"is binary and of no known format ({tried})"
    return f"{_looks(head)} ({tried})"


def _looks(head: bytes) -> str:
    """What kind of text a file holds. Never its words: it may be a file of secrets."""
    begin = head.lstrip()
    if begin[:1] not in (b"{", b"["):
        return "is text of no known format"
    for part, where in ((begin, ""), (begin.partition(b"\n")[0], " in its first line")):
        try:
            value = msgspec.json.decode(part)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        kind, inside = ("object", "key") if isinstance(value, dict) else ("array", "item")
        many = "" if len(value) == 1 else "s"
        return f"is JSON of no known format: an {kind} of {len(value)} {inside}{many}{where}"
    return "is JSON of no known format"


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return _REASONS.get(error.errno, error.strerror or type(error).__name__)
    return printable(str(error), 200) or type(error).__name__
