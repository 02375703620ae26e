"""The daemon: one process, on loopback and on two Unix sockets.

`gate.sock` is for people and their command line (and hooks), `agent.sock` only for agents.
Says in one line of JSON when it is ready. SIGTERM and SIGINT end it after what is under
way; SIGHUP reloads rules and policies. Killed, it starts again clean: the ledger recovers
itself, sessions are rebuilt from it, a stale socket is replaced, the record says that the
last run ended without being told to; leases, which lived in memory, are gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from starlette.types import ASGIApp

from roguewatch.control.guard import Guard, guarded
from roguewatch.control.policy import STARTERS
from roguewatch.errors import ControlError
from roguewatch.gateway.admin import make_admin_token
from roguewatch.gateway.app import application
from roguewatch.gateway.coverage_watch import CoverageWatch, WatchSettings
from roguewatch.gateway.house import House, own_event
from roguewatch.gateway.latency import Latency
from roguewatch.gateway.otlp_service import Otlp
from roguewatch.gateway.places import ADMIN_SOCKET, AGENT_SOCKET, LISTEN
from roguewatch.gateway.process_watch import ProcessesWatched
from roguewatch.gateway.protocol import BoundedProtocol
from roguewatch.gateway.recording import recording_routes
from roguewatch.gateway.relays import Relays, RelaySettings
from roguewatch.gateway.watch import Watch

SOCKET_NAME = ADMIN_SOCKET

GC_THRESHOLD = (5_000, 10, 100)
"""Events and requests hold no cycles, so that nearly all garbage goes by reference counts
alone. What a collection looks at it looks at while nobody is answered: a millisecond's worth."""


class Server(uvicorn.Server):
    """uvicorn's server, which ends in order: its own would raise the signal again, and the
    process would be gone before the ledger is closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end serving; a second one does not wait for what is under way."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


def listen_tcp(address: str) -> socket.socket:
    """A listening socket on `HOST:PORT`; only loopback is accepted.

    Raises:
        ControlError: the address is no loopback address, or is taken.
    """
    host, _, port = address.rpartition(":")
    if (
        host.strip("[]") not in ("127.0.0.1", "::1", "localhost")
        or not port.isdigit()
        or int(port) > 65535
    ):
        raise ControlError(
            f"--listen {address}: expected 127.0.0.1:PORT or [::1]:PORT; the gate is not for "
            "other machines, put a TLS proxy in front of it for those"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY on what it accepts; without, a
    # response in two writes waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), int(port)))
    except OSError as error:
        listener.close()
        raise ControlError(f"--listen {address}: {error.strerror}") from error
    listener.listen(1024)
    return listener


def listen_unix(path: Path) -> socket.socket:
    """A listening Unix socket; a dead one is replaced. The one for agents opens to every user,
    as loopback does, since each request needs a token; any other to this user alone.

    Raises:
        ControlError: another daemon listens there, or it cannot be made.
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
    before = os.umask(0o111 if path.name == AGENT_SOCKET else 0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        raise ControlError(f"{path}: cannot listen there: {error}") from error
    finally:
        os.umask(before)
    listener.listen(1024)
    return listener


def serve(
    house: House, address: str, settings: RelaySettings | None = None, otlp_grpc: str = "",
    watched: WatchSettings | None = None,
) -> None:  # fmt: skip
    """Serve an open house until told to end; closes it. `settings`: where the relays lead;
    `otlp_grpc`: a loopback `HOST:PORT` where telemetry is taken over gRPC;
    `watched`: how coverage and processes are watched.

    Raises:
        RoguewatchError: something cannot be opened.
    """
    paths = [house.store / ADMIN_SOCKET, house.store / AGENT_SOCKET]
    unclean = any(path.exists() for path in paths)
    sockets: list[socket.socket] = []
    try:
        sockets.append(listen_tcp(address))
        sockets += [listen_unix(path) for path in paths]
        house.admin_token = make_admin_token(house.store)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(house, sockets, unclean, settings or RelaySettings(), otlp_grpc,
                              watched or WatchSettings()))  # fmt: skip
    finally:
        house.close()
        if len(sockets) == 3:  # else they are another gate's
            for path in paths:
                path.unlink(missing_ok=True)


def _settle_down() -> None:
    """Tune the interpreter for answers in fractions of a millisecond."""
    sys.setswitchinterval(0.0005)  # the committing thread must not wait 5 ms for its turn
    # What is there by now stays; a full collection over it would hold up every answer.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLD)


def _guard(house: House, port: int) -> Guard:
    policies = [Path(entry.policy) for entry in house.live_register.all()]
    return guarded(
        house.store,
        [*house.rules, *(path for path in policies if str(path) not in STARTERS)],
        pid=os.getpid(),
        port=port,
        home=str(Path.home()),
    )


async def _serve(
    house: House,
    sockets: Sequence[socket.socket],
    unclean: bool,
    settings: RelaySettings,
    otlp_grpc: str,
    watched: WatchSettings,
) -> None:
    _settle_down()
    host, port = sockets[0].getsockname()[:2]
    house.guard = _guard(house, port)
    await _note_start(house, unclean)
    latency = Latency()
    relays = Relays(house, latency, settings)
    otlp = Otlp(house, latency, otlp_grpc)
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    house.listen = address
    try:
        (house.store / LISTEN).write_text(address + "\n")
    except OSError as error:
        house.complain(f"{LISTEN} cannot be written: {error.strerror}")
    coverage = CoverageWatch(house, f"http://{address}", watched)
    more = [*coverage.routes, *recording_routes(house)]
    straight = {**relays.applications, **otlp.applications}
    server = _server(application(house, latency, more, straight))
    coverage.canaries.ending = lambda: server.should_exit
    unix = [str(listener.getsockname()) for listener in sockets[1:]]
    ready = {
        "ready": True, "listen": address,
        "socket": unix[0], "agent_socket": unix[1], "pid": os.getpid(),
        **await otlp.start(),
    }  # fmt: skip
    tasks = Tasks()
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGHUP, lambda: tasks.start(house.reload())
    )
    watch = Watch(
        house,
        [Path(path) for path in unix],
        lambda path: tasks.start(_listen_again(server, path)),
    )
    tasks.start(_announce(server, json.dumps(ready)))
    house.warm()
    tasks.start(_watched(watch.run, house))
    tasks.start(_watched(coverage.run, house))
    upstreams = (settings.openai, settings.anthropic)
    processes = ProcessesWatched(house, upstreams, look_up=watched.look_up_providers)
    tasks.start(_watched(processes.run, house))
    await server.serve(sockets=list(sockets))
    await relays.close()
    await otlp.close()
    await tasks.end()


def _server(app: ASGIApp) -> Server:
    config = uvicorn.Config(
        app, http=BoundedProtocol,
        ws="none", lifespan="off", log_level="error", access_log=False,
        server_header=False, date_header=False,
        proxy_headers=False,  # whoever asks would say himself who he is
        timeout_keep_alive=75, timeout_graceful_shutdown=5,
    )  # fmt: skip
    return Server(config)


class Tasks:
    """What goes on beside serving."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()

    def start(self, work: Coroutine[Any, Any, object]) -> None:
        """Begin something."""
        task: asyncio.Task[object] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self) -> None:
        """Cancel what still goes on, and wait for it."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _note_start(house: House, unclean: bool) -> None:
    text = "the gate has started"
    if unclean:
        await house.record(
            [own_event("gap", "the gate's last run ended without being told to: nothing was "
                       "decided until now, and agents that can fail open may have acted")]
        )  # fmt: skip
    await house.record([own_event("config_change", text, {"pid": os.getpid()})])


async def _watched(watch: Callable[[], Awaitable[None]], house: House) -> None:
    """Whatever goes wrong while looking is said, and looked at again."""
    while True:
        try:
            await watch()
        except Exception as error:
            house.complain(f"the watch failed: {type(error).__name__}: {error}")
            await asyncio.sleep(5)


async def _listen_again(server: uvicorn.Server, path: Path) -> None:
    listener = listen_unix(path)
    loop = asyncio.get_running_loop()
    server.servers.append(
        await loop.create_server(
            lambda: BoundedProtocol(
                config=server.config, server_state=server.server_state, app_state={}
            ),
            sock=listener,
        )
    )


async def _announce(server: uvicorn.Server, line: str) -> None:
    while not server.started:
        await asyncio.sleep(0.002)
    print(line, flush=True)
