"""fastmcp's client: https://gofastmcp.com/clients/auth/cimd; without a document as its quickstart has it."""

from common import ORDER, answer, run
from fastmcp import Client
from fastmcp.client.auth import OAuth

AUTH = "oauth" if ORDER["document"] is None else OAuth(client_metadata_url=ORDER["document"])


async def main():
    async with Client(ORDER["server"], auth=AUTH) as client:

        async def do(call):
            if "get" in call:
                if call["get"] == "resources":
                    return False, str(await client.read_resource(call["name"]))
                return False, str(await client.get_prompt(call["name"]))
            if "list" in call:
                if call["list"] == "resources":
                    return False, " ".join(str(each.uri) for each in await client.list_resources())
                return False, " ".join(each.name for each in await client.list_prompts())
            result = await client.call_tool(call["tool"], call["arguments"])
            return result.is_error, " ".join(content.text for content in result.content)

        await answer(do)


run(main)
