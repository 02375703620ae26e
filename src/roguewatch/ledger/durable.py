"""Files that are there, whole, after a crash: the system calls, written down.

A new or replaced file: open(tmp, O_EXCL) → write → fsync(tmp) → rename(tmp, path)
→ fsync(folder). A reader sees the old bytes or the new, never a mixture; after a
power cut likewise. A leftover `*.tmp` is what an interrupted write leaves, and the
next start removes it. Sad path: a file system that reports fsync done when it is
not (some network and overlay mounts) is beyond what a program can mend.
"""

from __future__ import annotations

import os
from pathlib import Path

TEMPORARY = ".tmp"
"""Suffix of a file that is not there yet."""


def sync_folder(folder: Path) -> None:
    """Make names made or removed in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """Write every byte: write(2) may take fewer than it is given."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def write_file(path: Path, data: bytes, *, mode: int = 0o644, folder: bool = True) -> None:
    """Create or replace `path`, durably and at once.

    Args:
        mode: permission bits of a new file.
        folder: also fsync the folder; a caller that writes many files into one
            folder does that once, itself.

    Raises:
        OSError: the disk is full, the folder cannot be written, …; `path` is as before.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    try:
        try:
            write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    if folder:
        sync_folder(path.parent)


def make_folder(folder: Path, mode: int = 0o755) -> None:
    """Create a folder and those above it, each name durable."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(mode)
    except FileExistsError:
        return
    sync_folder(folder.parent)
