"""The OpenAI Agents SDK: what its server returns, and what its tools give to the model."""

import json

import pytest
from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStreamableHttp
from agents.tool_context import ToolContext
from cases import REFUND, denied, tasks, through_an_approval
from narrowgate import TaskAuth

pytestmark = [
    pytest.mark.anyio,
    # The SDK's own use of the one before.
    pytest.mark.filterwarnings("ignore:Use `streamable_http_client` instead:DeprecationWarning"),
]


async def test_a_result_and_what_the_model_gets(stack):
    url = f"{stack.edge}/billing/mcp"
    async with (
        tasks(stack) as (task, _),
        MCPServerStreamableHttp(params={"url": url, "auth": TaskAuth(task, url)}) as server,
    ):
        agent = Agent(name="assistant", mcp_servers=[server])
        tools = {tool.name: tool for tool in await agent.get_mcp_tools(RunContextWrapper(None))}
        arguments = json.dumps(REFUND)

        async def by_the_model():
            context = ToolContext(None, tool_name="refund", tool_call_id="1", tool_arguments=arguments)
            return await tools["refund"].on_invoke_tool(context, arguments)

        await denied(lambda: server.call_tool("refund", REFUND), "approval_required")
        await denied(by_the_model, "approval_required")
        await through_an_approval(stack, task, by_the_model, "refunded")
