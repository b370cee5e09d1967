"""A program with types, as `mypy --strict` reads it beside httpx2 and the SDK of MCP."""

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from narrowgate import TaskAuth, from_file, open_task, until_allowed


async def main(url: str) -> CallToolResult:
    async with (
        open_task(issuer="https://authz.example", identity=from_file("/run/svid")) as task,
        httpx2.AsyncClient(auth=TaskAuth(task, url)) as http,
        Client(streamable_http_client(url, http_client=http)) as client,
    ):

        async def call() -> CallToolResult:
            return await client.call_tool("search", {"query": "printer"})

        return await until_allowed(call, task=task)
