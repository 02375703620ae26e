"""The few Linux calls that Python does not offer: namespaces and id-mapped mounts.

Numbers from linux/sched.h, linux/mount.h and the x86-64 and arm64 system call tables
(the calls below have the same number on both).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_IDMAP = 0x1, 0x00100000
_MS_REC, _MS_PRIVATE = 0x4000, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


class _MountAttributes(ctypes.Structure):
    _fields_ = (
        ("attr_set", ctypes.c_uint64),
        ("attr_clr", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns_fd", ctypes.c_uint64),
    )


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def unshare(flags: int) -> None:
    """Leave the given namespaces for new ones (unshare(2))."""
    _check(_libc.unshare(flags), "unshare")


def enter_mounts(pid: int) -> None:
    """Let this thread, and what it starts, see the files that a process sees (setns(2)).

    Raises:
        OSError: the process is gone, or this user may not.
    """
    descriptor = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        unshare(CLONE_FS)  # a thread that shares its folder and root with others may not
        _check(_libc.setns(descriptor, CLONE_NEWNS), "setns")
    finally:
        os.close(descriptor)


def make_mounts_private() -> None:
    """Keep mounts of this namespace from reaching others."""
    _check(_libc.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None), "mount --make-rprivate")


def mount_tmpfs(where: Path) -> None:
    """A new empty tmpfs, readable by all."""
    _check(_libc.mount(b"tmpfs", os.fsencode(where), b"tmpfs", 0, b"mode=0755,size=1m"), "tmpfs")


@contextlib.contextmanager
def user_namespace(outside: int, on_disk_user: int, on_disk_group: int) -> Iterator[int]:
    """A user namespace that maps one owner on disk to one identity, for an id-mapped mount.

    Args:
        outside: the uid (and gid) that files of the owner shall appear to have.
        on_disk_user: the uid that owns the files on disk.
        on_disk_group: the gid that owns the files on disk.

    Yields:
        A descriptor of the namespace.
    """
    ready, release = os.pipe()
    until, held = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(held)
            unshare(CLONE_NEWUSER)
            os.write(release, b"1")
            os.read(until, 1)  # ends with the parent, however that ends
        finally:
            os._exit(0)
    os.close(release)
    os.close(until)
    try:
        if os.read(ready, 1) != b"1":
            raise OSError("no user namespace can be made here")
        for kind, on_disk in (("uid", on_disk_user), ("gid", on_disk_group)):
            Path(f"/proc/{child}/{kind}_map").write_text(f"{on_disk} {outside} 1\n")
        descriptor = os.open(f"/proc/{child}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(ready)
        os.close(held)
        os.waitpid(child, 0)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def bind(source: Path, target: Path, *, read_only: bool, namespace: int | None = None) -> None:
    """Bind `source` (a file or folder) to `target`, with owners mapped by `namespace`.

    Raises:
        OSError: the kernel or file system cannot do it (id-mapped mounts need Linux 5.12
            and a file system that supports them).
    """
    tree = _check(
        _libc.syscall(
            _OPEN_TREE, _AT_FDCWD, os.fsencode(source),
            _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE,
        ),
        f"open_tree {source}",
    )  # fmt: skip
    try:
        attributes = _MountAttributes()
        if read_only:
            attributes.attr_set |= _MOUNT_ATTR_RDONLY
        if namespace is not None:
            attributes.attr_set |= _MOUNT_ATTR_IDMAP
            attributes.userns_fd = namespace
        if attributes.attr_set:
            _check(
                _libc.syscall(
                    _MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH,
                    ctypes.byref(attributes), ctypes.sizeof(attributes),
                ),
                f"mount_setattr {source}",
            )  # fmt: skip
        _check(
            _libc.syscall(
                _MOVE_MOUNT, tree, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH
            ),
            f"move_mount {target}",
        )
    finally:
        os.close(tree)
