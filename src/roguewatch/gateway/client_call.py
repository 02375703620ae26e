"""A hook's call to the daemon, as `client.py` makes it: asks, and blocks whenever it gets no
answer.

Every agent tool call waits for it, so it imports nothing but the interpreter's own socket
module in C (`import socket` alone would double its run time) and never roguewatch itself.
"""

import _imp
import posix
import sys
from _frozen_importlib import ModuleSpec

try:
    # Where it stands is known: looking for it takes half as long as all else that is done here.
    _place = f"{sys.path[-1]}/_socket{_imp.extension_suffixes()[0]}"
    _socket = _imp.create_dynamic(ModuleSpec("_socket", None, origin=_place))
    _imp.exec_dynamic(_socket)
except ImportError:
    import _socket

TYPE_CHECKING = False  # as type checkers know it, without the import
if TYPE_CHECKING:
    from socket import socket

MOST = 64 << 20
REFUSAL = b"This action is not permitted for this deployment.\n"


def refuse() -> int:
    """Block: the one answer to whatever went wrong."""
    write(2, REFUSAL)
    return 2


def read(handle: int, most: int) -> bytes:
    """What a file or pipe holds, up to its end or a little more than `most` bytes."""
    pieces, size = [], 0
    while size <= most and (piece := posix.read(handle, 1 << 20)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def write(handle: int, data: bytes) -> None:
    """Write all of it."""
    while data:
        data = data[posix.write(handle, data) :]


def reach(path: str, seconds: float) -> "socket":
    """The daemon, which each step of asking may keep waiting so many seconds."""
    connection: socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.settimeout(seconds)
    connection.connect(path)
    return connection


def ask(
    connection: "socket", token: bytes, agent: str, event: str, asked: bytes
) -> tuple[dict[bytes, bytes], bytes]:
    """Post the hook's body. Returns the header fields, the status line under `b""`, and the
    body of the daemon's response, which ends where it says or is cut off."""
    head = (
        b"POST /hooks/%s?event=%s HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    ) % (agent.encode(), event.encode(), token, len(asked))
    connection.sendall(head + asked)
    answer = b""
    while True:
        piece = connection.recv(65536)
        answer += piece
        head, found, body = answer.partition(b"\r\n\r\n")
        if not piece or found:
            first, *lines = head.split(b"\r\n")
            fields = {b"": first}
            for line in lines:
                name, _, value = line.partition(b":")
                fields[name.lower()] = value.strip()
            # Not until the daemon has closed the connection, which comes after the answer.
            if not piece or len(body) >= int(fields[b"content-length"]):
                return fields, body


def call(arguments: list[str]) -> int:
    """Ask and obey. Returns the exit status for the agent."""
    path, token_file, agent, event = arguments[:4]
    seconds = float(arguments[4]) if len(arguments) > 4 else 5.0
    try:
        connection = reach(path, seconds)  # first: the daemon makes ready while this one reads
    except OSError:
        read(0, MOST)  # whoever writes it must not fail for it
        return refuse()
    token = read(posix.open(token_file, posix.O_RDONLY), 512).strip()
    asked = read(0, MOST)
    if len(asked) > MOST:
        return refuse()
    fields, body = ask(connection, token, agent, event, asked)
    if not fields[b""].startswith(b"HTTP/1.1 200") or int(fields[b"content-length"]) != len(body):
        return refuse()
    status = int(fields[b"x-roguewatch-exit"])
    write(1, body)
    if stderr := fields.get(b"x-roguewatch-stderr"):
        write(2, stderr + b"\n")
    return status
