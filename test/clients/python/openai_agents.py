"""OpenAI's Agents SDK: a tool of the server as an agent gets and calls it."""

import json

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStreamableHttp
from agents.tool_context import ToolContext
from common import ORDER, answer, looked_up, oauth, run


async def main():
    async with MCPServerStreamableHttp(name="desk", params={"url": ORDER["server"], "auth": oauth()}) as server:
        agent = Agent(name="assistant", mcp_servers=[server])
        tools = {tool.name: tool for tool in await agent.get_mcp_tools(RunContextWrapper(None))}

        async def do(call):
            if "tool" not in call:
                return False, await looked_up(server, call)
            arguments = json.dumps(call["arguments"])
            context = ToolContext(None, tool_name=call["tool"], tool_call_id="1", tool_arguments=arguments)
            output = await tools[call["tool"]].on_invoke_tool(context, arguments)
            # Text of a result comes as the item that the model gets.
            return False, output["text"] if isinstance(output, dict) else str(output)

        await answer(do)


run(main)
