"""Export requests to events, in a process of its own.

Decoding telemetry is work for the processor that hook decisions must not wait for, and
parses bytes from an agent with a C extension: so a child process does it, started at the
first request. It reads `Request` frames from standard input and writes `Told` frames to
standard output (a 32-bit big-endian length, then msgpack), in order, and ends when its
input does. What its `Traces` has told is forgotten now and then to bound its memory; an
event told again has the same id, and the ledger drops it.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Literal

import msgspec

from roguewatch.errors import SourceError
from roguewatch.events import Event, Origin, event_id
from roguewatch.sources.otel_events import Traces
from roguewatch.sources.otel_protobuf import records_of_message
from roguewatch.sources.otel_wire import LogRecord, Span, records_of_json
from roguewatch.sources.repair import decode_any

MAX_BODY = 16 << 20
"""A request may be this large when decompressed."""

MAX_NAMED = 512
"""So many span ids of other telemetry are named in the record; the request has all."""

FORGET_AFTER = 500_000
"""Events told before a fresh `Traces`."""

READ_BYTES = 1 << 20
FLUSH_BYTES = 64 << 10
"""Told before it is handed on, though more requests have come in."""

Signal = Literal["traces", "logs"]


class Request(msgspec.Struct, array_like=True):
    """One export request as it came in."""

    number: int
    deployment: str
    signal: Signal
    json: bool
    encoding: str
    """Content encoding: empty, `gzip` or `deflate`."""
    body: bytes
    time: int
    """When it came in, ns UTC."""


class Told(msgspec.Struct, array_like=True):
    """What a request said."""

    number: int
    events: list[Event] = []
    rejected: int = 0
    """Spans or log records that were left out."""
    message: str = ""
    """Why they were."""
    error: str = ""
    """Why nothing of the request can be used."""
    too_large: bool = False


class TooLargeError(SourceError):
    """The body is larger than `MAX_BODY` once decompressed."""


def decompressed(body: bytes, encoding: str) -> bytes:
    """The body without its content encoding, never more than `MAX_BODY` bytes of it.

    Raises:
        SourceError: it cannot be decompressed, or is too large.
    """
    if encoding in ("", "identity"):
        if len(body) > MAX_BODY:
            raise TooLargeError(f"the body is larger than {MAX_BODY} bytes")
        return body
    if encoding not in ("gzip", "deflate"):
        raise SourceError("the content encoding is neither gzip nor deflate")
    pieces, size = [], 0
    try:
        while body:
            inflater = zlib.decompressobj(zlib.MAX_WBITS | 32)
            piece = inflater.decompress(body, MAX_BODY + 1 - size)
            size += len(piece)
            if size > MAX_BODY or inflater.unconsumed_tail:
                raise TooLargeError(f"the body is larger than {MAX_BODY} bytes decompressed")
            if not inflater.eof:
                raise SourceError("the compressed body is cut off")
            pieces.append(piece)
            body = inflater.unused_data  # RFC 1952, 2.2: members may follow one another
    except zlib.error as error:
        raise SourceError(f"the body cannot be decompressed: {error}") from error
    return b"".join(pieces)


def records_of(signal: Signal, json: bool, body: bytes) -> list[Span | LogRecord]:
    """The spans or log records of an export request.

    Raises:
        SourceError: it is no export request of that signal.
    """
    try:
        if not json:
            return list(records_of_message(_message(signal, body)))
        value = decode_any(body)
    except (ValueError, RecursionError) as error:  # msgspec's and protobuf's errors included
        raise SourceError(f"no OTLP export request: {error}") from error
    keys = ("resourceSpans", "resource_spans") if signal == "traces" else (
        "resourceLogs", "resource_logs")  # fmt: skip
    if not isinstance(value, dict):
        raise SourceError("no OTLP export request: expected an object")
    unknown = value.keys() - set(keys)
    if unknown and not value.keys() & set(keys):
        raise SourceError(f"no OTLP export request: expected {keys[0]}")
    for key in keys:
        if not isinstance(value.get(key, []), list):
            raise SourceError(f"no OTLP export request: {key} is no list")
    return list(records_of_json({key: value[key] for key in keys if key in value}))


def _message(signal: Signal, body: bytes) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    kind = ExportTraceServiceRequest if signal == "traces" else ExportLogsServiceRequest
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise ValueError(str(error)) from error


def _valid(record: Span | LogRecord) -> bool:
    """Whether a span has the ids that it must have (W3C Trace Context, not all zero)."""
    if isinstance(record, LogRecord):
        return True
    return _hexadecimal(record.trace_id, 32) and _hexadecimal(record.span_id, 16)


def _hexadecimal(text: str, digits: int) -> bool:
    return len(text) == digits and not text.strip("0123456789abcdef")


class Decoder:
    """Turns requests into events; one for all requests of a daemon."""

    def __init__(self) -> None:
        self._traces = Traces()

    def tell(self, request: Request) -> Told:
        """The events of a request; never raises for what an agent may send."""
        try:
            body = decompressed(request.body, request.encoding)
            records = records_of(request.signal, request.json, body)
        except TooLargeError as error:
            return Told(request.number, error=str(error), too_large=True)
        except SourceError as error:
            return Told(request.number, error=str(error))
        valid = [record for record in records if _valid(record)]
        rejected = len(records) - len(valid)
        if self._traces.counts.events > FORGET_AFTER:
            self._traces = Traces()
        events: list[Event] = []
        if records:
            digest = sha256(body).hexdigest()
            origin = Origin(f"otlp/{digest[:32]}", 0)
            try:
                events = self._told(valid, origin)
            except Exception as error:  # a record that our reader fails on: said, not lost
                rejected += len(valid)
                events = []
                message = f"{type(error).__name__} while reading"
                return Told(
                    request.number,
                    [_export(request, body, digest, origin, events, records)],
                    rejected,
                    message,
                )
            events = [_export(request, body, digest, origin, events, valid), *events]
        message = "spans need a trace id of 16 and a span id of 8 bytes" if rejected else ""
        return Told(request.number, events, rejected, message)

    def _told(self, records: list[Span | LogRecord], origin: Origin) -> list[Event]:
        try:
            return list(self._traces.events(records, origin))
        except BaseException:
            self._traces = Traces()  # half told: tell it all again
            raise


def _export(
    request: Request,
    body: bytes,
    digest: str,
    origin: Origin,
    events: list[Event],
    records: list[Span | LogRecord],
) -> Event:
    """The request itself as an event: whose it is, its exact bytes, what is no agent's."""
    sessions = dict.fromkeys(event.session for event in events)
    session = next(iter(sessions), "") or next(
        (record.trace_id for record in records if record.trace_id), "otlp"
    )
    detail: dict[str, Any] = {
        "event": "otlp_request",
        "deployment": request.deployment,
        "signal": request.signal,
        "records": len(records),
    }
    if len(sessions) > 1:
        detail["sessions"] = list(sessions)[:MAX_NAMED]
    if not events:
        detail["spans"] = [f"{record.trace_id}:{record.span_id}" for record in records[:MAX_NAMED]]
    return Event(
        # The same bytes sent again, as exporters do where no answer came, are one request.
        id=event_id("otlp", request.deployment, request.signal, digest),
        session=session,
        seq=events[0].seq if events else 0,
        kind="other",
        surface="otel",
        sighting="otel",
        time=request.time,
        detail=msgspec.json.encode(detail).decode(),
        raw=body,
        origin=origin,
    )


def framed(data: bytes) -> bytes:
    """A frame: the bytes after their number."""
    return len(data).to_bytes(4, "big") + data


def frames(buffer: bytearray) -> Iterator[bytearray]:
    """What the whole frames at the beginning of a buffer hold; they are taken out of it."""
    start = 0
    while (place := start + 4) <= len(buffer):
        end = place + int.from_bytes(buffer[start:place], "big")
        if end > len(buffer):
            break
        yield buffer[place:end]
        start = end
    del buffer[:start]


def main() -> None:
    """Serve frames from standard input until it ends."""
    os.nice(5)  # hook decisions first
    decoder = Decoder()
    requests = msgspec.msgpack.Decoder(Request)
    encoder = msgspec.msgpack.Encoder()
    sink, buffer = sys.stdout.buffer, bytearray()
    while chunk := os.read(0, READ_BYTES):
        buffer += chunk
        size = 0
        for frame in frames(buffer):
            told = framed(encoder.encode(decoder.tell(requests.decode(frame))))
            sink.write(told)
            size += len(told)
            if size >= FLUSH_BYTES:
                sink.flush()
                size = 0
        sink.flush()  # few requests are answered together: each wakes the daemon


if __name__ == "__main__":
    main()
