"""Whatever fails, the answer is a block: each case on a real daemon process."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roguewatch.events import Event
from roguewatch.gateway.recorder import gate_consents
from roguewatch.gateway.settings import INSTALLERS
from roguewatch.ledger.ledger import Ledger
from roguewatch.state.database import connect
from roguewatch.state.register import Deployment, Register
from tests.gateway.hooking import AGENTS, body, post, run_client
from tests.gateway.relaying import ROGUEWATCH, Daemon, daemon, enrolled

CANNOT = [name for name, one in INSTALLERS.items() if one.closed_since is None]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s"


@pytest.fixture
def token_file(store: Path, tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(enrolled(store, purpose="hook"))
    return path


@pytest.fixture
def gate(store: Path, token_file: Path) -> Iterator[Daemon]:
    with daemon(store) as running:
        yield running


def every_agent(gate: Daemon, token_file: Path, seconds: float = 1.0) -> dict[str, bool]:
    """Whether the process client of each agent blocks, all asked at once."""
    blocked: dict[str, bool] = {}

    def one(agent: str) -> None:
        raw = json.dumps(body(agent)).encode()
        done = run_client(gate.store / "agent.sock", token_file, agent, raw, seconds)
        blocked[agent] = done.blocks

    threads = [threading.Thread(target=one, args=(agent,)) for agent in AGENTS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return blocked


def test_a_healthy_gate_lets_every_agent_s_ordinary_action_through(
    gate: Daemon, token_file: Path
) -> None:
    assert every_agent(gate, token_file, 10.0) == dict.fromkeys(AGENTS, False)
    assert post(gate.ready["listen"], token_file.read_text(), body()).body == b"{}"


def test_a_dead_gate(gate: Daemon, token_file: Path) -> None:
    gate.stop(signal.SIGKILL)
    assert every_agent(gate, token_file) == dict.fromkeys(AGENTS, True)
    with pytest.raises(OSError):  # Claude over HTTP: onFailure is block, see the installer
        post(gate.ready["listen"], token_file.read_text(), body())


def test_a_hung_gate(gate: Daemon, token_file: Path) -> None:
    gate.process.send_signal(signal.SIGSTOP)
    assert every_agent(gate, token_file, 0.5) == dict.fromkeys(AGENTS, True)
    with pytest.raises(TimeoutError):
        post(gate.ready["listen"], token_file.read_text(), body(), timeout=0.5)


def test_agents_that_cannot_be_made_to_fail_closed_are_marked() -> None:
    assert set(CANNOT) == {"codex", "gemini-cli", "copilot-cli"}
    assert INSTALLERS["claude-code"].closed_since == (2, 1, 295)


def test_a_decision_that_takes_too_long_gets_the_fail_mode(store: Path, token_file: Path) -> None:
    with daemon(store, "--decision-seconds", "0.05") as gate:
        token, listen = token_file.read_text(), gate.ready["listen"]
        slow = "; ".join(f"echo $((1+{n})) | sed s/a/b/ > f{n}" for n in range(4000))
        said = post(listen, token, body(command=slow))
        assert said.status == 200
        assert said.blocks
        errors = [event.detail for event in _decisions(store) if event.text == "deny"]
        assert any("no decision within" in detail for detail in errors)


def test_a_full_disk(store: Path, token_file: Path) -> None:
    limit = 3 << 20
    process = subprocess.Popen(
        [*ROGUEWATCH, "gate", "serve", "--store", str(store), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        listen = json.loads(process.stdout.readline())["listen"]
        token = token_file.read_text()
        outcomes = [
            post(listen, token, body(command="echo " + os.urandom(100_000).hex())).blocks
            for _ in range(40)
        ]
        assert not outcomes[0]
        assert outcomes[-1]
        assert outcomes == sorted(outcomes)  # once full, never open again
        assert gate_consents(store)("builder") == "the gate cannot decide or record"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    allowed = [event for event in _decisions(store) if event.text == "allow"]
    assert len(allowed) == outcomes.count(False)


def test_a_state_database_that_is_full(tmp_path: Path) -> None:
    store, policy = tmp_path / "s", tmp_path / "p.cedar"
    policy.write_text(
        "permit (principal, action, resource);\n"
        '@outcome("ask") forbid (principal, action, resource) '
        'when { context.programs.contains("make") };\n'
    )
    token = enrolled(store, str(policy), "hook")
    limit = 3 << 20
    # A log that is full and that a reader keeps from being begun anew.
    filler = sqlite3.connect(store / "state.sqlite", isolation_level=None)
    filler.execute("PRAGMA wal_autocheckpoint=0")
    filler.execute("CREATE TABLE filler (bytes BLOB)")
    filler.execute("INSERT INTO filler VALUES (zeroblob(?))", (limit,))
    filler.execute("BEGIN")
    filler.execute("SELECT count(*) FROM filler").fetchone()
    process = subprocess.Popen(
        [*ROGUEWATCH, "gate", "serve", "--store", str(store), "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        listen = json.loads(process.stdout.readline())["listen"]
        assert not post(listen, token, body(command="ls")).blocks
        assert post(listen, token, body(command="make all")).blocks
        assert not post(listen, token, body(command="ls -l")).blocks
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        filler.close()
    (denied,) = [event for event in _decisions(store) if event.text == "deny"]
    assert denied.parsed_detail()["ground"] == "fail-mode"
    assert "StateError" in denied.parsed_detail()["errors"][0]


def test_a_corrupt_ledger_is_not_served(store: Path, token_file: Path) -> None:
    with daemon(store) as gate:
        post(gate.ready["listen"], token_file.read_text(), body())
    with sqlite3.connect(store / "ledger" / "hot.sqlite") as damaged:
        damaged.execute("UPDATE hot SET hash = zeroblob(32)")
    damaged.close()
    done = subprocess.run(
        [*ROGUEWATCH, "gate", "serve", "--store", str(store), "--listen", "127.0.0.1:0"],
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"hot.sqlite" in done.stderr
    assert not done.stdout


def test_a_ledger_that_breaks_while_serving(gate: Daemon, token_file: Path) -> None:
    token, listen = token_file.read_text(), gate.ready["listen"]
    assert not post(listen, token, body()).blocks
    with sqlite3.connect(gate.store / "ledger" / "hot.sqlite") as damaged:
        damaged.execute("DROP TABLE hot")
    damaged.close()
    assert post(listen, token, body()).blocks
    assert gate.errors().count("nothing can be recorded") == 1


def test_a_policy_that_is_invalid_from_the_start(store: Path, token_file: Path) -> None:
    (store.parent / "p.cedar").write_text("permit (nonsense")
    token = enrolled(store, str(store.parent / "p.cedar"), "hook", "other")
    with daemon(store) as gate:
        assert post(gate.ready["listen"], token, body()).blocks


def test_no_token_and_a_wrong_one_are_refused_and_recorded(gate: Daemon, token_file: Path) -> None:
    listen = gate.ready["listen"]
    for wrong in ("", "rw-hook-guessed", "Bearer"):
        said = post(listen, wrong, body())
        assert (said.status, said.blocks) == (401, True)
    missing = run_client(gate.store / "agent.sock", gate.store / "none", "codex", b"{}")
    assert missing.exit_status == 2
    gate.stop()
    refused = [event for event in _decisions(gate.store) if event.text == "refused"]
    assert len(refused) == 3


def test_refusals_cannot_fill_the_disk(gate: Daemon, token_file: Path) -> None:
    for _ in range(80):
        post(gate.ready["listen"], "rw-hook-guessed", body())
    gate.stop()
    refused = [event for event in _decisions(gate.store) if event.text.startswith("refused")]
    assert len(refused) == 30


def test_a_jump_of_the_clock_ends_the_lease(store: Path, tmp_path: Path) -> None:
    # A lease can be renewed while nobody objects; this one's owner has expired meanwhile.
    offset = tmp_path / "offset"
    offset.write_text("0")
    token = enrolled(store, "observe", "hook")
    script = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from roguewatch.control.leases import SystemClock\n"
        "from roguewatch.gateway.daemon import serve\n"
        "from roguewatch.gateway.house import House\n"
        "class Moved(SystemClock):\n"
        "    def wall(self):\n"
        f"        return super().wall() + float(Path({str(offset)!r}).read_text())\n"
        f"serve(House(Path({str(store)!r}), clock=Moved()), '127.0.0.1:0')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        listen = json.loads(process.stdout.readline())["listen"]
        assert not post(listen, token, body()).blocks
        engine = connect(store)
        Register(engine).put(Deployment(name="builder", policy="observe", expires=1), "test")
        engine.dispose()
        assert not post(listen, token, body()).blocks  # the lease still runs
        offset.write_text("-3600")
        assert post(listen, token, body()).blocks
        offset.write_text("0")
        assert post(listen, token, body()).blocks  # setting it back revives nothing
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe{}", b"{}", b'{"hook_event_name":"PreToolUse"}',
        b'{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_name":"Read","session_id":"s"}',
        b'{"hook_event_name":"PreToolUse","Tool_Name":"Read","tool_name":"Bash","session_id":"s"}',
        b'{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"a":1,"a":2}}',
        b'{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_input":{"a":NaN}}',
        b'{"a":' * 30_000,
        '{"hook_event_name":"PreToolUse","tool_name":"Bash"}'.encode("utf-16"),
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_malformed_or_ambiguous_is_blocked(shared: tuple[Daemon, str], raw: bytes) -> None:
    gate, token = shared
    assert post(gate.ready["listen"], token, raw).blocks


def test_what_is_oversized_is_blocked(shared: tuple[Daemon, str]) -> None:
    gate, token = shared
    huge = b'{"hook_event_name":"PreToolUse","x":"' + b"a" * (17 << 20) + b'"}'
    with socket.create_connection(("127.0.0.1", int(gate.ready["listen"].split(":")[1]))) as one:
        head = f"POST /hooks/claude-code HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {token}\r\n"
        one.sendall(f"{head}Content-Length: {len(huge)}\r\n\r\n".encode())
        threading.Thread(target=_send, args=(one, huge), daemon=True).start()
        answer = b""
        while not answer.endswith(b"}"):
            piece = one.recv(65536)
            assert piece, answer
            answer += piece
    assert b" 413 " in answer.splitlines()[0]
    assert b'"deny"' in answer


def test_a_named_event_that_the_body_contradicts_is_blocked(shared: tuple[Daemon, str]) -> None:
    gate, token = shared
    said = post(gate.ready["listen"], token, body(), query="?event=PostToolUse")
    assert said.blocks


def test_a_connection_cut_mid_answer(token_file: Path, tmp_path: Path) -> None:
    for cut in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nx-roguewatch-exit: 0\r\n"
                b"content-length: 2\r\n\r\n{", b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
                b"HTTP/1.1 500 No\r\nx-roguewatch-exit: 0\r\ncontent-length: 2\r\n\r\n{}"):  # fmt: skip
        path = tmp_path / "cut.sock"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(8)

            def answer(listener: socket.socket = listener, cut: bytes = cut) -> None:
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(cut)
                connection.close()

            thread = threading.Thread(target=answer)
            thread.start()
            done = run_client(path, token_file, "claude-code", b"{}")
            thread.join()
        assert done.exit_status == 2, cut
        assert not done.body


def test_a_client_that_sends_its_head_byte_by_byte_is_cut_off(shared: tuple[Daemon, str]) -> None:
    gate, token = shared
    port = int(gate.ready["listen"].split(":")[1])
    with socket.create_connection(("127.0.0.1", port)) as endless:
        endless.settimeout(20)
        with pytest.raises(OSError):
            endless.sendall(b"POST /hooks/claude-code HTTP/1.1\r\n")
            for _ in range(4000):
                endless.sendall(b"x-pad: " + b"a" * 200 + b"\r\n")
            if not endless.recv(1):
                raise ConnectionResetError
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.settimeout(20)
        slow.sendall(b"POST /hooks/claude-code HTTP/1.1\r\nHost: g\r\n")
        began = time.monotonic()
        assert not post(gate.ready["listen"], token, body()).blocks  # others are served
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1) == b""
        assert time.monotonic() - began < 15


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, str]]:
    store = tmp_path_factory.mktemp("gate") / "s"
    token = enrolled(store, purpose="hook")
    with daemon(store) as running:
        yield running, token


def _send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError:
        return


def _decisions(store: Path) -> list[Event]:
    with Ledger.open(store, readonly=True) as ledger:
        return [event for event in ledger.events() if event.kind == "decision"]
