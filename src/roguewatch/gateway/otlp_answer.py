"""What an export request is answered with."""

from __future__ import annotations

from google.protobuf.json_format import MessageToJson  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from roguewatch.gateway.otlp_decoder import Signal
from roguewatch.printable import printable


def answer_of(signal: Signal, rejected: int, message: str, *, json: bool = False) -> bytes:
    """The body of a success, with what was rejected (partial success).

    Args:
        signal: what was exported.
        rejected: spans or log records left out.
        message: why.
        json: as OTLP/JSON.
    """
    if not rejected and not message:
        return b"{}" if json else b""  # an empty message
    said = printable(message, 500)
    if signal == "traces":
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = rejected
    else:
        answer = ExportLogsServiceResponse()
        answer.partial_success.rejected_log_records = rejected
    answer.partial_success.error_message = said
    if json:
        return str(MessageToJson(answer, indent=None)).encode()
    return bytes(answer.SerializeToString())
