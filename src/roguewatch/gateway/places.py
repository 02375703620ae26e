"""Names of what a running gate puts into its store."""

from __future__ import annotations

import os
from pathlib import Path

ADMIN_SOCKET = "gate.sock"
AGENT_SOCKET = "agent.sock"
ADMIN_TOKEN = "admin.token"  # noqa: S105 - the name of a file
LISTEN = "gate.listen"
"""Where the gate last listened, `HOST:PORT`, for who sets up an agent while it is down."""
TOKENS = "tokens"
"""A folder of the tokens that process clients read, each its reader's."""
DEFAULT_LISTEN = "127.0.0.1:7433"


def keep_to_oneself(store: Path) -> None:
    """Make a store, and leave what is in it and will be to this user: an agent of another one
    must find its socket there, and nothing of what the gate knows, decided and why.

    Raises:
        OSError: the store cannot be made, or is another user's.
    """
    os.umask(0o077)
    if not store.exists():
        store.mkdir(parents=True)
        store.chmod(0o711)
    for one in store.iterdir():
        if not one.is_symlink() and one.name != AGENT_SOCKET and one.stat().st_uid == os.geteuid():
            one.chmod(one.stat().st_mode & 0o700 | (0o011 if one.name == TOKENS else 0))
