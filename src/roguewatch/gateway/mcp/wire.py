"""How the stdio relay's process and the daemon talk: frames on Unix sockets.

The relay asks for its link with `POST /mcp-relay/lines` on the daemon's socket; headers say
whose it is and on which MCP connection. After the head of a response with status 200 the
socket carries frames, and no more HTTP. The relay's first byte brings along one end of a
second pair of sockets (SCM_RIGHTS). On the first the relay asks; on the second it hands over
what the server sent. The daemon reads the second only when a frame on the first says how
much it has been handed. So a server's line lies in the daemon's hands, out of reach of a kill of the
relay, before the client gets it, and yet nobody wakes for it until the client has it.

Every line is answered on the socket on which it came, in order. Internal: the relay and the
daemon are of one version. Standard library only: the relay's process starts with it.
"""

from __future__ import annotations

import struct

PATH = "/mcp-relay/lines"

FRAME = struct.Struct(">BBIQ")
"""Kind, length of the revision that the relay knows of, length of the line, and how many
lines of the server were handed over so far. The revision and the line follow."""
ANSWER = struct.Struct(">I")
"""Length of the answer, JSON: whether the line may pass, and where not, how to refuse it."""

CLIENT, SERVER, HANDED = 0, 1, 2
"""Kinds of frames: a line of the client; one of the server; none, only the number."""

MAX_LINE = 64 << 20
MAX_ANSWER = 1 << 20


def frame(kind: int, handed: int, line: bytes = b"", revision: str = "") -> bytes:
    """A frame as it is sent."""
    said = revision.encode("ascii", "replace")[:64]
    return FRAME.pack(kind, len(said), len(line), handed) + said + line
