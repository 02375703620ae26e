"""Names that come and go between two looks at the project folder, by inotify(7).

A manifest before and after a step cannot show a file that was made, used and removed
within it. The kernel's queue can: it is filled from inside and read outside, where the
agent can neither see nor empty it. A file made and removed in a folder that was itself
made in the same step is missed; where that folder was removed too, the folder is told.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_MOVED_TO, _CREATE = 0x80, 0x100
_OVERFLOW, _IGNORED, _ISDIR = 0x4000, 0x8000, 0x40000000
_ONLYDIR, _DONT_FOLLOW = 0x01000000, 0x02000000
_HEAD = struct.Struct("iIII")
_NONBLOCK_CLOEXEC = 0o2004000

MOST_FOLDERS = 4_000
"""Folders that are followed; changes in more are told by the manifest only."""


class Passing:
    """Collects the names that were made or moved in since they were last asked for."""

    def __init__(self, root: Path) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.inotify_init1(_NONBLOCK_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify cannot be used")
        self._root = os.fsencode(root)
        self._folders: dict[int, bytes] = {}
        self.overflowed = False
        """Whether more happened at once than the kernel keeps: names are missing."""
        self._follow(b"")

    def _follow(self, folder: bytes) -> None:
        mask = _CREATE | _MOVED_TO | _ONLYDIR | _DONT_FOLLOW
        waiting = [folder]
        while waiting and len(self._folders) < MOST_FOLDERS:
            inner = waiting.pop()
            path = os.path.join(self._root, inner)  # noqa: PTH118
            watch = self._libc.inotify_add_watch(self._descriptor, path, mask)
            if watch < 0:
                continue  # gone already, or no folder
            self._folders[watch] = inner
            try:
                with os.scandir(path) as entries:
                    found = [one.name for one in entries if one.is_dir(follow_symlinks=False)]
            except OSError:
                continue
            waiting += [os.path.join(inner, name) for name in found]  # noqa: PTH118

    def names(self) -> set[str]:
        """Paths below the root that were made or moved in since the last call."""
        found: set[str] = set()
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return found
            place = 0
            while place < len(data):
                watch, mask, _, length = _HEAD.unpack_from(data, place)
                name = data[place + _HEAD.size : place + _HEAD.size + length].rstrip(b"\0")
                place += _HEAD.size + length
                self.overflowed = self.overflowed or bool(mask & _OVERFLOW)
                if mask & _IGNORED:
                    self._folders.pop(watch, None)
                elif watch in self._folders:
                    path = os.path.join(self._folders[watch], name)  # noqa: PTH118
                    found.add(path.decode("utf-8", "backslashreplace"))
                    if mask & _ISDIR:
                        self._follow(path)

    def close(self) -> None:
        """Stop following."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
