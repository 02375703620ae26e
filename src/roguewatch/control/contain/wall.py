"""One wall of the containment, and whether this machine can put it up."""

from __future__ import annotations

import msgspec


class Wall(msgspec.Struct, frozen=True, kw_only=True):
    """What is enforced, or why it is not."""

    name: str
    """user, pid, mount, ipc, network, seccomp, identity, memory, processes, …"""

    enforced: bool

    how: str = ""
    """The mechanism; or, where it is not enforced, what this machine lacks."""

    required: bool = True
    """Without it nothing is run; the others are limits that are said to be missing."""
