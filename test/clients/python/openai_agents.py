"""OpenAI's Agents SDK: a tool of the server as an agent gets and calls it."""

import json

from agents import Agent, RunContextWrapper
from agents.mcp import MCPServerStreamableHttp
from agents.tool_context import ToolContext
from common import ORDER, answer, oauth, run


async def main():
    async with MCPServerStreamableHttp(name="desk", params={"url": ORDER["server"], "auth": oauth()}) as server:
        agent = Agent(name="assistant", mcp_servers=[server])
        tools = {tool.name: tool for tool in await agent.get_mcp_tools(RunContextWrapper(None))}

        async def do(call):
            if "get" in call:
                if call["get"] == "resources":
                    return False, str(await server.read_resource(call["name"]))
                return False, str(await server.get_prompt(call["name"]))
            if "list" in call:
                if call["list"] == "resources":
                    return False, " ".join(str(each.uri) for each in (await server.list_resources()).resources)
                return False, " ".join(each.name for each in (await server.list_prompts()).prompts)
            arguments = json.dumps(call["arguments"])
            context = ToolContext(None, tool_name=call["tool"], tool_call_id="1", tool_arguments=arguments)
            output = await tools[call["tool"]].on_invoke_tool(context, arguments)
            # Text of a result comes as the item that the model gets.
            return False, output["text"] if isinstance(output, dict) else str(output)

        await answer(do)


run(main)
