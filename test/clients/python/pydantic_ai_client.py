"""Pydantic AI: a server's tools as an agent gets and calls them, over fastmcp's OAuth."""

import json

from common import ORDER, answer, looked_up, run, visited
from fastmcp.client.auth import OAuth
from fastmcp.client.elicitation import ElicitResult
from pydantic_ai import RunContext, RunUsage
from pydantic_ai.exceptions import ModelRetry
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.models.test import TestModel


async def show(message, response_type, params, context):
    return ElicitResult(action="accept" if await visited(params.url) else "cancel")


async def main():
    auth = OAuth(client_metadata_url=ORDER["document"])
    async with MCPToolset(ORDER["server"], auth=auth, elicitation_handler=show) as toolset:
        context = RunContext(deps=None, model=TestModel(), usage=RunUsage())
        tools = await toolset.get_tools(context)

        async def do(call):
            if "tool" not in call:
                return False, await looked_up(toolset, call)
            try:
                output = await toolset.call_tool(call["tool"], call["arguments"], context, tools[call["tool"]])
                # JSON in the text of a result is parsed for the model.
                return False, output if isinstance(output, str) else json.dumps(output)
            # The words that the model reads.
            except ModelRetry as retry:
                return True, str(retry)

        await answer(do)


run(main)
