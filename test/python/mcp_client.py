"""Calls tools of an MCP server with Python's official client, as it is published and in its default configuration.

The first argument is JSON: `server` is the URL of the MCP server, `document` the client's metadata document, `browser`
a URL that stands for the person's browser, and `calls` the tools to call in turn, each with its arguments. The client
obtains its own tokens (`OAuthClientProvider`) and keeps them in memory. The program prints one line of JSON for each
call: its result or its error, and each response that the client received meanwhile.
"""

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from importlib.metadata import version
from urllib.parse import parse_qsl, urlsplit

from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

REDIRECT = "http://127.0.0.1:53211/callback"
IS_V1 = version("mcp").startswith("1.")

if IS_V1:
    import httpx
    from mcp import McpError
else:
    import httpx2 as httpx
    from mcp import MCPError as McpError
    from mcp.client import Client
    from mcp.shared.auth import AuthorizationCodeResult


class Memory:
    """A `TokenStorage` that is gone when the process ends."""

    def __init__(self):
        self.tokens = None
        self.client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


def provider_of(order):
    """The person's browser goes to the authorization endpoint and returns to the client's redirect URI."""
    returned = {}

    async def redirect(url):
        async with httpx.AsyncClient(timeout=30) as browser:
            response = await browser.post(order["browser"], content=url)
        response.raise_for_status()
        returned.clear()
        returned.update(parse_qsl(urlsplit(response.text).query))

    async def callback():
        if IS_V1:
            return returned["code"], returned.get("state")
        return AuthorizationCodeResult(**returned)

    return OAuthClientProvider(
        server_url=order["server"],
        client_metadata=OAuthClientMetadata(client_name="Python", redirect_uris=[REDIRECT]),
        storage=Memory(),
        redirect_handler=redirect,
        callback_handler=callback,
        client_metadata_url=order["document"],
    )


@asynccontextmanager
async def connected(order, http):
    transport = streamable_http_client(order["server"], http_client=http)
    if IS_V1:
        async with transport as (read, write, _), ClientSession(read, write) as session:
            await session.initialize()
            yield session
    else:
        async with Client(transport) as client:
            yield client


def sentences(error):
    """What a program shows of an error. The v1 client raises groups of errors."""
    if isinstance(error, BaseExceptionGroup):
        return [sentence for each in error.exceptions for sentence in sentences(each)]
    return [f"{type(error).__name__}: {error}"]


async def main(order):
    responses = []

    async def observe(response):
        request, headers = response.request, response.headers
        sent = {name: headers.get(f"x-narrowgate-{name}", "") for name in ("code", "decision")}
        responses.append({"method": request.method, "path": request.url.path, "status": response.status_code, **sent})

    def report(name, outcome):
        print(json.dumps({"call": name, **outcome, "responses": responses}), flush=True)
        responses.clear()

    auth = provider_of(order)
    calls = list(order["calls"])
    while calls:
        name, arguments = calls.pop(0)
        try:
            async with httpx.AsyncClient(auth=auth, timeout=30, event_hooks={"response": [observe]}) as http:
                async with connected(order, http) as client:
                    while True:
                        try:
                            result = await client.call_tool(name, arguments)
                            report(name, {"texts": [content.text for content in result.content]})
                        except McpError as error:
                            report(name, {"errors": sentences(error)})
                        if not calls:
                            break
                        name, arguments = calls.pop(0)
        except Exception as error:
            # A response of 403 ends the connection of the v1 client. The next call has a new one, with the same tokens.
            report(name, {"errors": sentences(error)})


asyncio.run(main(json.loads(sys.argv[1])))
