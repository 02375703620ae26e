"""OpenTelemetry traces and logs, in every form on disk and on the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from roguewatch.errors import SourceError
from roguewatch.events import Event
from roguewatch.sources import otel
from roguewatch.sources.otel_events import Traces
from roguewatch.sources.source import Counts, Document
from tests.build import SHARED

TRACE = "5b8efff798038103d269b633813fc60c"
START = 1_763_712_000_000_000_000
ASKED = [{"role": "user", "parts": [{"type": "text", "content": "Weather in Paris?"}]}]
CALLED = {
    "role": "assistant",
    "parts": [
        {"type": "reasoning", "content": "look it up"},
        {
            "type": "tool_call",
            "id": " call_1",
            "name": "get_weather",
            "arguments": {"city": "Paris"},
        },
    ],
}


def value(given: Any) -> dict[str, Any]:
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": str(given)}
    if isinstance(given, list):
        return {"arrayValue": {"values": [value(each) for each in given]}}
    return {"stringValue": given}


def span(number: int, name: str, parent: int = 0, **attributes: Any) -> dict[str, Any]:
    named = {key.replace("__", "."): each for key, each in attributes.items()}
    return {
        "traceId": TRACE,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": str(START + number * 1_000),
        "endTimeUnixNano": str(START + number * 1_000 + 500),
        "attributes": [{"key": key, "value": value(each)} for key, each in named.items()],
        "status": {},
    }


def request(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "agent-1"}}]}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}]}
        ]
    }


def inference(number: int, inputs: list[Any], outputs: list[Any], **more: Any) -> dict[str, Any]:
    return span(
        number,
        "chat m",
        gen_ai__operation__name="chat",
        gen_ai__request__model="m",
        gen_ai__response__id=f"r{number}",
        gen_ai__input__messages=json.dumps(inputs),
        gen_ai__output__messages=json.dumps(outputs),
        gen_ai__usage__input_tokens=100,
        **{
            "gen_ai__usage__cache_read__input_tokens": 40,
            "gen_ai__usage__output_tokens": 5,
            **more,
        },
    )


def tool(number: int = 2, **attributes: Any) -> dict[str, Any]:
    given = {
        "gen_ai__operation__name": "execute_tool",
        "gen_ai__tool__name": "get_weather",
        "gen_ai__tool__call__id": "call_1",
        "gen_ai__tool__call__arguments": '{"city": "Paris"}',
        "gen_ai__tool__call__result": "rainy",
    }
    return span(number, "execute_tool get_weather", **(given | attributes))


def answered(name: str) -> dict[str, Any]:
    return {
        "role": "tool",
        "parts": [{"type": "tool_call_response", "id": " call_1", name: "rainy"}],
    }


def told(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.kind, event.text) for event in events]


def read(path: Path) -> tuple[list[Event], Counts]:
    document = Document(path)
    assert otel.source.recognise(document.head())
    return list(otel.source.read(document)), document.counts


def whole(name: str = "response") -> dict[str, Any]:
    history = [*ASKED, CALLED, answered(name)]
    reply = {
        "role": "assistant",
        "parts": [{"type": "text", "content": "Rain."}],
        "finish_reason": "stop",
    }
    return request(inference(1, ASKED, [CALLED]), tool(), inference(3, history, [reply]))


EXPECTED = [
    ("session_start", ""),
    ("user_message", "Weather in Paris?"),
    ("reasoning", "look it up"),
    ("tool_call", ""),
    ("usage", ""),
    ("tool_result", "rainy"),
    ("agent_message", "Rain."),
    ("usage", ""),
]


@pytest.mark.parametrize("name", ["result", "response"])
def test_a_history_repeated_in_every_span_is_told_once(name: str) -> None:
    events = list(otel.events_of_traces(json.dumps(whole(name)).encode()))
    assert told(events) == EXPECTED
    assert {event.sighting for event in events} == {"otel"}
    assert {event.session for event in events} == {TRACE}
    call = events[3]
    assert (call.call_id, call.tool, call.parsed_arguments()) == (
        "call_1",
        "get_weather",
        {"city": "Paris"},
    )
    assert events[4].usage is not None
    assert (events[4].usage.input, events[4].usage.cache_read, events[4].usage.output) == (
        60,
        40,
        5,
    )
    assert events[6].request_id == "r3" and events[6].time == START + 3_500


def test_spans_arriving_request_by_request_give_the_same_events() -> None:
    spans = whole()["resourceSpans"][0]["scopeSpans"][0]["spans"]
    traces = Traces()
    live = [
        event
        for each in spans
        for event in otel.events_of_traces(json.dumps(request(each)).encode(), traces=traces)
    ]
    assert told(live) == EXPECTED
    assert [e.id for e in live] == [
        e.id for e in otel.events_of_traces(json.dumps(whole()).encode())
    ]
    # a receiver that has forgotten everything tells the same ids again
    forgetful = [
        e for each in spans for e in otel.events_of_traces(json.dumps(request(each)).encode())
    ]
    assert {e.id for e in forgetful} >= {e.id for e in live}


def protobuf(json_request: dict[str, Any]) -> bytes:
    from google.protobuf.json_format import ParseDict

    spans = json.loads(json.dumps(json_request))
    for group in spans["resourceSpans"]:
        for scoped in group["scopeSpans"]:
            for each in scoped["spans"]:
                # the protobuf library's own JSON form has ids in base64
                from base64 import b64encode

                for key in ("traceId", "spanId", "parentSpanId"):
                    each[key] = b64encode(bytes.fromhex(each[key])).decode()
    return ParseDict(spans, ExportTraceServiceRequest()).SerializeToString()


def varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


@pytest.mark.parametrize("framing", ["bare", "varint", "fixed", "json", "lines"])
def test_every_encoding_of_a_request_gives_the_same_events(tmp_path: Path, framing: str) -> None:
    body, path = protobuf(whole()), tmp_path / "traces"
    spans = whole()["resourceSpans"][0]["scopeSpans"][0]["spans"]
    split = [protobuf(request(each)) for each in spans]
    path.write_bytes(
        {
            "bare": body,
            "varint": b"".join(varint(len(each)) + each for each in split),
            "fixed": b"".join(len(each).to_bytes(4, "big") + each for each in split),
            "json": json.dumps(whole(), indent=1).encode(),
            "lines": b"\n".join(json.dumps(request(each)).encode() for each in spans),
        }[framing]
    )
    events, counts = read(path)
    assert [e.id for e in events] == [e.id for e in otel.events_of_traces(body)]
    assert told(events) == EXPECTED and counts.malformed == 0


def test_old_attributes_and_span_events_are_understood() -> None:
    old = span(
        1,
        "openai.chat",
        gen_ai__system="openai",
        gen_ai__request__model="m",
        gen_ai__prompt__0__role="user",
        gen_ai__prompt__0__content="hi",
        gen_ai__completion__0__role="assistant",
        gen_ai__completion__0__content="hello",
        gen_ai__completion__0__tool_calls__0__id="c1",
        gen_ai__completion__0__tool_calls__0__name="f",
        gen_ai__completion__0__tool_calls__0__arguments='{"a": 1}',
        gen_ai__usage__prompt_tokens=3,
        gen_ai__usage__completion_tokens=4,
    )
    other = span(2, "chat m", gen_ai__system="x", gen_ai__request__model="m")
    other["events"] = [
        {
            "name": "gen_ai.user.message",
            "attributes": [{"key": "content", "value": {"stringValue": "ho"}}],
        },
        {
            "name": "gen_ai.choice",
            "attributes": [{"key": "message", "value": {"stringValue": '{"content": "yes"}'}}],
        },
    ]
    events = list(otel.events_of_traces(json.dumps(request(old, other)).encode()))
    assert told(events)[1:] == [
        ("user_message", "hi"),
        ("agent_message", "hello"),
        ("tool_call", ""),
        ("usage", ""),
        ("user_message", "ho"),
        ("agent_message", "yes"),
    ]
    assert events[3].parsed_arguments() == {"a": 1}


def test_openinference_spans_and_agents_within_agents_are_understood() -> None:
    llm = span(
        3,
        "ChatCompletion",
        2,
        openinference__span__kind="LLM",
        llm__model_name="m",
        session__id="s-1",
        llm__input_messages__0__message__role="user",
        llm__input_messages__0__message__content="hi",
        llm__output_messages__0__message__role="assistant",
        llm__output_messages__0__message__content="hello",
        llm__token_count__prompt=3,
        llm__token_count__completion=2,
    )
    ran = span(
        4,
        "run",
        2,
        openinference__span__kind="TOOL",
        tool__name="f",
        input__value='{"a": 1}',
        output__value="1",
    )
    outer = span(1, "agent outer", openinference__span__kind="AGENT")
    inner = span(
        2,
        "invoke_agent helper",
        1,
        gen_ai__operation__name="invoke_agent",
        gen_ai__agent__name="helper",
    )
    events = list(otel.events_of_traces(json.dumps(request(llm, ran, inner, outer)).encode()))
    assert {event.session for event in events} == {"s-1"}
    assert {(e.agent, e.parent_agent) for e in events if e.kind == "tool_call"} == {
        ("helper", "main")
    }
    assert [e.kind for e in events].count("subagent_start") == 1
    assert ("agent_message", "hello") in told(events) and ("tool_result", "1") in told(events)


def test_the_sdk_console_form_and_failures_are_understood(tmp_path: Path) -> None:
    spans = [
        {
            "name": "execute_tool f",
            "context": {"trace_id": "0x" + TRACE, "span_id": f"0x{n:016x}", "trace_state": "[]"},
            "kind": "SpanKind.INTERNAL",
            "parent_id": None,
            "start_time": "2025-11-21T08:00:00.000000Z",
            "end_time": "2025-11-21T08:00:01.000000Z",
            "status": {"status_code": "ERROR", "description": "boom"},
            "attributes": {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"},
            "events": [],
            "links": [],
            "resource": {"attributes": {"service.name": "x"}, "schema_url": ""},
        }
        for n in (1, 2)
    ]
    path = tmp_path / "console.txt"
    path.write_text("\n".join(json.dumps(each, indent=4) for each in spans))
    events, _ = read(path)
    assert [e.kind for e in events] == ["session_start"] + ["tool_call", "tool_result"] * 2
    assert {e.failed for e in events if e.kind == "tool_result"} == {True}
    assert {e.session for e in events} == {TRACE}


def test_claude_code_log_records_are_its_prompts_decisions_results_and_tokens() -> None:
    def log(name: str, **attributes: Any) -> dict[str, Any]:
        named = {"event.name": name, "session.id": "s1", "prompt.id": "p1"} | {
            key.replace("__", "."): each for key, each in attributes.items()
        }
        pairs = [{"key": key, "value": value(each)} for key, each in named.items()]
        return {
            "timeUnixNano": str(START),
            "body": {"stringValue": f"claude_code.{name}"},
            "attributes": pairs,
        }

    records = [
        log("user_prompt", prompt="do it", prompt_length=5),
        log(
            "tool_decision",
            tool_name="Bash",
            decision="reject",
            source="user_reject",
            tool_use_id="t1",
        ),
        log("tool_result", tool_name="Bash", success="false", error="no", tool_use_id="t1"),
        log("api_request", model="m", input_tokens=5, output_tokens=6, cache_read_tokens=7),
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "claude-code"}}]}
    body = {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": records}]}]}
    events = list(otel.events_of_traces(json.dumps(body).encode(), content_type="application/json"))
    assert [event.kind for event in events] == ["user_message", "approval", "tool_result", "usage"]
    assert {(e.surface, e.sighting, e.session, e.prompt_id) for e in events} == {
        ("claude-code", "otel", "s1", "p1")
    }
    assert events[0].author == "human"
    assert events[1].parsed_detail() == {"decision": "deny", "by": "user_reject"}
    assert (events[2].failed, events[2].call_id, events[2].text) == (True, "t1", "no")

    from google.protobuf.json_format import ParseDict

    wire = ParseDict(body, ExportLogsServiceRequest()).SerializeToString()
    assert [e.id for e in otel.events_of_traces(wire)] == [e.id for e in events]


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"\x0a\xff\xff", b"nothing", b'{"resourceSpans": 1']
)
def test_what_is_no_export_request_is_refused(body: bytes) -> None:
    with pytest.raises(SourceError):
        list(otel.events_of_traces(body))


def test_a_broken_line_and_a_cut_tail_are_gaps(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    good = json.dumps(whole())
    path.write_text(good + '\n{"resourceSpans": [nope]}\n' + good[:200])
    events, counts = read(path)
    assert (counts.malformed, counts.truncated_tail) == (1, 1)
    assert [e.kind for e in events].count("gap") == 2


def test_published_any_agent_dumps_pair_every_call_with_its_result() -> None:
    for path in sorted((SHARED / "otel").glob("*.json")):
        events, counts = read(path)
        kinds = [event.kind for event in events]
        assert kinds.count("tool_call") == kinds.count("tool_result") >= 2
        assert kinds.count("user_message") == 1 and counts.orphan_call == counts.unknown_type == 0


def test_a_call_without_a_result_is_a_gap_where_the_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "cut.json"
    path.write_text(json.dumps(request(inference(1, ASKED, [CALLED]))))
    events, counts = read(path)
    assert counts.orphan_call == 1 and (events[-1].kind, events[-1].call_id) == ("gap", "call_1")
    path.write_text(json.dumps(whole()))
    events, counts = read(path)
    assert counts.orphan_call == 0 and not [e for e in events if e.kind == "gap"]


def test_each_session_of_a_file_has_its_own_calls_without_a_result(tmp_path: Path) -> None:
    path = tmp_path / "two.json"
    spans = [
        inference(n, ASKED, [CALLED], gen_ai__conversation__id=name)
        for n, name in enumerate(("one", "two", "three"), 1)
    ]
    path.write_text(json.dumps(request(*spans)))
    events, counts = read(path)
    gaps = [event.session for event in events if event.kind == "gap"]
    assert counts.orphan_call == 3 and sorted(gaps) == ["one", "three", "two"]


def test_a_result_in_a_later_request_leaves_no_gap(tmp_path: Path) -> None:
    path = tmp_path / "two.jsonl"
    later = inference(2, [*ASKED, CALLED, answered("response")], [])
    first = request(inference(1, ASKED, [CALLED]))
    path.write_text(f"{json.dumps(first)}\n{json.dumps(request(later))}\n")
    assert read(path)[1].orphan_call == 0


def test_genai_attributes_that_no_convention_has_are_counted_and_told_once(tmp_path: Path) -> None:
    path = tmp_path / "new.json"
    new = {"gen_ai__request__mood": "good", "gen_ai__prompt__0__role": "user", "my__own": "x"}
    path.write_text(json.dumps(request(*(inference(n, ASKED, [], **new) for n in (1, 2)))))
    events, counts = read(path)
    assert counts.unknown_field == 2
    (gap,) = [event for event in events if event.kind == "gap"]
    assert gap.parsed_detail() == {"code": "unknown_field", "field": "gen_ai.request.mood"}
