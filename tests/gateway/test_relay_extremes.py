"""What upstreams and agents do at their worst: the relays stay bounded, say what went wrong,
and keep a record of what came."""

from __future__ import annotations

import gzip
import json
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from roguewatch.events import Event
from roguewatch.ledger.ledger import Ledger
from tests.gateway.relaying import Daemon, daemon, enrolled, recorded

SSE = "text/event-stream"
WHOLE = json.dumps(
    {"id": "chatcmpl-1", "choices": [{"message": {"role": "assistant", "content": "Fine."}}]}
).encode()


def delta(text: str) -> bytes:
    chunk = {"id": "chatcmpl-1", "choices": [{"index": 0, "delta": {"content": text}}]}
    return b"data: %s\n\n" % json.dumps(chunk).encode()


class Upstream(BaseHTTPRequestHandler):
    """Behaves as the model's name says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        (model,) = re.findall(rb'"model": ?"(\w+)"', body[-200:])
        try:
            getattr(self, model.decode())()
        except OSError:
            self.close_connection = True

    def give(self, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(200)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, *pieces: bytes, end: bool = True, pause: float = 0) -> None:
        self.send_response(200)
        self.send_header("content-type", SSE)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            time.sleep(pause)
        if end:
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.close_connection = True

    def fine(self) -> None:
        self.give(WHOLE)

    def gzip(self) -> None:
        self.give(gzip.compress(WHOLE), content_encoding="gzip")

    def two_streams_of_gzip(self) -> None:
        packed = gzip.compress(WHOLE[:20]) + gzip.compress(WHOLE[20:])
        self.give(packed, content_encoding="gzip")

    def brotli(self) -> None:
        self.give(b"\x0b\x02\x80{}\x03", content_encoding="br")

    def bomb(self) -> None:
        self.give(gzip.compress(bytes(256 << 20), 1), content_encoding="gzip")

    def closing(self) -> None:
        self.give(WHOLE)
        self.close_connection = True

    def half(self) -> None:
        self.give(WHOLE, length=len(WHOLE) + 1000)
        self.close_connection = True

    def half_a_stream(self) -> None:
        self.stream(delta("Fi"), end=False)

    def without_length(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(WHOLE)
        self.close_connection = True

    def two_answers(self) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self.wfile.write((head % len(WHOLE) + WHOLE) * 2)

    def huge(self) -> None:
        message = {"role": "assistant", "content": "x" * (50 << 20)}
        self.give(json.dumps({"id": "chatcmpl-1", "choices": [{"message": message}]}).encode())

    def slow(self) -> None:
        self.stream(*(delta(f"{n} ") for n in range(10)), b"data: [DONE]\n\n", pause=0.05)

    def without_end(self) -> None:
        self.stream(*[delta("x")] * 3, *[b"data: " + b"y" * 4096] * 100_000, pause=0)

    def one_endless_line(self) -> None:
        self.stream(delta("Fi"), b"data: ", *[b"x" * 65536] * 640, b"\n\n", b"data: [DONE]\n\n")

    def no_text(self) -> None:
        broken = b'data: {"choices":[{"index":0,"delta":{"content":"\xff\xfe"}}]}\n\n'
        self.stream(delta("Fi"), broken, b"data: {\n\n", b"\xff\n\n", b"data: [DONE]\n\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


class Relayed:
    """A running relay, and a session of its own for one test."""

    def __init__(self, running: Daemon, token: str) -> None:
        self.daemon = running
        self.session = secrets.token_hex(8)
        self.url = f"{running.url}/openai/v1/chat/completions"
        self.headers = {"authorization": f"Bearer {token}", "x-session-id": self.session}
        pid = running.process.pid
        self._status = Path(f"/proc/{pid}/status")
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew, proc(5)

    def ask(self, model: str, **more: Any) -> httpx.Response:
        return httpx.post(self.url, json=body(model, **more), headers=self.headers, timeout=50)

    def raw(self, model: str) -> bytes:
        """An answer's bytes, not unpacked."""
        with httpx.stream(
            "POST", self.url, json=body(model), headers=self.headers, timeout=50
        ) as answer:
            return b"".join(answer.iter_raw())

    def peak(self) -> int:
        """The most memory that the daemon held in this test, in MiB."""
        found = re.search(r"VmHWM:\s+(\d+) kB", self._status.read_text())
        assert found
        return int(found[1]) >> 10

    def events(self, *kinds: str) -> list[Event]:
        with Ledger.open(self.daemon.store, readonly=True) as ledger:
            return [one for one in ledger.events(session=self.session) if one.kind in kinds]

    def response(self) -> Event:
        """The record of the only response."""
        (found,) = self.responses()
        return found

    def responses(self) -> list[Event]:
        return [one for one in self.events("usage", "other") if "status" in one.parsed_detail()]

    def said(self) -> list[str]:
        return [one.text for one in self.events("agent_message")]


def body(model: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"Hi, {model}"}], **more, "model": model}


@contextmanager
def upstream() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, str]]:
    store = tmp_path_factory.mktemp("extremes")
    token = enrolled(store)
    with upstream() as address, daemon(store, "--openai-upstream", address) as gate:
        yield gate, token


@pytest.fixture
def relay(running: tuple[Daemon, str]) -> Relayed:
    return Relayed(*running)


def wait_for(found: Callable[[], Any], seconds: float = 40) -> Any:
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
    return value


def test_packed_answers_pass_packed_and_are_read(relay: Relayed) -> None:
    for model in ("gzip", "two_streams_of_gzip"):
        assert gzip.decompress(relay.raw(model)) == WHOLE
    assert relay.said() == ["Fine."]
    assert not [one for one in relay.responses() if "cut" in one.parsed_detail()]


def test_an_answer_in_a_coding_that_is_not_read_passes_and_says_so(relay: Relayed) -> None:
    assert relay.raw("brotli") == b"\x0b\x02\x80{}\x03"
    assert "'br' cannot be read" in relay.response().parsed_detail()["cut"]
    assert relay.response().raw == b"\x0b\x02\x80{}\x03"


def test_a_packed_answer_is_not_unpacked_without_bound(relay: Relayed) -> None:
    assert len(relay.raw("bomb")) > 1 << 18
    assert "too large when decoded" in relay.response().parsed_detail()["cut"]
    assert relay.peak() < 500


def test_an_upstream_that_closes_after_each_answer_is_asked_anew(relay: Relayed) -> None:
    for model in ("closing", "fine", "closing", "closing", "without_length", "fine"):
        assert relay.ask(model).json() == json.loads(WHOLE)


def test_a_second_answer_to_one_question_is_given_to_nobody(relay: Relayed) -> None:
    for _ in range(3):
        assert relay.ask("two_answers").json() == json.loads(WHOLE)
    assert relay.ask("gzip").headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("model", ["half", "half_a_stream"])
def test_an_upstream_that_dies_in_mid_answer_never_makes_a_whole_one(
    relay: Relayed, model: str
) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        relay.ask(model, stream="stream" in model)
    response = relay.response()
    assert response.parsed_detail()["cut"].startswith("upstream: ")
    assert response.raw == (WHOLE if model == "half" else delta("Fi"))
    assert [one.parsed_detail()["code"] for one in relay.events("gap")] == ["response_cut"]


def test_what_came_until_an_agent_left_is_recorded_and_the_rest_is_not_fetched(
    relay: Relayed,
) -> None:
    began = time.monotonic()
    with httpx.stream(
        "POST", relay.url, json=body("without_end", stream=True), headers=relay.headers
    ) as answer:
        next(answer.iter_raw())
    wait_for(lambda: relay.events("gap"))
    cut = relay.response()
    assert cut.parsed_detail()["cut"] == "the agent's side closed the connection"
    assert cut.parsed_detail()["bytes"] < 100 << 20
    assert relay.said()[0].startswith("x")
    assert time.monotonic() - began < 30
    assert relay.ask("fine").json() == json.loads(WHOLE)


def test_a_hundred_streams_at_once_arrive_whole(relay: Relayed) -> None:
    expected = b"".join(delta(f"{n} ") for n in range(10)) + b"data: [DONE]\n\n"

    def one(number: int) -> bytes:
        given = {**body("slow", stream=True), "user": f"user-{number}"}
        return httpx.post(relay.url, json=given, headers=relay.headers, timeout=50).content

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(one, range(100))) == {expected}
    assert [one.raw for one in relay.responses()] == [expected] * 100


def test_bodies_of_fifty_megabytes_pass_and_are_recorded_cut(relay: Relayed) -> None:
    text = "y" * (50 << 20)
    given = {"messages": [{"role": "user", "content": text}], "model": "huge"}
    answer = httpx.post(relay.url, json=given, headers=relay.headers, timeout=50)
    assert len(answer.json()["choices"][0]["message"]["content"]) == 50 << 20
    asked = relay.events("user_message")[0]
    assert asked.truncated
    assert len(asked.text) == 4 << 20
    response = relay.response()
    assert response.truncated
    assert response.parsed_detail()["bytes"] == len(answer.content)
    assert relay.peak() < 1000


def test_a_line_without_end_passes_and_takes_bounded_room(relay: Relayed) -> None:
    answer = relay.ask("one_endless_line", stream=True)
    assert len(answer.content) > 40 << 20
    assert relay.said() == ["Fi"]
    response = relay.response()
    assert response.parsed_detail()["unknown"] == {"overlong event": 1}
    assert "cut" not in response.parsed_detail()
    assert relay.peak() < 500


def test_a_stream_that_is_no_text_passes_as_it_is_and_is_counted(relay: Relayed) -> None:
    answer = relay.ask("no_text", stream=True)
    assert b"\xff\xfe" in answer.content
    assert relay.said() == ["Fi"]
    response = relay.response()
    assert response.raw == answer.content
    assert response.parsed_detail()["unknown"] == {"chunk": 2}


def test_a_request_that_is_cut_off_reaches_nobody(relay: Relayed) -> None:
    host, _, port = relay.daemon.ready["listen"].rpartition(":")
    head = "\r\n".join(f"{name}: {value}" for name, value in relay.headers.items()).encode()
    with socket.create_connection((host, int(port))) as agent:
        agent.sendall(
            b"POST /openai/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n"
            b"%s\r\n\r\n{" % head
        )
    wait_for(lambda: "cut off" in str(recorded(relay.daemon.store, "decision")))
    assert not relay.events("decision", "other")
