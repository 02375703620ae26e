"""Ask a running daemon over its admin socket."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path
from typing import Any

import msgspec

from roguewatch.errors import ControlError
from roguewatch.gateway.places import ADMIN_SOCKET
from roguewatch.printable import printable

SECONDS = 10.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, seconds: float = SECONDS) -> None:
        super().__init__("gate", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(store: Path, method: str, path: str, body: object = None) -> Any:
    """The decoded JSON that the daemon answers; None where no daemon runs.

    Raises:
        ControlError: it runs, but refused or gave no answer in time.
    """
    connection = UnixConnection(store.absolute() / ADMIN_SOCKET)
    try:
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        connection.request(method, path, msgspec.json.encode(body) if body is not None else None)
        response = connection.getresponse()
        value = msgspec.json.decode(response.read(16 << 20) or b"null")
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise ControlError(f"the gate gives no answer: {printable(str(error), 200)}") from error
    finally:
        connection.close()
    if response.status != 200:
        said = value.get("error") or value.get("refused") if isinstance(value, dict) else None
        raise ControlError(f"the gate refused: {printable(str(said or response.status), 500)}")
    return value


def gate_runs(store: Path) -> bool:
    """Whether a gate answers on this store."""
    try:
        return ask(store, "GET", "/health") is not None
    except ControlError:
        return True  # it is there, but not well; it must not be gone round
