"""Who changes files in some folders, as the kernel tells it (fanotify(7), root only).

Names come without being opened, so that a rename into place is seen too: `crontab` and
editors write a new file and move it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
from collections.abc import Iterable
from pathlib import Path

import msgspec

_CLOEXEC, _NONBLOCK, _REPORT_DFID_NAME = 0x1, 0x2, 0xC00
_MARK_ADD, _ONLYDIR, _AT_FDCWD = 0x1, 0x8, -100
_CLOSE_WRITE, _MOVED_TO, _CREATE, _ATTRIB = 0x8, 0x80, 0x100, 0x4
_ON_CHILD, _ON_DIR = 0x08000000, 0x40000000
_MASK = _CLOSE_WRITE | _MOVED_TO | _CREATE | _ATTRIB | _ON_CHILD | _ON_DIR
_METADATA = struct.Struct("=IBBHQii")
_INFO = struct.Struct("=BBH8xIi")
"""Type, padding, length, file system, bytes of the handle and its type."""
_DFID_NAME = 2
_READ = 1 << 16


class Writer(msgspec.Struct, frozen=True, gc=False):
    """Somebody changed a file or folder of this name."""

    pid: int
    name: str


class Writers:
    """Listens until closed.

    Raises:
        OSError: this user may not, or this kernel does not tell names (before 5.9).
    """

    def __init__(self) -> None:
        if os.geteuid() != 0:  # others are told names, and not who it was
            raise PermissionError(errno.EPERM, "only root is told who writes")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.fanotify_mark.argtypes = [
            ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p,
        ]  # fmt: skip
        flags = _CLOEXEC | _NONBLOCK | _REPORT_DFID_NAME
        self._descriptor = int(self._libc.fanotify_init(flags, os.O_RDONLY))
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "fanotify cannot be used")
        self._marked: set[Path] = set()

    def mark(self, folders: Iterable[Path]) -> None:
        """Listen to what happens directly in some more folders; what cannot be, is not."""
        for folder in set(folders) - self._marked:
            marked = self._libc.fanotify_mark(
                self._descriptor, _MARK_ADD | _ONLYDIR, _MASK, _AT_FDCWD, os.fsencode(folder)
            )
            if marked == 0:
                self._marked.add(folder)

    def drain(self) -> list[Writer]:
        """What was changed since the last time."""
        found: list[Writer] = []
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._descriptor, _READ):
                found += _writers(data)
        return found

    def close(self) -> None:
        """Listen no longer."""
        os.close(self._descriptor)


def _writers(data: bytes) -> Iterable[Writer]:
    at = 0
    while at + _METADATA.size <= len(data):
        length, _, _, head, _, _, pid = _METADATA.unpack_from(data, at)
        end, info = at + length, at + head
        while info + _INFO.size <= end:
            kind, _, size, handle, _ = _INFO.unpack_from(data, info)
            if kind == _DFID_NAME:
                name = data[info + _INFO.size + handle : info + size].split(b"\0")[0]
                yield Writer(pid, os.fsdecode(name))
            if not size:
                break
            info += size
        if not length:
            break
        at = end
