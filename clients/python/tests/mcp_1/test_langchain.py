"""LangChain's adapters: a tool's message, its error, and calls that wait by an interceptor."""

import asyncio

import pytest
from cases import REFUND, SEARCH, denied, tasks, through_an_approval
from langchain_mcp_adapters.client import MultiServerMCPClient
from narrowgate import TaskAuth, until_allowed

pytestmark = pytest.mark.anyio


async def tools_of(task, url, **options):
    server = {"transport": "http", "url": url, "auth": TaskAuth(task, url)}
    return {tool.name: tool for tool in await MultiServerMCPClient({"it": server}, **options).get_tools()}


def order(name, arguments):
    return {"type": "tool_call", "id": "1", "name": name, "args": arguments}


async def test_a_message_a_list_of_blocks_and_an_error(stack):
    async with tasks(stack) as (task, _):
        tool = (await tools_of(task, f"{stack.edge}/billing/mcp"))["refund"]
        await denied(lambda: tool.ainvoke(order("refund", REFUND)), "approval_required")
        await denied(lambda: tool.ainvoke(REFUND), "approval_required")
        tool.handle_tool_error = False
        await denied(lambda: tool.ainvoke(REFUND), "approval_required")
        await through_an_approval(stack, task, lambda: tool.ainvoke(REFUND), "refunded")


async def test_a_gateway_of_plain_http(stack):
    async with tasks(stack) as (_, task):
        search = (await tools_of(task, f"{stack.plain}/desk/mcp"))["search"]
        await through_an_approval(stack, task, lambda: search.ainvoke(SEARCH), "tickets")


async def test_an_interceptor_waits_for_every_tool(stack):
    async with tasks(stack) as (task, _):

        def show(_approval):
            asyncio.get_running_loop().create_task(stack.approve(task))

        async def patient(request, call):
            return await until_allowed(lambda: call(request), task=task, on_approval=show, max_wait=60)

        tools = await tools_of(task, f"{stack.edge}/billing/mcp", tool_interceptors=[patient])
        message = await tools["refund"].ainvoke(order("refund", {**REFUND, "amount": 24_901}))
        assert message.status == "success"
        assert "refunded" in str(message.content)
