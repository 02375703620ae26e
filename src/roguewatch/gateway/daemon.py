"""The daemon: one process, on loopback and on a Unix socket.

Says in one line of JSON when it is ready. SIGTERM and SIGINT end it after what is under
way; SIGHUP reloads the rules. Killed, it starts again clean: the ledger recovers itself,
and leases, which lived in its memory, are gone until they are granted anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from pathlib import Path

import uvicorn

from roguewatch.errors import ControlError, RoguewatchError
from roguewatch.gateway.app import application
from roguewatch.gateway.house import House
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.relays import Relays, RelaySettings

SOCKET_NAME = "gate.sock"


def listen_tcp(address: str) -> socket.socket:
    """A listening socket on `HOST:PORT`; only loopback is accepted.

    Raises:
        ControlError: the address is no loopback address, or is taken.
    """
    host, _, port = address.rpartition(":")
    if host.strip("[]") not in ("127.0.0.1", "::1", "localhost") or not port.isdigit():
        raise ControlError(
            f"--listen {address}: expected 127.0.0.1:PORT or [::1]:PORT; the gate is not for "
            "other machines, put a TLS proxy in front of it for those"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), int(port)))
    except OSError as error:
        listener.close()
        raise ControlError(f"--listen {address}: {error.strerror}") from error
    listener.listen(1024)
    return listener


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket that only this user can open; a dead one is replaced.

    Raises:
        ControlError: another daemon listens there.
    """
    probe = socket.socket(socket.AF_UNIX)
    try:
        probe.connect(str(path))
    except OSError:
        path.unlink(missing_ok=True)
    else:
        raise ControlError(f"{path}: another gate listens there")
    finally:
        probe.close()
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(1024)
    return listener


def serve(
    store: Path, address: str, rules: list[Path], settings: RelaySettings | None = None
) -> None:
    """Serve until told to end; `settings` say where the relays lead.

    Raises:
        RoguewatchError: something cannot be opened.
    """
    house = House(store, rules)
    try:
        tcp = listen_tcp(address)
        unix = listen_unix(store / SOCKET_NAME)
        asyncio.run(_serve(house, tcp, unix, settings))
    finally:
        house.close()
        (store / SOCKET_NAME).unlink(missing_ok=True)


async def _serve(
    house: House, tcp: socket.socket, unix: socket.socket, settings: RelaySettings | None
) -> None:
    sys.setswitchinterval(0.0005)  # the committing thread must not wait 5 ms for its turn
    latency = Latency()
    relays = Relays(house, latency, settings)
    app = application(house, latency, relays.routes)
    config = uvicorn.Config(
        app, http="httptools", ws="none", lifespan="off", log_level="error", access_log=False,
        server_header=False, date_header=False, timeout_keep_alive=75,
    )  # fmt: skip
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, _reload, house)
    host, port = tcp.getsockname()[:2]
    ready = {"ready": True, "listen": f"{host}:{port}", "socket": unix.getsockname()}
    ready["pid"] = os.getpid()
    announce = asyncio.create_task(_announce(server, json.dumps(ready)))
    await server.serve(sockets=[tcp, unix])
    await relays.close()
    announce.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await announce


async def _announce(server: uvicorn.Server, line: str) -> None:
    while not server.started:
        await asyncio.sleep(0.002)
    print(line, flush=True)


def _reload(house: House) -> None:
    try:
        house.detection.reload()
    except RoguewatchError as error:
        house.complain(f"the new rules are refused, the old ones kept: {error}")
