"""The stdio relay's link to the daemon: what is asked and handed over, and how it ends."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from roguewatch.events import Event
from roguewatch.gateway.mcp.daemon_link import Link
from roguewatch.gateway.mcp.wire import CLIENT, FRAME, HANDED, frame
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


def link(gate: Daemon, name: str, connection: str) -> Link:
    key = enrolled(gate.store, name=name)
    return Link(gate.ready["agent_socket"], key, connection, "s")


def line(number: int, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": number, "method": "ping", "params": params}
    return json.dumps(message).encode() + b"\n"


def call(number: int, **arguments: Any) -> bytes:
    params = {"name": "f", "arguments": arguments}
    message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
    return json.dumps(message).encode() + b"\n"


def result(number: int, text: str = "done") -> bytes:
    content = {"content": [{"type": "text", "text": text}]}
    return json.dumps({"jsonrpc": "2.0", "id": number, "result": content}).encode() + b"\n"


def of(gate: Daemon, connection: str, *kinds: str) -> list[Event]:
    return [one for one in recorded(gate.store, *kinds) if one.session == f"mcp:{connection}"]


def raw(gate: Daemon, key: str, passed: Any, *pieces: bytes) -> bytes:
    """What the daemon answers on a link that brings `passed` and these bytes, until it ends."""
    with ExitStack() as open_:
        client = open_.enter_context(socket.socket(socket.AF_UNIX))
        client.settimeout(50)
        client.connect(gate.ready["agent_socket"])
        client.sendall(
            b"POST /mcp-relay/lines HTTP/1.1\r\nhost: gate\r\ncontent-length: 0\r\n"
            b"authorization: Bearer %s\r\nx-connection: %s\r\nx-server: s\r\n\r\n"
            % (key.encode(), b"f" * 32)
        )
        said = b""
        while b"\r\n\r\n" not in said:
            said += client.recv(65536)
        assert said.startswith(b"HTTP/1.1 200 ")
        socket.send_fds(client, [b"+"], [passed.fileno()])
        for piece in pieces:
            client.sendall(piece)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


def test_lines_of_any_size_are_answered_and_recorded_in_order(running: Daemon) -> None:
    one = link(running, "a", CONNECTION)
    sizes = (1, 100_000, 10, 5_000_000, 0)
    for number, size in enumerate(sizes):
        assert one.ask(line(2 * number, text="x" * size))["forward"] is True
        assert one.hand(line(2 * number + 1, text="x" * size))
    assert one.settle()["forward"] is True
    told = [event.parsed_detail()["id"] for event in of(running, CONNECTION, "other")]
    assert told == list(range(10))
    one.forget()


def test_a_result_is_looked_at_before_the_call_that_comes_after_it(running: Daemon) -> None:
    one = link(running, "order", "1" * 32)
    for number in range(20):
        assert one.ask(call(number), "2025-11-25")["forward"] is True
        assert one.hand(result(number), "2025-11-25")
    one.settle()
    kinds = [event.kind for event in of(running, "1" * 32)]
    assert kinds == ["tool_call", "decision", "tool_result"] * 20
    one.forget()


def test_no_answer_is_waited_for_that_has_come(running: Daemon) -> None:
    one = link(running, "pairs", "3" * 32)
    one.ask(line(0))
    for number in range(0, 300, 2):  # each of which would take 5 s, and then fail
        one.hand(line(number))
        one.hand(line(number + 1))
        assert one.settle()["forward"] is True
    assert one.unanswered == 0
    one.forget()


def test_what_a_killed_relay_had_handed_over_is_recorded(running: Daemon) -> None:
    one = link(running, "killed", "2" * 32)
    for number in range(3):
        assert one.ask(call(number), "2025-11-25")["forward"] is True
    child = os.fork()
    if not child:  # a relay that ends between giving the client lines and telling of them
        for number in range(3):
            one.hand(result(number, f"handed over {number}"), "2025-11-25")
        os._exit(0)
    os.waitpid(child, 0)
    one.forget()
    until = time.monotonic() + 30
    while len(results := of(running, "2" * 32, "tool_result")) < 3 and time.monotonic() < until:
        time.sleep(0.02)
    assert [event.text for event in results] == [f"handed over {number}" for number in range(3)]


def test_a_key_that_is_revoked_brings_no_more_lines(running: Daemon) -> None:
    one = link(running, "b", "b" * 32)
    assert one.ask(line(1))["forward"] is True
    engine = connect(running.store)
    Register(engine).revoke_tokens("b", "relay")
    engine.dispose()
    assert one.ask(line(2)) == {"forward": False}
    one.hand(line(1))
    assert one.settle() == {"forward": False}
    one.forget()
    assert one.ask(line(3)) == {"forward": False}  # nor on a new link
    assert not one.hand(line(3))
    assert one.settle() == {"forward": False}
    one.forget()


@pytest.mark.parametrize(
    "piece",
    [
        b"GET / HTTP/1.1\r\nHost: gate\r\n\r\n",
        FRAME.pack(9, 0, 0, 0),
        FRAME.pack(CLIENT, 0, (64 << 20) + 1, 0),
        FRAME.pack(CLIENT, 255, 1, 0) + b" " * 300,
        frame(HANDED, 1),  # of which nothing was handed over
    ],
    ids=["http", "kind", "length", "revision", "count"],
)
def test_what_is_no_frame_is_refused_and_ends_the_link(running: Daemon, piece: bytes) -> None:
    key = enrolled(running.store, name="c")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.shutdown(socket.SHUT_WR)
        assert raw(running, key, theirs, piece) == b""
    assert link(running, "c", os.urandom(16).hex()).ask(line(1))["forward"] is True


def test_only_a_socket_can_be_the_second_one(running: Daemon, tmp_path: Path) -> None:
    key = enrolled(running.store, name="d")
    with (tmp_path / "file").open("wb") as file, socket.socket(socket.AF_INET) as other:
        assert raw(running, key, file) == b""
        assert raw(running, key, other) == b""


def test_a_line_that_takes_too_long_gets_the_fail_mode(tmp_path: Path) -> None:
    enrolled(tmp_path)
    with daemon(tmp_path, "--decision-seconds", "0.05") as gate:
        one = link(gate, "slow", CONNECTION)
        one.ask(line(1), "2025-11-25")
        slow = "; ".join(f"echo $((1+{n})) | sed s/a/b/ > f{n}" for n in range(20_000))
        said = one.ask(call(2, command=slow), "2025-11-25")
        assert (said["forward"], said["ids"]) == (False, [2])
        assert one.ask(call(3), "2025-11-25")["ids"] in ([], [3])  # answered all the same
        one.forget()
    decisions = of(gate, CONNECTION, "decision")
    assert decisions[0].text == "deny"
    assert "no decision within 0.05 s" in decisions[0].detail


def test_the_gate_ends_in_order_while_relays_hold_their_links(tmp_path: Path) -> None:
    key = enrolled(tmp_path)
    with daemon(tmp_path) as gate:
        one = Link(gate.ready["agent_socket"], key, CONNECTION, "s")
        assert one.ask(line(1))["forward"] is True
        assert one.hand(line(1))
        gate.stop()
        assert gate.process.returncode == 0
        assert "graceful shutdown exceeded" not in gate.errors()
    assert len(of(gate, CONNECTION, "other")) == 2  # what was handed over is recorded
    with daemon(tmp_path):  # a relay goes on where it was
        assert one.ask(line(2))["forward"] is True
        one.forget()
