"""LlamaIndex: a server's tools as an agent gets and calls them, with a session for each call."""

from common import ORDER, answer, looked_up, oauth, run
from llama_index.tools.mcp import BasicMCPClient, McpToolSpec


async def main():
    client = BasicMCPClient(ORDER["server"], auth=oauth())
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client).to_tool_list_async()}

    async def do(call):
        if "tool" not in call:
            return False, await looked_up(client, call)
        output = await tools[call["tool"]].acall(**call["arguments"])
        return output.is_error, output.content

    await answer(do)


run(main)
