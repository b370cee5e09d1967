"""Python's official client, in both generations, as its documentation uses it."""

from contextlib import asynccontextmanager

from common import IS_V1, ORDER, answer, httpx, looked_up, oauth, run, visited
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

if not IS_V1:
    from mcp.client import Client
    from mcp.types import ElicitResult

    async def show(context, params):
        return ElicitResult(action="accept" if await visited(params.url) else "cancel")


@asynccontextmanager
async def connected():
    async with httpx.AsyncClient(auth=oauth(), timeout=30) as http:
        transport = streamable_http_client(ORDER["server"], http_client=http)
        if IS_V1:
            async with transport as (read, write, _), ClientSession(read, write) as session:
                await session.initialize()
                yield session
        else:
            async with Client(transport, elicitation_callback=show) as client:
                yield client


async def main():
    async with connected() as client:

        async def do(call):
            if "tool" not in call:
                return False, await looked_up(client, call)
            result = await client.call_tool(call["tool"], call["arguments"])
            failed = result.isError if IS_V1 else result.is_error
            return failed, " ".join(content.text for content in result.content), result.meta

        await answer(do)


run(main)
