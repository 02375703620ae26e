"""OTLP/protobuf export requests (opentelemetry-proto 1.x), decoded to spans and log records.

The messages are protobuf's own (upb, in C); each field is read from them once.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

from roguewatch.sources.otel_wire import LogRecord, Moment, Span

_FAILED = 2
"""STATUS_CODE_ERROR"""


def records_of_protobuf(data: bytes) -> Iterator[Span | LogRecord]:
    """The spans of an ExportTraceServiceRequest, or the records of an ExportLogsServiceRequest.

    The two have the same outer shape; a span is told from a log record by its trace id.

    Raises:
        ValueError: it is neither.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    try:
        traces = ExportTraceServiceRequest.FromString(data)
        spans = [
            span
            for group in traces.resource_spans
            for scoped in group.scope_spans
            for span in scoped.spans
        ]
        if spans and all(len(span.trace_id) == 16 for span in spans):
            return records_of_message(traces, data)
    except DecodeError:
        pass
    try:
        logs = ExportLogsServiceRequest.FromString(data)
    except DecodeError as error:
        raise ValueError(f"no OTLP export request: {error}") from error
    if not any(scoped.log_records for group in logs.resource_logs for scoped in group.scope_logs):
        raise ValueError("no OTLP export request: neither spans nor log records")
    return records_of_message(logs, data)


def records_of_message(message: Any, raw: bytes = b"") -> Iterator[Span | LogRecord]:
    """The records of a decoded export request of traces or of logs.

    Args:
        message: decoded.
        raw: its exact bytes, given to its first record.
    """
    for groups, scopes, within, record_of in _SHAPES:
        for group in getattr(message, groups, ()):
            resource = _pairs(group.resource.attributes)
            for scoped in getattr(group, scopes):
                scope = scoped.scope.name
                for each in getattr(scoped, within):
                    yield record_of(each, resource, scope, raw)
                    raw = b""


def _span(span: Any, resource: dict[str, Any], scope: str, raw: bytes) -> Span:
    status = span.status
    return Span(
        _id(span.trace_id, 16),
        _id(span.span_id, 8),
        _id(span.parent_span_id, 8),
        span.name,
        _nanoseconds(span.start_time_unix_nano),
        _nanoseconds(span.end_time_unix_nano),
        _pairs(span.attributes),
        [
            Moment(event.name, _nanoseconds(event.time_unix_nano), _pairs(event.attributes))
            for event in span.events
        ],
        status.code == _FAILED,
        status.message,
        resource,
        scope,
        raw,
    )


def _log(log: Any, resource: dict[str, Any], scope: str, raw: bytes) -> LogRecord:
    attributes, body = _pairs(log.attributes), _any(log.body)
    name = getattr(log, "event_name", "") or attributes.get("event.name")
    if not name and isinstance(body, str) and len(body) < 100:
        name = body
    time = _nanoseconds(log.time_unix_nano) or _nanoseconds(log.observed_time_unix_nano)
    return LogRecord(
        trace_id=_id(log.trace_id, 16),
        span_id=_id(log.span_id, 8),
        name=str(name or ""),
        time=time,
        body=body,
        attributes=attributes,
        resource=resource,
        scope=scope,
        raw=raw,
    )


_SHAPES = (
    ("resource_spans", "scope_spans", "spans", _span),
    ("resource_logs", "scope_logs", "log_records", _log),
)
"""Where the records of either request stand, and what decodes one."""


def _id(given: bytes, size: int) -> str:
    """An id as hexadecimal digits; one of zeros alone is none (W3C Trace Context)."""
    return given.hex().zfill(2 * size) if given.strip(b"\0") else ""


def _nanoseconds(given: int) -> int | None:
    return given if 0 < given < 1 << 63 else None


def _pairs(pairs: Any) -> dict[str, Any]:
    # Nearly all are strings, and one that is not empty is what the value holds.
    return {pair.key: pair.value.string_value or _any(pair.value) for pair in pairs}


def _any(value: Any) -> Any:
    """An AnyValue as plain JSON."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "array_value":
        return [_any(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return _pairs(value.kvlist_value.values)
    if kind == "bytes_value":
        return b64encode(value.bytes_value).decode()
    return getattr(value, kind) if kind else None
