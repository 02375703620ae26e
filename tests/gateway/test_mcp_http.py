"""The streamable HTTP relay between the official SDK's clients and servers."""

from __future__ import annotations

import asyncio
import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp_types import CreateMessageResult, ElicitResult, TextContent

from tests.gateway.relaying import Daemon, daemon, enrolled, recorded


@pytest.fixture(scope="module", params=["sse", "json"])
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an MCP server, which answers as event streams or as JSON."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.gateway.mcp_server", "http", request.param],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
    process.terminate()
    process.wait(10)
    process.stdout.close()


class Relayed:
    def __init__(self, running: Daemon, token: str) -> None:
        self.store, self.token = running.store, token
        self.url = f"{running.url}/mcp/weather"

    def use(self, mode: str, work: Any, **options: Any) -> Any:
        """Do `work` with a client of the SDK in a mode."""

        async def run() -> Any:
            headers = {"Authorization": f"Bearer {self.token}"}
            async with httpx2.AsyncClient(headers=headers, timeout=20) as http:
                transport = streamable_http_client(self.url, http_client=http)
                async with Client(transport, mode=mode, **options) as client:
                    return await work(client)

        return asyncio.run(run())

    def post(self, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.post(
            self.url,
            content=content,
            headers={
                "authorization": f"Bearer {self.token}",
                "content-type": "application/json",
                "accept": "application/json, text/event-stream",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )


@pytest.fixture
def relay(tmp_path: Path, server: str) -> Iterator[Relayed]:
    token = enrolled(tmp_path)
    with daemon(tmp_path, "--mcp", f"weather={server}") as running:
        yield Relayed(running, token)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28", "auto"])
def test_the_sdks_client_and_server_work_through_it(relay: Relayed, mode: str) -> None:
    async def work(client: Client) -> None:
        assert [tool.name for tool in (await client.list_tools()).tools][:2] == ["add", "echo"]
        result = await client.call_tool("add", {"a": 1, "b": 2})
        assert result.content == [TextContent(type="text", text="3")]
        assert (await client.call_tool("echo", {"text": "é"})).content[0].text == "é"

    relay.use(mode, work)
    calls = recorded(relay.store, "tool_call")
    results = recorded(relay.store, "tool_result")
    assert [call.tool for call in calls] == ["mcp__weather__add", "mcp__weather__echo"]
    assert [result.call_id for result in results] == [call.call_id for call in calls]
    assert [result.text for result in results] == ["3", "é"]


def test_what_a_server_asks_of_the_client_is_recorded(relay: Relayed, server: str) -> None:
    async def sampling(context: Any, params: Any) -> CreateMessageResult:
        return CreateMessageResult(
            role="assistant", content=TextContent(type="text", text="42"), model="m"
        )

    async def work(client: Client) -> Any:
        return await asyncio.wait_for(client.call_tool("consult", {"question": "What is it?"}), 10)

    try:
        result = relay.use("legacy", work, sampling_callback=sampling)
    except (TimeoutError, MCPError):
        pytest.skip("a server that answers with JSON cannot ask within an answer")
    if result.is_error:
        pytest.skip("a server that answers with JSON cannot ask within an answer")
    assert result.content[0].text == "42"
    asked = [event for event in recorded(relay.store, "other")
             if event.parsed_detail().get("method") == "sampling/createMessage"]  # fmt: skip
    assert "What is it?" in asked[0].text
    assert asked[1].parsed_detail()["answers"] == "server"


def test_a_call_that_needs_input_is_followed_through_its_rounds(relay: Relayed) -> None:
    async def asked(context: Any, params: Any) -> ElicitResult:
        return ElicitResult(action="accept", content={"city": "Paris"})

    async def work(client: Client) -> Any:
        return await client.call_tool("book", {"seats": 2})

    result = relay.use("2026-07-28", work, elicitation_callback=asked)
    assert result.content[0].text == "2 seats to Paris"
    first, second = recorded(relay.store, "tool_call")
    assert second.parent == first.call_id != second.call_id
    assert second.parsed_detail()["continues"] == first.call_id
    assert [json.loads(one.arguments) for one in (first, second)] == [{"seats": 2}] * 2
    waiting, done = recorded(relay.store, "tool_result")
    assert (waiting.call_id, done.call_id) == (first.call_id, second.call_id)
    assert waiting.parsed_detail()["result_type"] == "input_required"
    assert done.text == "2 seats to Paris"
    told = {"input_request": "", "input_response": ""}
    for event in recorded(relay.store, "other"):
        for key in told.keys() & event.parsed_detail().keys():
            told[key] = event.text
            assert event.call_id == first.call_id
    assert "Which city?" in told["input_request"]
    assert "Paris" in told["input_response"]


CALL = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {
        "name": "echo",
        "arguments": {"text": "x"},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}
AGREED = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call", "mcp_name": "echo"}


def test_headers_that_agree_with_the_body_pass(relay: Relayed) -> None:
    assert relay.post(CALL, **AGREED).status_code == 200
    encoded = f"=?base64?{base64.b64encode(b'echo').decode()}?="
    assert relay.post(CALL, **{**AGREED, "mcp_name": encoded}).status_code == 200
    assert len(recorded(relay.store, "tool_call")) == 2


@pytest.mark.parametrize(
    "headers",
    [
        {**AGREED, "mcp_name": "add"},
        {**AGREED, "mcp_method": "tools/list"},
        {**AGREED, "mcp_protocol_version": "2025-11-25"},
        {**AGREED, "mcp_protocol_version": "2027-01-01"},
        {"mcp_protocol_version": "2026-07-28"},
        {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/call"},
        {**AGREED, "mcp_name": "=?base64?ZWNobw?="},
        {**AGREED, "mcp_session_id": "x"},
        {},
    ],
)
def test_headers_that_differ_from_the_body_are_refused(
    relay: Relayed, headers: dict[str, str]
) -> None:
    answer = relay.post(CALL, **headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in (-32020, -32022, -32600)
    assert not recorded(relay.store, "tool_call")
    assert [event for event in recorded(relay.store, "gap") if event.sighting == "mcp-relay"]


def test_without_a_token_or_from_a_web_page_nothing_passes(relay: Relayed) -> None:
    assert relay.post(CALL, **AGREED, origin="https://evil.example").status_code == 403
    relay.token = "wrong"
    assert relay.post(CALL, **AGREED).status_code == 401
    assert not recorded(relay.store, "tool_call")


def test_a_denial_is_a_json_rpc_error(tmp_path: Path, server: str) -> None:
    policy = tmp_path / "policy.cedar"
    policy.write_text(
        "permit (principal, action, resource);\n"
        'forbid (principal, action, resource == Tool::"mcp__weather__add");\n'
    )
    token = enrolled(tmp_path, policy=str(policy))
    with daemon(tmp_path, "--mcp", f"weather={server}") as running:

        async def work(client: Client) -> None:
            with pytest.raises(MCPError, match="not permitted"):
                await client.call_tool("add", {"a": 1, "b": 2})
            assert (await client.call_tool("echo", {"text": "x"})).content[0].text == "x"

        for mode in ("legacy", "2026-07-28"):
            Relayed(running, token).use(mode, work)
    assert not any(one.tool == "mcp__weather__add" for one in recorded(tmp_path, "tool_result"))


def test_ambiguous_bodies_are_refused(relay: Relayed) -> None:
    body = json.dumps(CALL).encode().replace(b'"name": "echo"', b'"name": "add", "name": "echo"')
    assert relay.post(body, **AGREED).status_code == 400
    assert not recorded(relay.store, "tool_call")


def forecast(**arguments: Any) -> dict[str, Any]:
    params = {**CALL["params"], "name": "forecast", "arguments": arguments}  # type: ignore[dict-item]
    return {**CALL, "params": params}


FORECAST = {**AGREED, "mcp_name": "forecast"}


def test_the_sdks_headers_for_arguments_pass(relay: Relayed) -> None:
    async def work(client: Any) -> None:
        await client.list_tools()
        for region in ("north", " édge\n", "=?base64?x?="):
            result = await client.call_tool("forecast", {"region": region, "days": 3})
            assert result.content[0].text == f"{region}: rain for 3 days"

    relay.use("2026-07-28", work)
    assert len(recorded(relay.store, "tool_result")) == 3


AGREEING: list[dict[str, str]] = [
    {"region": "north", "days": "3"},
    {"region": f"=?base64?{base64.b64encode(b'north').decode()}?=", "days": "3.0"},
]
DIFFERING: list[dict[str, str]] = [
    {"region": "south", "days": "3"},
    {"region": "north", "days": "30"},
    {"region": "north"},
    {"region": "=?base64?bm9ydG?=", "days": "3"},
    {"region": "north", "days": "3", "else": "south"},
    {},
]


def test_headers_for_arguments_must_agree_with_them(relay: Relayed) -> None:
    async def work(client: Client) -> None:
        await client.list_tools()

    relay.use("2026-07-28", work)
    for headers in AGREEING + DIFFERING:
        named = {f"mcp_param_{name}": value for name, value in headers.items()}
        answer = relay.post(forecast(region="north", days=3), **FORECAST, **named)
        if headers in DIFFERING:
            assert answer.status_code == 400, headers
            assert answer.json()["error"]["code"] == -32020
        else:
            assert answer.status_code == 200, headers
    assert len(recorded(relay.store, "tool_call")) == len(AGREEING)
    gaps = [one.text for one in recorded(relay.store, "gap") if one.sighting == "mcp-relay"]
    assert sum("mcp-param-" in text for text in gaps) == len(DIFFERING)


def test_of_a_tool_that_was_never_listed_a_header_must_repeat_the_body(relay: Relayed) -> None:
    call = forecast(region="north", days=3)
    assert relay.post(call, **FORECAST, mcp_param_region="south").status_code == 400
    assert not recorded(relay.store, "tool_call")
    both = {"mcp_param_region": "north", "mcp_param_days": "3"}
    assert relay.post(call, **FORECAST, **both).status_code == 200
    listing = {**CALL, "method": "tools/list", "params": {"_meta": CALL["params"]["_meta"]}}  # type: ignore[index]
    route = {"mcp_protocol_version": "2026-07-28", "mcp_method": "tools/list"}
    assert relay.post(listing, **route, mcp_param_region="north").status_code == 400
