"""File events from manifests of the project folder, taken outside before and after steps.

Taken from outside the containment: the agent can neither stop nor see it. A file is
hashed again only when its inode, size, mtime or ctime differ; the ctime cannot be set by
a program (inode(7)), so an edit that restores size and mtime is still seen.
"""

from __future__ import annotations

import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Literal

import msgspec

MOST_FILES = 20_000
MOST_HASHED = 64 << 20
"""Bytes of one file that are hashed; of a larger one, its beginning and size."""


MOST_APART = 2.0
"""Seconds by which a file's mtime and ctime differ at most when nobody sets them."""


class Entry(msgspec.Struct, frozen=True):
    """One file: what tells that it changed, and what it holds."""

    inode: int
    size: int
    mtime: int
    ctime: int
    mode: int
    digest: str
    """SHA-256 of the content; of the target for a symbolic link; empty for others."""


class FileEvent(msgspec.Struct, frozen=True):
    """A file that was not the same before and after a step."""

    step: int
    path: str
    what: Literal["created", "changed", "deleted", "mode", "rewritten", "passing"]
    """`rewritten`: written or replaced and the same again, as the ctime tells; `passing`:
    made and gone again within the step (`passing`)."""
    before: str
    after: str
    backdated: bool = False
    """Its time of change was set by hand: more than MOST_APART from its ctime."""


def manifest(root: Path, known: dict[str, Entry] | None = None) -> dict[str, Entry]:
    """Every file below `root` by relative path; links are never followed.

    Args:
        root: the folder.
        known: an earlier manifest of the same folder, whose digests are used again for
            files that have not changed.

    Raises:
        OSError: there are more than MOST_FILES files; nothing could be proven any more.
    """
    found: dict[str, Entry] = {}
    folders = [b""]
    base = os.fsencode(root)
    while folders:
        inner = folders.pop()
        try:
            listed = list(os.scandir(os.path.join(base, inner)))  # noqa: PTH118
        except (FileNotFoundError, NotADirectoryError):
            continue  # gone while we looked: a deletion that the next manifest shows
        for item in listed:
            path = os.path.join(inner, item.name)  # noqa: PTH118
            try:
                status = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append(path)
                continue
            name = path.decode("utf-8", "backslashreplace")
            found[name] = _entry(os.path.join(base, path), status, (known or {}).get(name))  # noqa: PTH118
            if len(found) > MOST_FILES:
                raise OSError(f"more than {MOST_FILES} files in the project folder")
    return found


def _entry(path: bytes, status: os.stat_result, known: Entry | None) -> Entry:
    facts = (
        status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode,
    )  # fmt: skip
    if known is not None and facts == (
        known.inode, known.size, known.mtime, known.ctime, known.mode,
    ):  # fmt: skip
        return known
    digest = ""
    try:
        if stat.S_ISLNK(status.st_mode):
            digest = sha256(os.readlink(path)).hexdigest()
        elif stat.S_ISREG(status.st_mode):
            digest = _digest(path)
    except FileNotFoundError:
        digest = "gone"
    return Entry(*facts, digest)


def _digest(path: bytes) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as stream:
        hashed, left = sha256(), MOST_HASHED
        while left > 0 and (piece := stream.read(min(left, 1 << 20))):
            hashed.update(piece)
            left -= len(piece)
        return hashed.hexdigest()


def differences(
    before: dict[str, Entry], after: dict[str, Entry], step: int
) -> tuple[FileEvent, ...]:
    """What a step did to the files, by path."""
    events = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None and new is not None:
            events.append(FileEvent(step, path, "created", "", new.digest, _backdated(new)))
        elif new is None and old is not None:
            events.append(FileEvent(step, path, "deleted", old.digest, ""))
        elif old is not None and new is not None and old.digest != new.digest:
            events.append(FileEvent(step, path, "changed", old.digest, new.digest, _backdated(new)))
        elif old is not None and new is not None and old.mode != new.mode:
            events.append(FileEvent(step, path, "mode", oct(old.mode), oct(new.mode)))
        elif old is not None and new is not None and old.ctime != new.ctime:
            events.append(
                FileEvent(step, path, "rewritten", old.digest, new.digest, _backdated(new))
            )
    return tuple(events)


def _backdated(entry: Entry) -> bool:
    return abs(entry.ctime - entry.mtime) > MOST_APART * 1e9
