"""How a long run gives memory back to the system."""

from __future__ import annotations

import ctypes
import os
import platform
from functools import cache

# Parameters of mallopt(3).
_TRIM_THRESHOLD = -1
_MMAP_THRESHOLD = -3
_ARENA_MAX = -8

_LARGE = 128 << 10
_SPARE = 1 << 20


@cache
def return_large_blocks() -> bool:
    """Let what a large file needed go back to the system when the next one is read.

    By default glibc raises the size from which blocks are mapped on their own to that of the
    largest block that was ever freed (mallopt(3), M_MMAP_THRESHOLD: up to 32 MB), and keeps
    a heap for each thread. Lines, row groups and texts of a megabyte then stand between
    small objects, and what is free there is never given back: a third of the peak. Arrow's
    own allocator (mimalloc) keeps what row groups needed too: 100 MB after some hundred. It
    reads the variable when it is first imported, which the first segment does.

    Returns:
        Whether glibc was told; other allocators are left as they are.
    """
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    if not _glibc():
        return False
    mallopt = _libc().mallopt
    settings = ((_MMAP_THRESHOLD, _LARGE), (_TRIM_THRESHOLD, _SPARE), (_ARENA_MAX, 1))
    done = [mallopt(name, value) for name, value in settings]  # each, not up to a refusal
    return all(done)


def give_back() -> None:
    """Return what is free between blocks in use, which freeing alone does not (malloc_trim(3))."""
    if _glibc():
        _libc().malloc_trim(0)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


@cache
def _glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
