"""OTLP over HTTP: `POST /v1/traces` and `POST /v1/logs` (OTLP specification, OTLP/HTTP).

Answers are of the request's content type; errors are `google.rpc.Status` messages.
"""

from __future__ import annotations

import re

from google.protobuf.json_format import MessageToJson  # type: ignore[import-untyped]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from roguewatch.gateway.app import admitted, note_refusal
from roguewatch.gateway.bodies import RefusedError, read_body
from roguewatch.gateway.house import House
from roguewatch.gateway.otlp import RETRY_SECONDS, OverloadError, Receiver, UnavailableError
from roguewatch.gateway.otlp_answer import answer_of
from roguewatch.gateway.otlp_decoder import MAX_BODY, Signal
from roguewatch.printable import printable

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_STATUS = {400: 3, 401: 16, 408: 4, 413: 8, 415: 3, 429: 8, 503: 14}
"""Codes of google.rpc for statuses of HTTP."""


class Telemetry:
    """The two routes.

    Args:
        house: the open store.
        receiver: where requests go.
    """

    def __init__(self, house: House, receiver: Receiver) -> None:
        self._house = house
        self._receiver = receiver

    async def traces(self, request: Request) -> Response:
        """Take spans."""
        return await self._take(request, "traces")

    async def logs(self, request: Request) -> Response:
        """Take log records."""
        return await self._take(request, "logs")

    async def _take(self, request: Request, signal: Signal) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
        json = kind == JSON
        try:
            deployment = admitted(self._house, request, "otlp")
            if kind not in (JSON, PROTOBUF):
                raise RefusedError(415, f"expected content of type {PROTOBUF} or {JSON}")
            encoding = request.headers.get("content-encoding", "").strip().casefold()
            if not re.fullmatch(r"(gzip|deflate|identity)?", encoding):
                raise RefusedError(415, "expected gzip, deflate or no content encoding")
            body = await read_body(request.receive, MAX_BODY)
            told = await self._receiver.receive(
                deployment, signal, body, json=json, encoding=encoding
            )
            if told.error:
                raise RefusedError(413 if told.too_large else 400, told.error)
        except RefusedError as refusal:
            await note_refusal(self._house, request, f"otlp: {printable(str(refusal), 300)}")
            return _error(refusal.status, str(refusal), json)
        except OverloadError as error:
            return _error(429, str(error), json)
        except UnavailableError as error:
            return _error(503, str(error), json)
        body = answer_of(signal, told.rejected, told.message, json=json)
        return Response(body, 200, media_type=JSON if json else PROTOBUF)


def _error(status: int, message: str, json: bool) -> Response:
    body = Status(code=_STATUS.get(status, 2), message=printable(message, 500))
    headers = {"retry-after": str(RETRY_SECONDS)} if status in (429, 503) else {}
    if status == 401:
        headers["www-authenticate"] = "Bearer"
    if json:
        return Response(MessageToJson(body, indent=None), status, headers, JSON)
    return Response(body.SerializeToString(), status, headers, PROTOBUF)


def otlp_routes(house: House, receiver: Receiver) -> list[BaseRoute]:
    """The routes of the receiver."""
    telemetry = Telemetry(house, receiver)
    return [
        Route("/v1/traces", telemetry.traces, methods=["POST"]),
        Route("/v1/logs", telemetry.logs, methods=["POST"]),
    ]
