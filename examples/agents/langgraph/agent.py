"""An agent of LangGraph that gives money back. Above 100.00 its tool waits until a person has approved."""

import asyncio
import os

from langchain.agents import create_agent
from langchain_mcp_adapters.client import MultiServerMCPClient
from mcp.types import CallToolResult, TextContent
from narrowgate import DeniedError, TaskAuth, from_file, open_task, until_allowed

MCP_URL, MODEL = os.environ["MCP_URL"], os.environ.get("MODEL", "gpt-5-mini")
NARROWGATE = {"issuer": os.environ["NARROWGATE"], "identity": from_file(os.environ["IDENTITY_FILE"])}


async def main():
    async with open_task(**NARROWGATE, session=os.environ["SESSION"], purpose="refund-order", dpop=True) as task:

        async def patient(request, call):
            try:
                return await until_allowed(lambda: call(request), task=task, on_approval=show)
            except DeniedError as denied:
                return CallToolResult(content=[TextContent(type="text", text=str(denied))], isError=True)

        billing = {"transport": "http", "url": MCP_URL, "auth": TaskAuth(task, MCP_URL)}
        client = MultiServerMCPClient({"billing": billing}, tool_interceptors=[patient])
        agent = create_agent(f"openai:{MODEL}", await client.get_tools())
        answer = await agent.ainvoke({"messages": "Give back 249.00 for the order 1001."})
        print(answer["messages"][-1].text)


def show(approval):
    print("Please approve:", approval.url, flush=True)


asyncio.run(main())
