"""The OTLP receiver, through the OpenTelemetry SDK's exporters and by hand."""

from __future__ import annotations

import gzip
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (
    OTLPSpanExporter as GrpcSpans,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
    OTLPSpanExporter as HttpSpans,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter

from roguewatch.ledger.fsck import fsck
from tests.gateway.relaying import Daemon, daemon, enrolled, recorded

PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, str]]:
    store = tmp_path_factory.mktemp("otlp") / "store"
    token = enrolled(store, purpose="otlp")
    with daemon(store, "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0") as gate:
        yield gate, token


def exporter(gate: Daemon, token: str, kind: str) -> SpanExporter:
    bearer = {"authorization": f"Bearer {token}"}
    if kind.startswith("grpc"):
        packed = grpc.Compression.Gzip if kind == "grpc gzip" else None
        return GrpcSpans(
            endpoint=f"http://{gate.ready['otlp_grpc']}", insecure=True, headers=bearer,
            compression=packed,
        )  # fmt: skip
    packing = Compression.Gzip if kind == "http gzip" else Compression.NoCompression
    return HttpSpans(
        endpoint=f"{gate.url}/v1/traces", headers=bearer, compression=packing, timeout=3
    )


@pytest.mark.parametrize("kind", ["http", "http gzip", "grpc", "grpc gzip"])
def test_tool_spans_of_the_sdk_exporters_become_calls_and_results(
    running: tuple[Daemon, str], kind: str
) -> None:
    gate, token = running
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter(gate, token, kind)))
    tracer = provider.get_tracer("agent")
    for number in range(5):
        with tracer.start_as_current_span(
            "execute_tool search",
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "search",
                "gen_ai.tool.call.id": f"{kind}-{number}",
                "gen_ai.tool.call.arguments": json.dumps({"q": "é" * number}),
                "gen_ai.tool.call.result": "found",
            },
        ):
            pass
    provider.shutdown()
    events = [event for event in recorded(gate.store) if event.call_id.startswith(f"{kind}-")]
    assert sorted(event.call_id for event in events if event.kind == "tool_call") == [
        f"{kind}-{number}" for number in range(5)
    ]
    assert sum(event.kind == "tool_result" for event in events) == 5
    assert {event.sighting for event in events} == {"otel"}


def test_claude_code_logs_of_the_sdk_exporter_become_results_joined_by_call_id(
    running: tuple[Daemon, str],
) -> None:
    gate, token = running
    provider = LoggerProvider(resource=Resource({"service.name": "claude-code"}))
    provider.add_log_record_processor(
        BatchLogRecordProcessor(
            OTLPLogExporter(
                endpoint=f"{gate.url}/v1/logs", headers={"authorization": f"Bearer {token}"}
            )
        )
    )
    provider.get_logger("com.anthropic.claude_code.events").emit(
        body="claude_code.tool_result",
        event_name="claude_code.tool_result",
        attributes={
            "session.id": "logs-session", "tool_name": "Bash", "tool_use_id": "toolu_log",
            "success": "true", "prompt.id": "p1",
        },
    )  # fmt: skip
    provider.shutdown()
    (event,) = [event for event in recorded(gate.store) if event.call_id == "toolu_log"]
    assert (event.session, event.kind, event.prompt_id) == ("logs-session", "tool_result", "p1")


def span(number: int, **attributes: str) -> dict[str, Any]:
    return {
        "traceId": f"{number + 1:032x}", "spanId": f"{number + 1:016x}", "name": "execute_tool x",
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000000000005",
        "attributes": [
            {"key": key, "value": {"stringValue": value}}
            for key, value in {
                "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "x", **attributes
            }.items()
        ],
    }  # fmt: skip


def export(*spans: dict[str, Any]) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()


def post(gate: Daemon, token: str, body: Any, path: str = "traces", **headers: str) -> Any:
    given = {"content-type": "application/json", "authorization": f"Bearer {token}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return httpx.post(f"{gate.url}/v1/{path}", content=body, headers=given, timeout=30)


def test_a_chunked_request_is_read_whole(running: tuple[Daemon, str]) -> None:
    gate, token = running
    body = export(span(1000, **{"gen_ai.tool.call.id": "chunked"}))
    answer = post(gate, token, (body[at : at + 50] for at in range(0, len(body), 50)))
    assert (answer.status_code, answer.json()) == (200, {})
    assert any(event.call_id == "chunked" for event in recorded(gate.store))


def test_spans_without_ids_are_a_partial_success_that_says_so(
    running: tuple[Daemon, str],
) -> None:
    gate, token = running
    good, bad = span(1001, **{"gen_ai.tool.call.id": "good"}), span(1002)
    answer = post(gate, token, export(good, bad | {"traceId": ""}))
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(span_id=b"1" * 8)
    answer = post(gate, token, request.SerializeToString(), **PROTOBUF)
    said = ExportTraceServiceResponse.FromString(answer.content)
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert said.partial_success.rejected_spans == 1


def test_a_span_that_is_no_agents_is_kept_byte_for_byte(running: tuple[Daemon, str]) -> None:
    gate, token = running
    body = export({**span(1003), "attributes": [], "name": "GET /"})
    assert post(gate, token, gzip.compress(body), content_encoding="gzip").status_code == 200
    assert post(gate, token, body).status_code == 200
    kept = [event for event in recorded(gate.store) if event.raw == body]
    assert len(kept) == 1, "the same request sent again is one record"
    assert kept[0].parsed_detail()["deployment"] == "builder"
    assert kept[0].parsed_detail()["spans"] == [f"{1004:032x}:{1004:016x}"]


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b'{"resourceLogs":[]}', {}, 400),
        (b"\xff\xff\xff", PROTOBUF, 400),
        (b"{}", {"content_encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-4], {"content_encoding": "gzip"}, 400),
        (gzip.compress(bytes(200 << 20), 1, mtime=0), {"content_encoding": "gzip"}, 413),
        (b"{}", {"content_encoding": "br"}, 415),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"authorization": "Bearer wrong"}, 401),
        (b"{}", {"authorization": ""}, 401),
        (b"{}", {}, 200),
        (b"", PROTOBUF, 200),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_the_senders_own_encoding(
    running: tuple[Daemon, str], body: bytes, headers: dict[str, str], status: int
) -> None:
    gate, token = running
    headers = {name.replace("-", "_"): value for name, value in headers.items()}
    answer = post(gate, token, body, **headers)
    assert answer.status_code == status
    if status >= 400:
        if answer.headers["content-type"] == "application/x-protobuf":
            assert Status.FromString(answer.content).message
        else:
            assert answer.json()["message"]
        assert any(event.text == "refused" for event in recorded(gate.store, "decision"))


def test_a_token_for_hooks_opens_no_telemetry(tmp_path: Path) -> None:
    token = enrolled(tmp_path / "store", purpose="hook")
    with daemon(
        tmp_path / "store", "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"
    ) as gate:
        assert post(gate, token, b"{}").status_code == 401
        with grpc.insecure_channel(gate.ready["otlp_grpc"]) as channel:
            call = channel.unary_unary(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            )
            with pytest.raises(grpc.RpcError) as raised:
                call(b"", metadata=(("authorization", f"Bearer {token}"),))
        assert raised.value.code() == grpc.StatusCode.UNAUTHENTICATED
    refused = recorded(tmp_path / "store", "decision")
    assert [event.text for event in refused] == ["refused", "refused"]


def decoder_of(gate: Daemon) -> int:
    children = Path(f"/proc/{gate.process.pid}/task/{gate.process.pid}/children").read_text()
    for child in children.split():
        if b"otlp_decoder" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError("no decoder runs")


def test_a_decoder_that_hangs_or_dies_costs_no_acknowledged_request(tmp_path: Path) -> None:
    token = enrolled(tmp_path / "store", purpose="otlp")
    with daemon(tmp_path / "store", "--listen", "127.0.0.1:0") as gate:
        assert post(gate, token, export(span(1))).status_code == 200
        child = decoder_of(gate)
        os.kill(child, signal.SIGSTOP)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(post, gate, token, export(span(2)))
            time.sleep(0.3)
            os.kill(child, signal.SIGKILL)
            answer = waiting.result()
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert post(gate, token, export(span(2))).status_code == 200
        assert decoder_of(gate) != child


def test_overload_is_answered_with_when_to_try_again(tmp_path: Path) -> None:
    token = enrolled(tmp_path / "store", purpose="otlp")
    with daemon(
        tmp_path / "store", "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"
    ) as gate:
        assert post(gate, token, export(span(1))).status_code == 200
        child = decoder_of(gate)
        os.kill(child, signal.SIGSTOP)
        large = export(span(2, filler="x" * (12 << 20)))
        with ThreadPoolExecutor(6) as pool:
            waiting = [pool.submit(post, gate, token, large) for _ in range(6)]
            deadline = time.monotonic() + 15
            while not any(one.done() for one in waiting) and time.monotonic() < deadline:
                time.sleep(0.05)
            refused = next(one.result() for one in waiting if one.done())
            with grpc.insecure_channel(gate.ready["otlp_grpc"]) as channel:
                call = channel.unary_unary(
                    "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
                )
                with pytest.raises(grpc.RpcError) as raised:
                    call(large, metadata=(("authorization", f"Bearer {token}"),))
            os.kill(child, signal.SIGCONT)
            assert all(one.result().status_code in (200, 429) for one in waiting)
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        details = dict(raised.value.trailing_metadata())["grpc-status-details-bin"]
        assert b"google.rpc.RetryInfo" in details


def test_killed_under_load_no_acknowledged_span_is_lost(tmp_path: Path) -> None:
    store = tmp_path / "store"
    token = enrolled(store, purpose="otlp")
    acknowledged: set[str] = set()
    number = 0
    for turn in range(4):
        gate = Daemon(store, "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0")
        stop = threading.Event()
        senders: list[SpanExporter] = []

        def load(
            kind: str,
            gate: Daemon = gate,
            stop: threading.Event = stop,
            senders: list[SpanExporter] = senders,
        ) -> None:
            nonlocal number
            sender = exporter(gate, token, kind)
            senders.append(sender)
            provider = TracerProvider()
            seen: list[Any] = []
            provider.add_span_processor(SimpleSpanProcessor(_Collecting(seen)))
            tracer = provider.get_tracer("load")
            while not stop.is_set():
                number += 1
                with tracer.start_as_current_span("GET /"):
                    pass
                if sender.export(seen[-1:]).name == "SUCCESS":
                    acknowledged.add(f"{seen[-1].context.span_id:016x}")

        threads = [threading.Thread(target=load, args=(kind,)) for kind in ("http", "grpc", "http")]
        for thread in threads:
            thread.start()
        time.sleep(0.6 + 0.1 * turn)
        gate.process.kill()
        gate.stop()
        stop.set()
        for sender in senders:
            sender.shutdown()
        for thread in threads:
            thread.join()
    assert len(acknowledged) > 50
    kept = {
        name.partition(":")[2]
        for event in recorded(store, "other")
        for name in event.parsed_detail().get("spans", ())
    }
    assert acknowledged <= kept
    assert fsck(store) == []


class _Collecting(SpanExporter):
    def __init__(self, seen: list[Any]) -> None:
        self._seen = seen

    def export(self, spans: Any) -> Any:
        self._seen.extend(spans)


def test_a_call_that_its_client_gave_up_is_recorded_and_may_be_sent_again(tmp_path: Path) -> None:
    store = tmp_path / "store"
    token = enrolled(store, purpose="otlp")
    with daemon(store, "--listen", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0") as gate:
        assert post(gate, token, export(span(1))).status_code == 200
        message = ExportTraceServiceRequest()
        one = (
            message.resource_spans.add()
            .scope_spans.add()
            .spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="execute_tool x")
        )
        one.attributes.add(key="gen_ai.operation.name").value.string_value = "execute_tool"
        one.attributes.add(key="gen_ai.tool.call.id").value.string_value = "given-up"
        body, bearer = message.SerializeToString(), (("authorization", f"Bearer {token}"),)
        child = decoder_of(gate)
        os.kill(child, signal.SIGSTOP)
        with grpc.insecure_channel(gate.ready["otlp_grpc"]) as channel:
            call = channel.unary_unary(
                "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            )
            with pytest.raises(grpc.RpcError):
                call(body, metadata=bearer, timeout=0.5)
            os.kill(child, signal.SIGCONT)
            call(body, metadata=bearer, timeout=10)
    assert len([one for one in recorded(store, "tool_call") if one.call_id == "given-up"]) == 1
