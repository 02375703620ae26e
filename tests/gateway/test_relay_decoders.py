"""The relays' decoders: strict where a message is decided, never surprised by anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from roguewatch.gateway.mcp.message import FrameError, read_frame
from roguewatch.gateway.models.secrecy import Secrets
from roguewatch.gateway.sse import Events
from roguewatch.gateway.strict import AmbiguousError, strict_json
from tests.fuzz import protocols

STREAM = (
    b"\xef\xbb\xbfevent: message_start\r\ndata: {\"a\": 1}\r\n\r\n: comment\n\ndata: one\ndata: two\n\n"
    b"event: x\rdata: \xc3\xa9\r\rid: 7\ndata:no space\n\ndata: [DONE]\n\ndata: unfinished"
)  # fmt: skip


def test_a_stream_cut_at_every_byte_gives_the_same_events() -> None:
    whole = list(Events().feed(STREAM))
    assert whole == [("message_start", b'{"a": 1}'), ("", b"one\ntwo"), ("x", "é".encode()),
                     ("", b"no space"), ("", b"[DONE]")]  # fmt: skip
    for place in range(len(STREAM) + 1):
        protocols.cut_anywhere(STREAM, [place])
    protocols.cut_anywhere(STREAM, list(range(len(STREAM))))


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([b"data: x", b"event: y", b"\n", b"\r", b"\r\n", b": c", b"\xff"])),
    st.lists(st.integers(0, 200), max_size=6),
)
def test_any_stream_may_be_cut_anywhere(pieces: list[bytes], cuts: list[int]) -> None:
    protocols.cut_anywhere(b"".join(pieces), cuts)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(protocols.SHAPED | protocols.JSON)
def test_no_json_surprises_the_decoders(value: Any) -> None:
    protocols.agrees_with_a_plain_parser(json.dumps(value).encode())
    protocols.reads_anything(value)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_surprise_the_frame_reader(raw: bytes) -> None:
    protocols.agrees_with_a_plain_parser(raw)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    st.text(alphabet='{}[]":,\\u0 \t\r\n1eE+-.abcmethodtools/call', max_size=60),
    st.integers(0, 80),
)
def test_no_mutation_of_a_call_is_read_otherwise_than_by_json(noise: str, place: int) -> None:
    call = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"f","arguments":{}}}'
    protocols.agrees_with_a_plain_parser((call[:place] + noise + call[place:]).encode())


@pytest.mark.parametrize("key", ["Method", "METHOD", "ID", "paramſ", "Params", "Result"])
def test_keys_that_some_parsers_fold_into_known_ones_are_refused(key: str) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping", key: {}}
    with pytest.raises(FrameError):
        read_frame(json.dumps(message, ensure_ascii=False).encode(), "client")


@pytest.mark.parametrize("text", [b'{"a":1,"a":2}', b'[{"x":{"b":1,"b":1}}]', b"[NaN]",
                                  b"[-Infinity]", b"[1e999]", b'"\\ud800"', b"\xef\xbb\xbf{}",
                                  b"[" * 300 + b"]" * 300, b"{} {}", b"'a'", b"\xff"])  # fmt: skip
def test_strict_json_refuses_what_can_be_read_in_two_ways(text: bytes) -> None:
    with pytest.raises(AmbiguousError):
        strict_json(text)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([b"sk-", b"secret", b"sk-secret-key", b"x", b"key", b"-"])),
       st.lists(st.integers(0, 60), max_size=5))  # fmt: skip
def test_no_cut_lets_a_key_through(pieces: list[bytes], cuts: list[int]) -> None:
    secrets = Secrets(["sk-secret-key"])
    whole = b"".join(pieces)
    places = sorted({min(cut, len(whole)) for cut in cuts})
    stream = secrets.stream()
    passed = b"".join(
        stream.pass_on(whole[a:b]) for a, b in zip([0, *places], [*places, len(whole)], strict=True)
    )
    passed += stream.rest()
    assert b"sk-secret-key" not in passed
    assert passed == secrets.whole(whole)
