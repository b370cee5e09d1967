"""LangChain's adapters, as their README uses them: a session for each call of a tool."""

from common import ORDER, answer, oauth, run
from langchain_mcp_adapters.client import MultiServerMCPClient


async def main():
    client = MultiServerMCPClient({"desk": {"transport": "http", "url": ORDER["server"], "auth": oauth()}})
    tools = {tool.name: tool for tool in await client.get_tools()}

    async def do(call):
        if "get" in call:
            if call["get"] == "resources":
                [blob] = await client.get_resources("desk", uris=call["name"])
                return False, blob.as_string()
            return False, str(await client.get_prompt("desk", call["name"]))
        if "list" in call:
            if call["list"] == "resources":
                return False, " ".join(str(each.metadata["uri"]) for each in await client.get_resources())
            async with client.session("desk") as session:
                return False, " ".join(each.name for each in (await session.list_prompts()).prompts)
        # As an agent calls it: what comes back is the message that the model reads.
        order = {"type": "tool_call", "id": "1", "name": call["tool"], "args": call["arguments"]}
        message = await tools[call["tool"]].ainvoke(order)
        return message.status == "error", str(message.content)

    await answer(do)


run(main)
