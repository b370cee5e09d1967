"""An agent of the OpenAI Agents SDK that gives money back. Above 100.00 its tool waits until a person has approved."""

import asyncio
import os

from agents import Agent, Runner
from agents.mcp import MCPServerStreamableHttp
from mcp.types import CallToolResult, TextContent
from narrowgate import DeniedError, TaskAuth, from_file, open_task, until_allowed

MCP_URL, MODEL = os.environ["MCP_URL"], os.environ.get("MODEL", "gpt-5-mini")
NARROWGATE = {"issuer": os.environ["NARROWGATE"], "identity": from_file(os.environ["IDENTITY_FILE"])}


class Billing(MCPServerStreamableHttp):
    async def call_tool(self, tool_name, arguments, meta=None):
        call = super().call_tool
        try:
            return await until_allowed(lambda: call(tool_name, arguments, meta), task=self.task, on_approval=show)
        except DeniedError as denied:
            return CallToolResult(content=[TextContent(type="text", text=str(denied))], isError=True)


def show(approval):
    print("Please approve:", approval.url, flush=True)


async def main():
    async with open_task(**NARROWGATE, session=os.environ["SESSION"], purpose="refund-order", dpop=True) as task:
        async with Billing(params={"url": MCP_URL, "auth": TaskAuth(task, MCP_URL)}) as billing:
            billing.task = task
            agent = Agent(name="refunds", model=MODEL, mcp_servers=[billing])
            print((await Runner.run(agent, "Give back 249.00 for the order 1001.")).final_output)


asyncio.run(main())
