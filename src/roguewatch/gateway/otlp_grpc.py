"""OTLP over gRPC: TraceService/Export and LogsService/Export, on a loopback port.

gRPC itself undoes gzip and bounds what a message may weigh; messages stay bytes until the
decoder has them. Overload is RESOURCE_EXHAUSTED with RetryInfo, the only form of it that
exporters retry (OTLP specification, "OTLP/gRPC Throttling").
"""

from __future__ import annotations

import contextlib
from typing import Any

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as Packed  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from roguewatch.errors import ControlError
from roguewatch.gateway.house import House
from roguewatch.gateway.otlp import RETRY_SECONDS, OverloadError, Receiver, UnavailableError
from roguewatch.gateway.otlp_answer import answer_of
from roguewatch.gateway.otlp_decoder import MAX_BODY, Signal
from roguewatch.printable import printable

SERVICES: dict[str, Signal] = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
}
MAX_STREAMS = 64
"""Calls at once on one connection."""


class GrpcTelemetry:
    """The two services on a port.

    Args:
        house: the open store.
        receiver: where requests go.
    """

    def __init__(self, house: House, receiver: Receiver) -> None:
        self._house = house
        self._receiver = receiver
        self._server: Any = None

    async def start(self, address: str) -> str:
        """Listen on a loopback address; returns it with the port taken.

        Raises:
            ControlError: it is no loopback address, or is taken.
        """
        host, _, port = address.rpartition(":")
        if host not in ("127.0.0.1", "[::1]", "localhost") or not port.isdigit():
            raise ControlError(f"--otlp-grpc {address}: expected 127.0.0.1:PORT or [::1]:PORT")
        self._server = grpc.aio.server(
            options=[
                ("grpc.max_receive_message_length", MAX_BODY),
                ("grpc.max_concurrent_streams", MAX_STREAMS),
                ("grpc.so_reuseport", 0),
            ]
        )
        for service, signal in SERVICES.items():
            self._server.add_generic_rpc_handlers(
                (
                    grpc.method_handlers_generic_handler(
                        service,
                        {"Export": grpc.unary_unary_rpc_method_handler(self._export(signal))},
                    ),
                )
            )
        try:
            taken = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise ControlError(f"--otlp-grpc {address}: cannot listen there") from error
        await self._server.start()
        return f"{host}:{taken}"

    async def close(self) -> None:
        """End after what is under way, or in two seconds."""
        if self._server is not None:
            await self._server.stop(2.0)

    def _export(self, signal: Signal) -> Any:
        async def export(body: bytes, context: Any) -> bytes:
            given = dict(context.invocation_metadata() or ()).get("authorization", "")
            scheme, _, token = str(given).partition(" ")
            token = token.strip() if scheme.casefold() == "bearer" else ""
            deployment = self._house.live_register.holder(token, "otlp") if token else None
            if deployment is None:
                reason = "no token" if not token else "a token that opens nothing"
                await self._refused(signal, reason, context)
                await context.abort(grpc.StatusCode.UNAUTHENTICATED, reason)
                raise AssertionError("abort raises")
            try:
                told = await self._receiver.receive(deployment, signal, body, json=False)
            except OverloadError as error:
                await _exhausted(context, str(error))
            except UnavailableError as error:
                await context.abort(grpc.StatusCode.UNAVAILABLE, printable(str(error), 300))
            if told.error:
                await self._refused(signal, told.error, context)
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, printable(told.error, 300))
            return answer_of(signal, told.rejected, told.message)

        return export

    async def _refused(self, signal: Signal, reason: str, context: Any) -> None:
        """Record a refused call. A record that fails changes nothing: it is refused anyway."""
        said = f"otlp: {printable(reason, 300)}"
        if events := self._house.refusals.note(f"grpc/{signal}", said, str(context.peer())):
            with contextlib.suppress(Exception):
                await self._house.record(events)


async def _exhausted(context: Any, message: str) -> None:
    detail = Packed()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=RETRY_SECONDS)))
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    status = Status(code=code.value[0], message=message, details=[detail])
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    await context.abort(code, message)
