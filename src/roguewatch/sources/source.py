"""What a source of agent activity is, and what it is given to read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import IO

import msgspec

from roguewatch.errors import SourceError
from roguewatch.events import Event
from roguewatch.printable import printable_path

HEAD_BYTES = 1 << 16
"""How much of a file a source may look at to recognise its format."""

MAX_RECORD_BYTES = 256 << 20
"""A line, zip member or document longer than this is a gap, not memory."""


class Counts(msgspec.Struct):
    """What one reading of one file met. Every gap is counted in exactly one of these."""

    lines: int = 0
    """Source records: lines, messages, zip members or spans, as the format has them."""
    events: int = 0
    unknown_type: int = 0
    unknown_field: int = 0
    malformed: int = 0
    truncated_tail: int = 0
    orphan_call: int = 0
    """Tool calls without a result, and results without a call."""
    duplicate: int = 0
    """Records that the same file holds twice."""

    def add(self, other: Counts) -> None:
        for field in self.__struct_fields__:
            setattr(self, field, getattr(self, field) + getattr(other, field))


class Document:
    """One file to read, with the counts of that reading.

    Args:
        path: the file. It may grow while it is read: only the bytes that were there
            at the start are read, and a last line without its end is a truncated tail.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = printable_path(path)
        self.counts = Counts()

    def open(self) -> IO[bytes]:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise SourceError(f"{self.name}: cannot be opened: {error.strerror}") from error

    def head(self) -> bytes:
        """The first `HEAD_BYTES` bytes."""
        with self.open() as stream:
            return stream.read(HEAD_BYTES)


class Source(msgspec.Struct, frozen=True):
    """One format of agent activity. A module offers one as `source`."""

    name: str
    """The entry point's name; the `surface` of its events unless the file says better."""

    title: str
    """One line for `roguewatch sources`."""

    recognise: Callable[[bytes], bool]
    """Whether a file that begins with these bytes (at most `HEAD_BYTES`) is of this
    format. Decides from content alone, never raises, and is quick."""

    read: Callable[[Document], Iterator[Event]]
    """The events of a document in its order. Streams: memory is bounded by the largest
    record. What is not understood becomes a `gap` event and is counted; raises
    `SourceError` only where nothing of the file can be read."""

    places: Callable[[Mapping[str, str], Path], list[Path]] = lambda environment, home: []
    """Where this machine's own activity of this format lies, given the environment and
    the home directory. Need not exist."""

    beside: Callable[[Path], bool] = lambda path: False
    """Whether a file of no known format is one that this agent keeps beside its sessions
    (a large output, notes, an index), by where it lies. It holds no activity that is not in
    the sessions, and is no complaint."""


def sources() -> dict[str, Source]:
    """The installed sources by name: ours and those that other packages add."""
    found = {}
    for point in entry_points(group="roguewatch.sources"):
        loaded = point.load()
        if not isinstance(loaded, Source):
            raise SourceError(
                f"entry point roguewatch.sources:{point.name} is a {type(loaded).__name__}, "
                "expected a roguewatch.sources.source.Source"
            )
        found[point.name] = loaded
    return found


def environment_path(environment: Mapping[str, str], variable: str, default: Path) -> Path:
    """A directory that an environment variable may move."""
    value = environment.get(variable)
    return Path(os.path.expanduser(value)) if value else default  # noqa: PTH111
