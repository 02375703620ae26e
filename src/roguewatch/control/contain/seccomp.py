"""The system call filter: what no agent's work needs and escapes are made of.

A deny list over libseccomp, as container engines use it. Namespaces already keep the
rest of the machine out of sight; the filter narrows the kernel that can be attacked from
inside. Denied calls fail with EPERM, so that ordinary programs report an error and go
on; `clone3` fails with ENOSYS, since its flags lie in memory where a filter cannot look,
and libc then falls back to `clone`, whose flags can be looked at.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
import tempfile
from typing import Any

from roguewatch.control.contain.wall import Wall

DENIED = (
    "acct", "add_key", "bpf", "chroot", "clock_adjtime", "clock_settime", "delete_module",
    "fanotify_init", "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module",
    "io_uring_enter", "io_uring_register", "io_uring_setup", "ioperm", "iopl", "kcmp",
    "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mbind", "migrate_pages",
    "mount", "mount_setattr", "move_mount", "move_pages", "name_to_handle_at",
    "open_by_handle_at", "open_tree", "perf_event_open", "pivot_root", "process_vm_readv",
    "process_vm_writev", "ptrace", "quotactl", "reboot", "request_key", "set_mempolicy",
    "setdomainname", "sethostname", "setns", "settimeofday", "swapoff", "swapon", "syslog",
    "umount2", "unshare", "userfaultfd", "vhangup",
)  # fmt: skip
"""System calls that fail with EPERM."""

_CLONE_NEW_ANYTHING = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET (linux/sched.h)."""

_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""Ioctls that type into a terminal: the way out of a shared one."""

_MODE_ARGUMENTS = (
    ("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("creat", 1), ("mknod", 1), ("mknodat", 2),
    ("open", 2), ("openat", 3),
)  # fmt: skip
"""Calls that set a file's mode, and which argument it is. `fchmodat2` is newer than many
copies of libseccomp and is denied by number where they do not know its name."""

_ALLOWED_FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)


def _rules() -> Any:
    import pyseccomp

    rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    denied = pyseccomp.ERRNO(errno.EPERM)
    for name in DENIED:
        rules.add_rule(denied, name)
    rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    for flag in (1 << bit for bit in range(32) if _CLONE_NEW_ANYTHING >> bit & 1):
        rules.add_rule(denied, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    for request in (_TIOCSTI, _TIOCLINUX):
        # The kernel looks at the low 32 bits only (CVE-2019-10063).
        rules.add_rule(denied, "ioctl", pyseccomp.Arg(1, pyseccomp.MASKED_EQ, 0xFFFFFFFF, request))
    # The project may be staged with its owner mapped: what the agent makes there belongs,
    # on disk, to the project's owner. A set-user-ID bit would hand it that identity.
    for name, argument in _MODE_ARGUMENTS:
        for bit in (stat.S_ISUID, stat.S_ISGID):
            rules.add_rule(denied, name, pyseccomp.Arg(argument, pyseccomp.MASKED_EQ, bit, bit))
    for call in ("openat2", 452):  # 452: fchmodat2, the same on every architecture
        rules.add_rule(pyseccomp.ERRNO(errno.ENOSYS), call)
    for family in range(1, 46):
        if family not in _ALLOWED_FAMILIES:
            rules.add_rule(denied, "socket", pyseccomp.Arg(0, pyseccomp.EQ, family))
    return rules


def program() -> tuple[bytes | None, Wall]:
    """The filter as a compiled BPF program, for `bwrap --seccomp`.

    Returns:
        The program and the wall; no program where libseccomp is missing, with the reason
        in the wall.
    """
    try:
        rules = _rules()
        with tempfile.TemporaryFile() as file:
            rules.export_bpf(file)
            file.seek(0)
            code = file.read()
    except (ImportError, OSError, RuntimeError) as error:
        reason = f"libseccomp cannot be used ({error}); install libseccomp2"
        return None, Wall(name="seccomp", enforced=False, how=reason)
    return code, Wall(name="seccomp", enforced=True, how=f"{len(DENIED)} system calls denied")


def as_file(code: bytes) -> int:
    """A descriptor that `bwrap` can read the program from, inheritable."""
    descriptor = os.memfd_create("seccomp", 0)
    os.write(descriptor, code)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
