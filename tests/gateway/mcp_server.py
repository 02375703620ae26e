"""An MCP server of the official SDK, over stdio or streamable HTTP."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Annotated

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, Resolve
from mcp_types import SamplingMessage, TextContent
from pydantic import BaseModel, Field

server = MCPServer("weather station")


_TOLD = Path(sys.argv[2]) if len(sys.argv) > 2 else Path("json")


@server.tool(description=_TOLD.read_text() if _TOLD.is_file() else "Adds.")
def add(a: int, b: int) -> int:
    return a + b


@server.tool()
def echo(text: str) -> str:
    return text


@server.tool()
def write_marker(path: str) -> str:
    Path(path).write_text("done")
    return "written"


@server.tool()
async def consult(question: str, context: Context) -> str:
    """Asks the client's model."""
    answer = await context.session.create_message(
        messages=[SamplingMessage(role="user", content=TextContent(type="text", text=question))],
        max_tokens=10,
    )
    return getattr(answer.content, "text", "")


class Trip(BaseModel):
    city: str


def which_city() -> Elicit[Trip]:
    return Elicit("Which city?", Trip)


@server.tool()
def book(seats: int, trip: Annotated[Trip, Resolve(which_city)]) -> str:
    """Asks the user, in the revision's own way."""
    return f"{seats} seats to {trip.city}"


@server.tool()
def forecast(
    region: Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})],
    days: Annotated[int, Field(json_schema_extra={"x-mcp-header": "Days"})] = 1,
) -> str:
    """Its arguments stand in headers too."""
    return f"{region}: rain for {days} days"


def serve_http() -> None:
    """Serve on a free port, which is the first line printed."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    print(port, flush=True)
    app = server.streamable_http_app(json_response="json" in sys.argv)
    uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


if __name__ == "__main__":
    if "http" in sys.argv[1:2]:
        serve_http()
    else:
        server.run(transport="stdio")
