"""The stdio relay's line to the daemon: one request without end on its Unix socket.

What goes there and comes back is described in `routes.py`. Standard library only. Questions
are answered in order, so that sent and unanswered ones form a queue; after a lost
connection those that no answer had come for are asked again. A line whose answer was lost on
the way is then recorded twice, but none is recorded never.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections import deque
from typing import Any

SECONDS = 5.0
"""How long an answer may take before the daemon counts as gone."""


class LinkError(Exception):
    """The daemon cannot be asked, or does not answer as it should."""


class Link:
    """One kept-open connection to the daemon. Not shared between threads.

    Args:
        path: the daemon's Unix socket.
        token: of the deployment, for relays.
        connection: the id of the MCP connection.
        server: the name of the MCP server.
        side: whose lines are brought, `client` or `server`.
    """

    def __init__(self, path: str, token: str, connection: str, server: str, side: str) -> None:
        self._path = path
        self._head = (
            f"POST /mcp-relay/{side} HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\n"
            f"X-Connection: {connection}\r\nX-Server: {server}\r\n"
            "Transfer-Encoding: chunked\r\n\r\n"
        ).encode()
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._headed = False
        self._unanswered: deque[bytes] = deque()
        self._kept: dict[str, Any] = {}
        """What answers said that came before a connection was lost."""

    @property
    def unanswered(self) -> int:
        """How many lines were brought and not yet answered for."""
        return len(self._unanswered)

    def bring(self, line: bytes, revision: str = "") -> None:
        """Send a line without waiting for the answer; `settle` takes it.

        Raises:
            LinkError: it cannot be sent; it stays queued.
        """
        said = b"%d %s\n" % (len(line), revision.encode("ascii", "replace"))
        asked = b"%x\r\n%s%s\r\n" % (len(said) + len(line), said, line)
        self._unanswered.append(asked)
        try:
            if self._socket is None:
                self._connect()  # sends everything unanswered, this one too
            else:
                self._socket.sendall(asked)
        except OSError as error:
            self._drop()
            raise LinkError(f"cannot be sent: {error}") from error

    def settle(self, most: int = 0) -> dict[str, Any]:
        """Take answers until at most `most` lines are unanswered for.

        Returns:
            the last answer; its `forward` is false if that of any was.

        Raises:
            LinkError: an answer does not come, or is not what it should be.
        """
        answer, self._kept = self._kept, {}
        again = True
        while len(self._unanswered) > most:
            try:
                if self._socket is None:
                    self._connect()
                given = self._answer()
            except (OSError, ValueError) as error:
                self._drop()
                answer, self._kept = _both(answer, self._kept), {}
                if len(self._unanswered) <= most:
                    break  # its answer came before the end
                if not again or isinstance(error, TimeoutError):
                    raise LinkError(f"no answer: {error}") from error
                again = False
                time.sleep(0.02)
            else:
                answer = _both(answer, given)
        return answer

    def ask(self, line: bytes, revision: str = "") -> dict[str, Any]:
        """Bring a line and wait for its answer.

        Raises:
            LinkError: there is none. The line is then not asked again.
        """
        try:
            try:
                self.bring(line, revision)
            except LinkError:
                # A daemon that was restarted: one more try on a new connection.
                return self.settle()
            return self.settle()
        except LinkError:
            self.forget()
            raise

    def forget(self) -> None:
        """Give up on what is unanswered, and begin anew with the next line."""
        self._drop()
        self._unanswered.clear()
        self._kept = {}

    def _connect(self) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SECONDS)
        try:
            connection.connect(self._path)
            connection.sendall(b"".join((self._head, *self._unanswered)))
        except OSError:
            connection.close()
            raise
        self._buffer, self._headed = b"", False
        self._socket = connection

    def _drop(self) -> None:
        """Leave the connection; what was answered on it need not be asked again."""
        if self._socket is None:
            return
        self._socket.settimeout(0)
        with contextlib.suppress(OSError, ValueError):
            while self._socket is not None and self._unanswered:
                self._kept = _both(self._kept, self._answer())
        self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _answer(self) -> dict[str, Any]:
        if not self._headed:
            # Refused (a token that was revoked) is final for everything unanswered.
            if not self._until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 "):
                self._close()
                self._unanswered.popleft()
                return {"forward": False}
            self._headed = True
        size = int(self._until(b"\r\n"), 16)
        if not size:
            raise ConnectionResetError("the daemon ended the request")
        while len(self._buffer) < size + 2:
            self._buffer += self._received()
        answer = json.loads(self._buffer[:size])
        self._buffer = self._buffer[size + 2 :]
        if not isinstance(answer, dict):
            raise ValueError("an answer that is none")
        self._unanswered.popleft()
        return answer

    def _until(self, end: bytes) -> bytes:
        while True:
            before, found, after = self._buffer.partition(end)
            if found:
                self._buffer = after
                return before
            self._buffer += self._received()

    def _received(self) -> bytes:
        assert self._socket is not None
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionResetError("the daemon closed the connection")
        return piece


def _both(before: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The later of two answers; refused if either was."""
    if not before or not answer:
        return before or answer
    refused = before.get("forward") is not True
    return {**answer, "forward": False} if refused else answer
