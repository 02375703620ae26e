"""Which files were read, and how well: of one run, or of all that a store remembers."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from roguewatch.assess.document import Coverage, Format, Unread
from roguewatch.assess.pipeline import Done
from roguewatch.state.sessions import FileReading, Sessions

LISTED_UNREAD = 10_000
"""Files that could not be read are listed up to here, and counted beyond."""


def coverage_of(paths: list[str], done: Done, readings: Iterable[FileReading]) -> Coverage:
    """What a run did, with what it read by format.

    Args:
        paths: what was asked for.
        done: its counts.
        readings: of its files.
    """
    formats: dict[str, Format] = {}
    unread: list[Unread] = []
    for reading in readings:
        if reading.error and len(unread) < LISTED_UNREAD:
            unread.append(Unread(reading.path, reading.error))
        if not reading.source:
            continue
        line = formats.setdefault(reading.source, Format(source=reading.source))
        line.files += 1
        line.bytes += reading.size
        for name, count in msgspec.json.decode(reading.counts or "{}", type=dict[str, int]).items():
            if hasattr(line, name):
                setattr(line, name, getattr(line, name) + count)
    return Coverage(
        paths=paths,
        files=done.files,
        files_read=done.read,
        files_unchanged=done.unchanged,
        files_unread=done.unread,
        bytes=done.bytes,
        formats=sorted(formats.values(), key=lambda line: -line.bytes),
        unread=unread,
    )


def remembered(sessions: Sessions) -> Coverage | None:
    """The last reading of every file that any run met; None where there was none."""
    done = Done()
    for reading in sessions.readings():
        done.files += 1
        done.bytes += reading.size
        unread = bool(reading.error) or not reading.source
        done.unread += unread
        done.unchanged += not unread
    return coverage_of([], done, sessions.readings()) if done.files else None
