"""An MCP server of the official SDK, over stdio or streamable HTTP."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import SamplingMessage, TextContent

server = MCPServer("weather station")


@server.tool(description=Path(sys.argv[2]).read_text() if len(sys.argv) > 2 else "Adds.")
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


if __name__ == "__main__":
    server.run(transport=sys.argv[1] if len(sys.argv) > 1 else "stdio")
