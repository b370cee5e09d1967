"""fastmcp's client: https://gofastmcp.com/clients/auth/cimd; without a document as its quickstart has it."""

from common import ORDER, answer, looked_up, run, visited
from fastmcp import Client
from fastmcp.client.auth import OAuth
from fastmcp.client.elicitation import ElicitResult

AUTH = "oauth" if ORDER["document"] is None else OAuth(client_metadata_url=ORDER["document"])


async def show(message, response_type, params, context):
    return ElicitResult(action="accept" if await visited(params.url) else "cancel")


async def main():
    async with Client(ORDER["server"], auth=AUTH, elicitation_handler=show) as client:

        async def do(call):
            if "tool" not in call:
                return False, await looked_up(client, call)
            result = await client.call_tool(call["tool"], call["arguments"])
            return result.is_error, " ".join(content.text for content in result.content)

        await answer(do)


run(main)
