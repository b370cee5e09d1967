"""fastmcp's client: https://gofastmcp.com/clients/auth/cimd; without a document as its quickstart has it."""

from common import ORDER, answer, looked_up, run
from fastmcp import Client
from fastmcp.client.auth import OAuth

AUTH = "oauth" if ORDER["document"] is None else OAuth(client_metadata_url=ORDER["document"])


async def main():
    async with Client(ORDER["server"], auth=AUTH) as client:

        async def do(call):
            if "tool" not in call:
                return False, await looked_up(client, call)
            result = await client.call_tool(call["tool"], call["arguments"])
            return result.is_error, " ".join(content.text for content in result.content)

        await answer(do)


run(main)
