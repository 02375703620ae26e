"""The stdio relay: stands between an MCP client and its server, line by line.

Every line of the client is decided and recorded by the daemon before the server gets it,
and passed on byte for byte. Every line of the server is in the daemon's hands before the
client gets it; its requests (sampling, elicitation, roots) only after they are durable.
Whatever goes wrong is answered to the client as a JSON-RPC error and never passed on.
Nothing else is ever written to standard output. Standard library only, to start quickly.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from typing import IO, Any

from roguewatch.gateway.mcp.daemon_link import Link, LinkError
from roguewatch.gateway.mcp.message import (
    DENIED,
    INVALID_REQUEST,
    Frame,
    FrameError,
    error_answer,
    read_frame,
)

MAX_CLIENT_LINE = 16 << 20
MAX_SERVER_LINE = 48 << 20
MAX_UNANSWERED = 32
TELL_SECONDS = 0.001
"""How long the daemon is let sleep over lines that lie in its hands: the client, who has them,
goes first."""
REFUSAL = "This action is not permitted for this deployment."
SERVER_GONE = -32000


class Relay:
    """One client, one server process, one daemon.

    Args:
        command: the server's command.
        socket_path: the daemon's Unix socket.
        token: the deployment's, for relays.
        server: the name of the server in records and policies.
    """

    def __init__(self, command: list[str], socket_path: str, token: str, server: str) -> None:
        connection = os.urandom(16).hex()
        self._link = Link(socket_path, token, connection, server)
        self._revision = ""
        self._to_client = threading.Lock()
        self._to_server = threading.Lock()
        self._child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=True
        )

    def run(self) -> int:
        """Relay until either side ends. Returns the server's exit status."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._pass_signal)
        outward = threading.Thread(target=self._server_lines, daemon=True)
        inward = threading.Thread(target=self._client_lines, daemon=True)
        outward.start()
        inward.start()
        status = self._child.wait()
        outward.join(timeout=5)
        return status if status >= 0 else 128 - status

    def _pass_signal(self, number: int, frame: object) -> None:
        self._child.send_signal(number)

    # The client's lines

    def _client_lines(self) -> None:
        source = Lines(sys.stdin.fileno(), MAX_CLIENT_LINE)
        while line := source.next():
            if not line.strip():
                continue
            try:
                verdict = self._link.ask(line, self._revision)
            except LinkError:
                verdict = {"forward": False}
            if verdict.get("forward") is True and len(line) <= MAX_CLIENT_LINE:
                self._revision = str(verdict.get("revision") or self._revision)
                self._write_server(line)
            else:
                self._refuse(line, verdict)
        with contextlib.suppress(OSError), self._to_server:
            _pipe(self._child.stdin).close()

    def _refuse(self, line: bytes, verdict: dict[str, Any]) -> None:
        """Answer every request of a line with an error; what asked nothing gets nothing."""
        code, text = verdict.get("code") or DENIED, verdict.get("message") or REFUSAL
        ids, batch = tuple(verdict.get("ids") or ()), bool(verdict.get("batch"))
        if "ids" not in verdict:
            try:
                frame = read_frame(line, "client")
            except FrameError as error:
                code, ids = error.code, error.ids
            else:
                ids, batch = frame.ids, frame.batch
                if not ids:
                    return
        elif not ids and code == DENIED:
            return
        self._write_client(error_answer(ids, code, text, batch))

    # The server's lines

    def _server_lines(self) -> None:
        source = Lines(_pipe(self._child.stdout).fileno(), MAX_SERVER_LINE)
        while True:
            if self._link.untold and not source.there(TELL_SECONDS):
                self._link.tell()
            if not (line := source.next()):
                break
            if not line.strip():
                continue
            try:
                frame = read_frame(line, "server") if len(line) <= MAX_SERVER_LINE else None
            except FrameError:
                frame = None
            if frame is None:
                self._handed(line[:MAX_SERVER_LINE], wait=True)  # the daemon records the gap
                self._replace(line)
            elif self._handed(line, wait=self._must_wait(frame)):
                self._write_client(line)
            else:
                self._withhold(frame)
        with contextlib.suppress(LinkError):
            self._link.settle()

    def _must_wait(self, frame: Frame) -> bool:
        """Requests of the server act on the client; a handshake changes what may follow."""
        return not self._revision or any(one.kind == "request" for one in frame.messages)

    def _handed(self, line: bytes, *, wait: bool) -> bool:
        """Hand a line to the daemon. Returns whether the client may have it."""
        if not self._link.hand(line, self._revision):
            wait = True  # a restarted daemon: settle hands it over again on a new link
        try:
            answer = self._link.settle(0 if wait else MAX_UNANSWERED)
        except LinkError:
            self._link.forget()
            return False
        if answer:
            self._revision = self._revision or str(answer.get("revision") or "")
            return answer.get("forward") is True
        return True

    def _withhold(self, frame: Frame) -> None:
        """The client gets an error for every answer that could not be recorded, the server
        one for every request."""
        for message in frame.messages:
            if message.kind == "request":
                self._write_server(error_answer((message.id,), DENIED, REFUSAL))
            elif message.kind in ("result", "error") and message.id is not None:
                self._write_client(error_answer((message.id,), DENIED, REFUSAL))

    def _replace(self, line: bytes) -> None:
        """A line that is no clear message: the client, who waits for an answer of that id
        (if one can be told), gets an error in its place."""
        try:
            value = json.loads(line[:MAX_SERVER_LINE])
            id = value.get("id")
            asked = "method" in value
        except (ValueError, AttributeError, RecursionError):
            return
        if not asked and isinstance(id, str | int) and not isinstance(id, bool):
            self._write_client(error_answer((id,), INVALID_REQUEST, "The answer is not valid."))

    def _write_client(self, line: bytes) -> None:
        # A client that closed its end also closes our input, which ends the relay.
        with self._to_client, contextlib.suppress(BrokenPipeError):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def _write_server(self, line: bytes) -> None:
        # A server that is gone ends the relay through `wait`.
        with self._to_server, contextlib.suppress(OSError, ValueError):
            pipe = _pipe(self._child.stdin)
            pipe.write(line)
            pipe.flush()


class Lines:
    """Lines that come on a descriptor; of a longer one than `most`, `most` + 1 bytes, and the
    rest is skipped."""

    def __init__(self, descriptor: int, most: int) -> None:
        self._descriptor = descriptor
        self._most = most
        self._buffer = bytearray()
        self._searched = 0
        """How much of the buffer is known to hold no end of a line."""

    def next(self) -> bytes:
        """The next line; what there is of it, at the end; empty after that."""
        skipping = b""
        while (end := self._buffer.find(b"\n", self._searched)) < 0:
            self._searched = len(self._buffer)
            if self._searched > self._most:
                skipping = skipping or bytes(self._buffer[: self._most + 1])
                self._buffer.clear()
                self._searched = 0
            piece = os.read(self._descriptor, 1 << 16)
            if not piece:
                end = len(self._buffer)
                break
            self._buffer += piece
        line = skipping or bytes(self._buffer[: min(end, self._most) + 1])
        del self._buffer[: end + 1]
        self._searched = 0
        return line

    def there(self, seconds: float) -> bool:
        """Whether a line is there, or more of one comes in time."""
        if self._buffer.find(b"\n", self._searched) >= 0:
            return True
        return bool(select.select([self._descriptor], [], [], seconds)[0])


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
