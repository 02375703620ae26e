"""The OTLP decoder against damaged and hostile requests; seeded."""

from __future__ import annotations

import gzip
import json
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from roguewatch.errors import SourceError
from roguewatch.gateway.otlp_decoder import (
    MAX_BODY,
    Decoder,
    Request,
    Signal,
    Told,
    decompressed,
)
from roguewatch.ledger.ledger import Ledger

SEED = 20260301
CASES = 6000


def traces() -> bytes:
    message = ExportTraceServiceRequest()
    spans = message.resource_spans.add().scope_spans.add().spans
    for number in range(3):
        span = spans.add(trace_id=b"t" * 16, span_id=bytes([number + 1]) * 8, name="chat m")
        for key, value in {
            "gen_ai.operation.name": "execute_tool" if number else "chat",
            "gen_ai.tool.name": "shell", "gen_ai.tool.call.id": f"c{number}",
            "gen_ai.tool.call.arguments": '{"command":"ls"}',
            "gen_ai.output.messages":
                '[{"role":"assistant","parts":[{"type":"text","content":"hi"}]}]',
        }.items():  # fmt: skip
            pair = span.attributes.add(key=key)
            pair.value.string_value = value
        span.attributes.add(key="gen_ai.usage.input_tokens").value.int_value = 3
        span.attributes.add(key="deep").value.array_value.values.add().kvlist_value.values.add(
            key="k"
        )
    return message.SerializeToString()


def logs() -> bytes:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "claude-code"
    for name in ("tool_result", "user_prompt", "api_request", "tool_decision"):
        record = group.scope_logs.add().log_records.add()
        record.body.string_value = f"claude_code.{name}"
        for key in ("session.id", "tool_name", "tool_use_id", "prompt", "success", "output_tokens"):
            record.attributes.add(key=key).value.string_value = "1"
    return message.SerializeToString()


def as_json(signal: Signal, body: bytes) -> bytes:
    from google.protobuf.json_format import MessageToDict

    if signal == "traces":
        value = MessageToDict(ExportTraceServiceRequest.FromString(body))
        for span in value["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            span["traceId"], span["spanId"] = "a" * 32, "b" * 16
    else:
        value = MessageToDict(ExportLogsServiceRequest.FromString(body))
    return json.dumps(value).encode()


def damaged(body: bytes, chance: random.Random) -> bytes:
    data = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(data) + 1)
        what = chance.randrange(6)
        if what == 0 and data:
            data[at % len(data)] = chance.randrange(256)
        elif what == 1:
            del data[at:]
        elif what == 2:
            data[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif what == 3:
            data[at:at] = data[: chance.randrange(200)]
        elif what == 4:
            data[at:at] = chance.choice(
                (b"\\ud800", b"null", b"[[[[", b"{}", b"-1e999", b"NaN", b'"', b"\x00", b"99" * 40)
            )
        else:
            del data[at : at + chance.randrange(1, 30)]
    return bytes(data)


def test_damaged_requests_are_refused_or_told_and_what_is_told_can_be_recorded(
    tmp_path: Path,
) -> None:
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    seeds: list[tuple[Signal, bool, bytes]] = [
        ("traces", False, traces()), ("logs", False, logs()),
        ("traces", True, as_json("traces", traces())), ("logs", True, as_json("logs", logs())),
    ]  # fmt: skip
    decoder = Decoder()
    outcomes = {"told": 0, "rejected": 0, "refused": 0}
    with Ledger.open(tmp_path / "store") as ledger:
        for number in range(CASES):
            signal, is_json, body = seeds[number % 4]
            body = damaged(body, chance) if number >= 4 else body
            encoding = chance.choice(("", "", "gzip", "deflate"))
            sent = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[encoding](body)
            told = decoder.tell(Request(number, "d", signal, is_json, encoding, sent, 1))
            again = msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Told)
            assert again.events == told.events
            assert not told.error or not told.events
            outcomes["refused" if told.error else "rejected" if told.rejected else "told"] += 1
            if number % 20 == 0 and told.events:
                assert ledger.append(told.events)
            assert number >= 4 or (told.events and not told.rejected and not told.error)
    assert all(outcomes.values()), outcomes


@pytest.mark.parametrize("depth", [100, 5000])
def test_nesting_without_end_is_refused(depth: int) -> None:
    value = '{"arrayValue":{"values":[' * depth + "]}}" * depth
    body = f'{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"k","value":{value}}}]}}}}]}}'
    told = Decoder().tell(Request(1, "d", "traces", True, "", body.encode(), 1))
    assert not told.events
    inner = b""
    for _ in range(depth):  # AnyValue.array_value.values
        inner = b"\x0a" + _varint(len(inner)) + inner
        inner = b"\x2a" + _varint(len(inner)) + inner
    nested = b"\x12" + _varint(len(inner)) + inner
    for tag in (b"\x0a", b"\x0a", b"\x0a"):  # attributes, resource, resource_spans
        nested = tag + _varint(len(nested)) + nested
    told = Decoder().tell(Request(2, "d", "traces", False, "", nested, 1))
    assert not told.events


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))


def test_a_bomb_is_never_inflated_past_the_limit() -> None:
    bomb = gzip.compress(bytes(MAX_BODY), 1)
    assert len(decompressed(bomb, "gzip")) == MAX_BODY
    for hostile in (gzip.compress(bytes(MAX_BODY + 1), 1), bomb + gzip.compress(b"x")):
        with pytest.raises(SourceError):
            decompressed(hostile, "gzip")


def test_the_decoder_process_ends_when_its_input_does() -> None:
    request = Request(7, "d", "traces", False, "", traces(), 1)
    frame = msgspec.msgpack.encode(request)
    done = subprocess.run(
        [sys.executable, "-I", "-m", "roguewatch.gateway.otlp_decoder"],
        input=struct.pack(">I", len(frame)) + frame, capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    told = msgspec.msgpack.decode(done.stdout[4:], type=Told)
    assert told.number == 7
    assert {event.kind for event in told.events} >= {"tool_call", "agent_message", "usage"}
