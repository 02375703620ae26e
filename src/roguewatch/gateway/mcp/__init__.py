"""The MCP relay: stdio in a process of its own, streamable HTTP in the daemon."""
