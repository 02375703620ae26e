"""The process that makes segments of hot rows.

Making one is a second of work for the interpreter, which whoever commits or decides would
wait for; so a child process does it, at a lower priority. It reads the rows as any reader of
the store does and writes Parquet into a file that this side has opened, and has nothing else:
no key, no lock, no name in the store. This side checks what it says, names the file, and
registers it (`sealing.py`). A child that outlives its writer writes into a file that the next
writer has removed, and ends when it has nobody left to answer.

Over a pair of sockets go an `Order` with the file, and a `Built` for it, as msgpack after a
32-bit big-endian length.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import msgspec

from roguewatch.errors import LedgerError, TamperError
from roguewatch.ledger.hot import Hot, SessionPart
from roguewatch.printable import printable

SECONDS = 120.0
"""A segment that is not made by then never will be."""

IDLE_SECONDS = 30.0
"""Without an order the process ends: it is large, and soon started."""

MOST_ORDER = 1 << 16


class Order(msgspec.Struct, frozen=True, array_like=True):
    """What is to be sealed; the file comes with it."""

    hot: str
    """Path of the hot store."""
    number: int
    """Of the segment."""
    first: int
    end: int
    """Its leaves are [first, end)."""


class Built(msgspec.Struct, frozen=True, array_like=True):
    """What was made of it."""

    leaves: bytes = b""
    """SHA-256 over the leaf hashes, in order, recomputed from the records."""
    ids: bytes = b""
    """The id index (`ids.index_of`)."""
    parts: list[SessionPart] = []
    error: str = ""
    """Why nothing was."""
    tampered: bool = False
    """The rows cannot be those that were committed."""


class Sealer:
    """The process of one writer, started when it is needed. Not for several threads at once."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._socket = socket.socket()

    def build(self, order: Order, file: int) -> Built:
        """Have a segment written.

        Args:
            order: which.
            file: where to, a descriptor open for writing.

        Raises:
            LedgerError: it was not written.
            TamperError: the rows cannot be those that were committed.
        """
        used = self._child is not None
        try:
            try:
                built = self._ask(order, file)
            except EOFError:
                if not used:
                    raise
                built = self._ask(order, file)  # that one had been idle for too long
        except TimeoutError as error:
            self.close()
            raise LedgerError("the process that seals hangs") from error
        except (EOFError, OSError, msgspec.DecodeError) as error:
            self.close()
            raise LedgerError(f"the process that seals has ended: {error}") from error
        if built.error:
            raise (TamperError if built.tampered else LedgerError)(printable(built.error, 500))
        return built

    def close(self) -> None:
        """End the process, whatever it does."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None
        self._socket.close()

    def _ask(self, order: Order, file: int) -> Built:
        if self._child is None:
            self._start()
        try:
            os.ftruncate(file, 0)
            socket.send_fds(self._socket, [_frame(order)], [file])
            return msgspec.msgpack.decode(_received(self._socket), type=Built)
        except (EOFError, ConnectionError) as error:
            self.close()
            raise EOFError("it gave no answer") from error

    def _start(self) -> None:
        environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(SECONDS)
        with theirs:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-m", "roguewatch.ledger.sealer", str(theirs.fileno())],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], env=environment, start_new_session=True,
            )  # fmt: skip


def _frame(message: Order | Built) -> bytes:
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(4, "big") + data


def _received(connection: socket.socket, data: bytes = b"") -> bytes:
    """One frame, of which `data` was received already.

    Raises:
        EOFError: the other side is gone.
    """
    while len(data) < 4:
        data += _some(connection)
    pieces, left = [data], 4 + int.from_bytes(data[:4], "big") - len(data)
    while left > 0:
        pieces.append(_some(connection))
        left -= len(pieces[-1])
    return b"".join(pieces)[4:]


def _some(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 20)
    if not data:
        raise EOFError("the other side is gone")
    return data


def build(order: Order, file: int) -> Built:
    """Write a segment of hot rows into a file that is open for writing.

    Raises:
        LedgerError: it could not be written.
        TamperError: the rows cannot be read.
    """
    from roguewatch.ledger.sealing import hot_groups
    from roguewatch.ledger.segment import SegmentWriter

    segment = SegmentWriter(Path(f"/dev/fd/{file}"), order.number, order.first)
    leaves = sha256()
    hot = Hot(Path(order.hot), write=False)
    try:
        for events, hashes in hot_groups(hot, order.first, order.end):
            segment.add(events)
            leaves.update(b"".join(hashes))
        ids, parts = segment.finish()
    finally:
        hot.close()
        segment.close()
    return Built(leaves.digest(), ids, parts)


def _answer(order: Order, file: int) -> Built:
    try:
        return build(order, file)
    except LedgerError as error:
        return Built(error=str(error), tampered=isinstance(error, TamperError))
    except Exception as error:  # the rows stay hot, and the writer says why
        return Built(error=f"{type(error).__name__}: {error}")


def main() -> None:
    """Take orders from the socket of the number given until the other side is gone."""
    os.nice(5)
    with socket.socket(fileno=int(sys.argv[1])) as connection:
        connection.settimeout(IDLE_SECONDS)
        while True:
            try:
                data, files, _, _ = socket.recv_fds(connection, MOST_ORDER, 1)
                if not files:
                    return
                order = msgspec.msgpack.decode(_received(connection, data), type=Order)
                answer = _frame(_answer(order, files[0]))
                os.close(files[0])
                connection.sendall(answer)
            except (TimeoutError, ConnectionError, EOFError):
                return


if __name__ == "__main__":
    main()
