"""The stdio relay's link to the daemon: what it asks and what it hands over (`wire`).

Standard library only. Lines of the server that no answer has come for are kept, and handed
over again after a lost connection. A line whose answer was lost on the way is then recorded
twice, but none is recorded never.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import threading
from collections import deque
from typing import Any

from roguewatch.gateway.mcp.wire import ANSWER, CLIENT, HANDED, MAX_ANSWER, PATH, SERVER, frame

SECONDS = 5
"""How long an answer may take before the daemon counts as gone."""

SMALL = 32 << 10
"""Bytes that fit into a socket's buffer with what may lie there already."""


class LinkError(Exception):
    """The daemon cannot be asked, or does not answer as it should."""


class Link:
    """One kept-open link to the daemon, for two threads: one asks, one hands over.

    Args:
        path: the daemon's Unix socket.
        token: of the deployment, for relays.
        connection: the id of the MCP connection.
        server: the name of the MCP server.
    """

    def __init__(self, path: str, token: str, connection: str, server: str) -> None:
        self._path = path
        self._head = (
            f"POST {PATH} HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {token}\r\n"
            f"X-Connection: {connection}\r\nX-Server: {server}\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        self._mutex = threading.RLock()
        """Held to connect, to part, and to hand over: what is unanswered must lie in one link."""
        self._sending = threading.Lock()
        self._ends: Ends | None = None
        self._unanswered: deque[tuple[bytes, str]] = deque()
        """Lines of the server, with the revision."""
        self._kept: dict[str, Any] = {}
        """What answers said that came before a link was lost."""

    # The thread that asks

    def ask(self, line: bytes, revision: str = "") -> dict[str, Any]:
        """Bring a line of the client, and wait for the answer.

        Raises:
            LinkError: there is none. The line is then not asked again.
        """
        again = True
        while True:
            ends = None
            try:
                ends = self._linked()
                if ends is None:
                    return dict(_NO)
                with self._sending:
                    ends.told, ends.waiting = ends.handed, 0
                    ends.asking.sendall(frame(CLIENT, ends.told, line, revision))
                return ends.answer()
            except BlockingIOError as error:
                self._part(ends)
                raise LinkError("no answer in time") from error
            except (OSError, ValueError) as error:
                self._part(ends)
                if not again:
                    raise LinkError(f"no answer: {error}") from error
                again = False  # once more on a new link, to a daemon that was restarted

    # The thread that hands over

    @property
    def unanswered(self) -> int:
        """How many lines were handed over and not yet answered for."""
        return len(self._unanswered)

    @property
    def untold(self) -> bool:
        """Whether the daemon was handed a line of which it was not told."""
        ends = self._ends
        return ends is not None and ends.told < ends.handed

    def hand(self, line: bytes, revision: str = "") -> bool:
        """Put a line of the server into the daemon's hands, who sleeps on until `tell`. False:
        it is not there, and kept for `settle`."""
        with self._mutex:
            self._unanswered.append((line, revision))
            ends = self._ends
            try:
                if ends is not None:
                    self._handed(ends, line, revision)
                else:
                    self._connect()  # hands over all that is unanswered, this one too
            except OSError:
                self._part(ends)
            return self._ends is not None

    def tell(self) -> None:
        """Have the daemon look at what it was handed, and take the answers that are there."""
        ends = self._ends
        if ends is not None:
            try:
                self._told(ends)
                if len(self._unanswered) > 1:
                    self._take(ends, 0)
            except OSError:
                self._part(ends)

    def settle(self, most: int = 0) -> dict[str, Any]:
        """Take answers until at most `most` lines are unanswered for.

        Returns:
            the last answer; its `forward` is false if that of any was.

        Raises:
            LinkError: an answer does not come, or is not what it should be.
        """
        again = True
        while len(self._unanswered) > most:
            if self.untold:
                self.tell()  # which may take the last answer that there will be
                continue
            ends = None
            try:
                ends = self._linked()
                if ends is None:
                    self._unanswered.clear()
                    self._kept = dict(_NO)
                elif not self._take(ends, SECONDS):
                    raise LinkError("no answer in time")
            except (OSError, ValueError) as error:
                self._part(ends)
                if not again or isinstance(error, BlockingIOError):
                    raise LinkError(f"no answer: {error}") from error
                again = False
        with self._mutex:
            answer, self._kept = self._kept, {}
        return answer

    def forget(self) -> None:
        """Give up on what is unanswered, and begin anew with the next line."""
        with self._mutex:
            self._part(self._ends)
            self._unanswered.clear()
            self._kept = {}

    # Both

    def _linked(self) -> Ends | None:
        """The link, made where there is none; None where the daemon refuses it.

        Raises:
            OSError: there is no daemon; `BlockingIOError`: it does not answer in time.
        """
        if self._ends is None:
            with self._mutex:
                if self._ends is None:
                    self._connect()
        return self._ends

    def _connect(self) -> None:
        asking = _bounded(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        asking.connect(self._path)
        asking.sendall(self._head)
        said = b""
        while b"\r\n\r\n" not in said:
            said += _received(asking)
        # Refused (a token that was revoked) is final for everything unanswered.
        if not said.startswith(b"HTTP/1.1 200 "):
            return
        handing, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(asking, [b"+"], [theirs.fileno()])
        ends = Ends(asking, _bounded(handing))
        ends.handed = len(self._unanswered)
        if ends.handed:
            self._told(ends)
            for line, revision in self._unanswered:
                handing.sendall(frame(SERVER, 0, line, revision))
        self._ends = ends

    def _handed(self, ends: Ends, line: bytes, revision: str) -> None:
        ends.handed += 1
        ends.waiting += len(line)
        if ends.waiting > SMALL:
            self._told(ends)  # else it may not fit
        ends.handing.sendall(frame(SERVER, 0, line, revision))

    def _told(self, ends: Ends) -> None:
        with self._sending:
            ends.told, ends.waiting = ends.handed, 0
            ends.asking.sendall(frame(HANDED, ends.told))

    def _take(self, ends: Ends, seconds: float) -> bool:
        """Take answers for what was handed over; false where none comes in time."""
        if not select.select([ends.handing], [], [], seconds)[0]:
            return False
        with self._mutex:
            if ends is self._ends:
                self._taken(ends)
        return True

    def _taken(self, ends: Ends) -> None:
        for answer in ends.answers():
            self._unanswered.popleft()
            self._kept = _both(self._kept, answer)

    def _part(self, ends: Ends | None) -> None:
        """Leave a link; what was answered on it need not be handed over again."""
        with self._mutex:
            if ends is None or ends is not self._ends:
                return
            self._ends = None
            with contextlib.suppress(OSError, ValueError):
                while True:
                    self._taken(ends)
            ends.end()


class Ends:
    """The two sockets of a link.

    Args:
        asking: where lines of the client go.
        handing: where lines of the server go.
    """

    def __init__(self, asking: socket.socket, handing: socket.socket) -> None:
        self.asking = asking
        self.handing = handing
        self.handed = self.told = self.waiting = 0
        """How many lines of the server were handed over, with the one that is about to be; of
        how many the daemon was told; and the bytes of the others."""
        self._said = bytearray()
        self._last: tuple[bytes, dict[str, Any]] = (b"", {})

    def answer(self) -> dict[str, Any]:
        """The answer to what was asked. Raises OSError or ValueError where there is none."""
        said = _received(self.asking)
        while not (whole := _whole(said)):
            said += _received(self.asking)
        if whole != len(said):
            raise ValueError("more than an answer")
        if said != self._last[0]:
            self._last = (said, _read(said[ANSWER.size :]))
        return self._last[1]

    def answers(self) -> list[dict[str, Any]]:
        """Answers for what was handed over that have come.

        Raises:
            OSError: there will be none; `BlockingIOError`: there is none yet.
        """
        piece = self.handing.recv(65536, socket.MSG_DONTWAIT)
        if not piece:
            raise ConnectionResetError("the daemon closed the link")
        self._said += piece
        answers = []
        while whole := _whole(self._said):
            answers.append(_read(bytes(self._said[ANSWER.size : whole])))
            del self._said[:whole]
        return answers

    def end(self) -> None:
        """End it, also for a thread that is waiting on it; the last to let go closes it."""
        for one in (self.asking, self.handing):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


_NO: dict[str, Any] = {"forward": False}


def _bounded(end: socket.socket) -> socket.socket:
    """A socket on which nothing takes longer than `SECONDS`; without Python's own timeout,
    which costs a system call more at each."""
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        end.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", SECONDS, 0))
    return end


def _received(end: socket.socket) -> bytes:
    piece = end.recv(65536)
    if not piece:
        raise ConnectionResetError("the daemon closed the link")
    return piece


def _whole(said: bytes | bytearray) -> int:
    """How long the answer is that `said` begins with; 0 where it is not all there."""
    if len(said) < ANSWER.size:
        return 0
    size: int = ANSWER.unpack_from(said)[0]
    if size > MAX_ANSWER:
        raise ValueError("an answer that is none")
    return ANSWER.size + size if len(said) >= ANSWER.size + size else 0


def _read(said: bytes) -> dict[str, Any]:
    answer = json.loads(said)
    if not isinstance(answer, dict):
        raise ValueError("an answer that is none")
    return answer


def _both(before: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """The later of two answers; refused if either was."""
    if not before or not answer:
        return before or answer
    refused = before.get("forward") is not True
    return {**answer, "forward": False} if refused else answer
