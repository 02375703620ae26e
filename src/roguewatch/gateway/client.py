"""The hook's process client: asks the daemon, and blocks whenever it gets no answer.

Installed as `python -I -S client.py SOCKET TOKENFILE AGENT EVENT [SECONDS]`. Every agent
tool call waits for this process, so it imports nothing but the interpreter's own socket
module in C (`import socket` alone would double its run time) and never roguewatch itself. It reads the hook's JSON from stdin, posts it over the daemon's Unix socket, prints
the body, and exits with the status that the daemon chose.

Everything that goes wrong (no daemon, no token, a slow or cut answer, an answer that is
not what it should be) ends in exit status 2 with a reason on stderr, which Claude Code,
Codex, Gemini CLI and Cursor take for a block.
"""

import _socket
import posix
import sys

MOST = 64 << 20
REFUSAL = "This action is not permitted for this deployment.\n"


def refuse() -> int:
    """Block: the one answer to whatever went wrong."""
    sys.stderr.write(REFUSAL)
    return 2


def ask(path: str, token: bytes, agent: str, event: str, seconds: float, asked: bytes) -> bytes:
    """Post the hook's body; return the daemon's whole response."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    connection.settimeout(seconds)
    connection.connect(path)
    head = (
        b"POST /hooks/%s?event=%s HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer %s\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
    ) % (agent.encode(), event.encode(), token, len(asked))
    connection.sendall(head + asked)
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def main(arguments: list[str]) -> int:
    """Ask and obey. Returns the exit status for the agent."""
    path, token_file, agent, event = arguments[:4]
    seconds = float(arguments[4]) if len(arguments) > 4 else 5.0
    asked = sys.stdin.buffer.read(MOST + 1)
    if len(asked) > MOST:
        return refuse()
    with open(token_file, "rb") as file:
        token = file.read(512).strip()
    head, _, body = ask(path, token, agent, event, seconds, asked).partition(b"\r\n\r\n")
    fields = head.lower().split(b"\r\n")
    length = status = stderr = None
    for field in fields[1:]:
        name, _, value = field.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"x-roguewatch-exit":
            status = int(value)
        elif name == b"x-roguewatch-stderr":
            stderr = head[head.lower().index(field) :][len(name) + 1 : len(field)].strip()
    if not fields[0].startswith(b"http/1.1 200") or status is None or length != len(body):
        return refuse()
    sys.stdout.buffer.write(body)
    if stderr:
        sys.stderr.write(stderr.decode("ascii", "replace") + "\n")
    return status


if __name__ == "__main__":
    outcome = 2
    try:
        outcome = main(sys.argv[1:])
        sys.stdout.flush()
    except BaseException:
        outcome = 2
        refuse()
    finally:
        # Leaves without taking the interpreter apart, which takes a tenth of the whole run.
        posix._exit(outcome)
