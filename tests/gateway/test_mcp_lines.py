"""The stdio relay's line to the daemon: one request without end, and how it ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from roguewatch.gateway.mcp.daemon_link import Link
from roguewatch.state.database import connect
from roguewatch.state.register import Register
from tests.gateway.relaying import Daemon, daemon, enrolled, recorded

CONNECTION = "0" * 32


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    store = tmp_path_factory.mktemp("lines")
    enrolled(store)
    with daemon(store) as gate:
        yield gate


def token(store: Path, name: str) -> str:
    return enrolled(store, name=name)


def line(number: int, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": number, "method": "ping", "params": params}
    return json.dumps(message).encode() + b"\n"


def raw(gate: Daemon, token: str, *chunks: bytes) -> bytes:
    """What the daemon answers to a request with these bytes in its body, until it ends it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(50)
        client.connect(gate.ready["agent_socket"])
        client.sendall(
            b"POST /mcp-relay/client HTTP/1.1\r\nhost: gate\r\ntransfer-encoding: chunked\r\n"
            b"authorization: Bearer %s\r\nx-connection: %s\r\nx-server: s\r\n\r\n"
            % (token.encode(), b"f" * 32)
        )
        for chunk in chunks:
            client.sendall(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


def test_lines_of_any_size_are_answered_in_order(running: Daemon) -> None:
    link = Link(running.ready["agent_socket"], token(running.store, "a"), CONNECTION, "s", "client")
    sizes = (1, 100_000, 10, 5_000_000, 0)
    for number, size in enumerate(sizes):
        link.bring(line(number, text="x" * size))
    assert link.settle()["forward"] is True
    told = [one.parsed_detail() for one in recorded(running.store, "other")]
    assert [one["id"] for one in told if one.get("connection") == CONNECTION] == list(range(5))
    link.forget()


def test_a_key_that_is_revoked_brings_no_more_lines(running: Daemon) -> None:
    key = token(running.store, "b")
    link = Link(running.ready["agent_socket"], key, "b" * 32, "s", "client")
    assert link.ask(line(1))["forward"] is True
    engine = connect(running.store)
    Register(engine).revoke_tokens("b", "relay")
    engine.dispose()
    assert link.ask(line(2)) == {"forward": False}
    link.forget()
    assert link.ask(line(3)) == {"forward": False}  # nor on a new connection
    link.forget()


@pytest.mark.parametrize("chunk", [b"x" * 100, b"99999999 2025-11-25\n{", b"-1 \n{}", b"1\n{"])
def test_a_body_that_is_not_made_of_lines_is_refused_and_ended(
    running: Daemon, chunk: bytes
) -> None:
    key = token(running.store, "c")
    answer = raw(running, key, chunk + b" " * 100)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"0\r\n\r\n")
    assert b"forward" not in answer


def test_the_gate_ends_in_order_while_relays_hold_their_lines(tmp_path: Path) -> None:
    key = enrolled(tmp_path)
    with daemon(tmp_path) as gate:
        link = Link(gate.ready["agent_socket"], key, CONNECTION, "s", "client")
        assert link.ask(line(1))["forward"] is True
        gate.stop()
        assert gate.process.returncode == 0
        assert "graceful shutdown exceeded" not in gate.errors()
    with daemon(tmp_path):  # a relay goes on where it was
        assert link.ask(line(2))["forward"] is True
        link.forget()
