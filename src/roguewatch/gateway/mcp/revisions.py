"""The protocol revisions: an enumerated set, compared through this table, never as strings.

Sources: the specification's five published revisions, and `mcp_types.version` of the
official SDK 2.3.0. Standard library only.
"""

from __future__ import annotations

from typing import NamedTuple

META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"


class Revision(NamedTuple):
    """What differs between revisions for a relay."""

    name: str
    batches: bool = False
    """JSON-RPC batches are allowed."""
    stateless: bool = False
    """No handshake: every request carries its own version and capabilities, and over
    HTTP its method and name stand in headers too."""


REVISIONS: dict[str, Revision] = {
    revision.name: revision
    for revision in (
        Revision("2024-11-05"),
        Revision("2025-03-26", batches=True),
        Revision("2025-06-18"),
        Revision("2025-11-25"),
        Revision("2026-07-28", stateless=True),
    )
}

HTTP_DEFAULT = "2025-03-26"
"""What a request over HTTP without a version header speaks (revision 2025-06-18, Transports)."""
