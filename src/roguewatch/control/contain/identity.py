"""The identity that a contained deployment runs under."""

from __future__ import annotations

import os
import pwd
from hashlib import sha256

import msgspec

# systemd's range for dynamic users: no distribution gives these to anybody
# (systemd.exec(5), DynamicUser).
_FIRST, _LAST = 61184, 65519


class Identity(msgspec.Struct, frozen=True):
    """The uid and gid outside, and what is said of them."""

    uid: int
    gid: int
    own: bool
    """Whether no other user of the machine has it."""


def identity_of(deployment: str) -> Identity:
    """The identity for a deployment.

    As root: a uid of the deployment's own, the same each time, which owns nothing on the
    machine. Otherwise the caller's: an unprivileged user cannot become another.
    """
    if os.geteuid() != 0:
        return Identity(os.getuid(), os.getgid(), own=False)
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    span = _LAST - _FIRST + 1
    start = int.from_bytes(sha256(deployment.encode()).digest()[:4], "big") % span
    for step in range(span):
        uid = _FIRST + (start + step) % span
        if uid not in taken:
            return Identity(uid, uid, own=True)
    return Identity(65534, 65534, own=False)
