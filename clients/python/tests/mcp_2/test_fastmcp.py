"""fastmcp: its error, its result, and the result of MCP."""

import pytest
from cases import REFUND, SEARCH, denied, tasks, through_an_approval
from fastmcp import Client
from narrowgate import TaskAuth

pytestmark = pytest.mark.anyio


async def test_an_error_and_results(stack):
    url = f"{stack.edge}/billing/mcp"
    async with tasks(stack) as (task, _), Client(url, auth=TaskAuth(task, url)) as client:
        await denied(lambda: client.call_tool("refund", REFUND), "approval_required")
        await denied(lambda: client.call_tool("refund", REFUND, raise_on_error=False), "approval_required")
        await denied(lambda: client.call_tool_mcp("refund", REFUND), "approval_required")
        await through_an_approval(stack, task, lambda: client.call_tool("refund", REFUND), "refunded")


async def test_a_gateway_of_plain_http(stack):
    url = f"{stack.plain}/desk/mcp"
    async with tasks(stack) as (_, task), Client(url, auth=TaskAuth(task, url)) as client:
        await through_an_approval(stack, task, lambda: client.call_tool("search", SEARCH), "tickets")
