"""Gives money back for an order by a tool of MCP. Above 100.00 a person has to approve first."""

import asyncio
import os

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from narrowgate import DeniedError, TaskAuth, from_file, open_task, until_allowed

MCP_URL = os.environ["MCP_URL"]
NARROWGATE = {"issuer": os.environ["NARROWGATE"], "identity": from_file(os.environ["IDENTITY_FILE"])}


async def main():
    async with open_task(**NARROWGATE, session=os.environ["SESSION"], purpose="refund-order", dpop=True) as task:
        http = httpx2.AsyncClient(auth=TaskAuth(task, MCP_URL))
        async with http, Client(streamable_http_client(MCP_URL, http_client=http)) as client:
            try:
                print(await until_allowed(lambda: refund(client), task=task, on_approval=show))
            except DeniedError as denied:
                print(denied)


async def refund(client):
    return await client.call_tool("refund", {"order": "1001", "amount": 24900})


def show(approval):
    print("Please approve:", approval.url, flush=True)


asyncio.run(main())
