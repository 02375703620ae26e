"""Names of what a running gate puts into its store."""

from __future__ import annotations

ADMIN_SOCKET = "gate.sock"
AGENT_SOCKET = "agent.sock"
ADMIN_TOKEN = "admin.token"  # noqa: S105 - the name of a file
LISTEN = "gate.listen"
"""Where the gate last listened, `HOST:PORT`, for who sets up an agent while it is down."""
DEFAULT_LISTEN = "127.0.0.1:7433"
