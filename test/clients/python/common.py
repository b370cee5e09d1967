"""What the programs of this folder share: how a test steers them, and a person who opens and pastes links.

A program gets its order as JSON in its first argument: `server` is the URL of the MCP server, `document` the client's
metadata document, `browser` a URL that stands for the person's browser. It then reads one call from each line of its
input, and prints one line for each: what its user sees. A page that it shows its user during a call is a line too,
which is answered by one.
"""

import asyncio
import json
import sys
from importlib.metadata import version
from urllib.parse import parse_qsl, urlsplit

from mcp.client.auth import OAuthClientProvider
from mcp.shared.auth import OAuthClientMetadata

IS_V1 = version("mcp").startswith("1.")
REDIRECT = "http://127.0.0.1:53211/callback"
ORDER = json.loads(sys.argv[1])

if IS_V1:
    import httpx
else:
    import httpx2 as httpx
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


def oauth():
    """The SDK's own provider, as its documentation has it: the person opens a link and pastes where it led."""
    returned = {}

    async def redirect(url):
        async with httpx.AsyncClient(timeout=30) as browser:
            response = await browser.post(ORDER["browser"], content=url)
        response.raise_for_status()
        returned.clear()
        returned.update(parse_qsl(urlsplit(response.text).query))

    async def callback():
        if IS_V1:
            return returned["code"], returned.get("state")
        return AuthorizationCodeResult(**returned)

    return OAuthClientProvider(
        server_url=ORDER["server"],
        client_metadata=OAuthClientMetadata(client_name="Python", redirect_uris=[REDIRECT]),
        storage=Memory(),
        redirect_handler=redirect,
        callback_handler=callback,
        client_metadata_url=ORDER["document"],
    )


def sentences(error):
    """What a program shows of an error. The v1 client raises groups of errors."""
    if isinstance(error, BaseExceptionGroup):
        return [sentence for each in error.exceptions for sentence in sentences(each)]
    return [f"{type(error).__name__}: {error}"]


def say(failed, text, meta=None):
    print(json.dumps({"failed": failed, "text": text, "meta": meta or {}}), flush=True)


async def visited(page):
    """Shows the user a page during a call, and returns whether they have been there."""
    print(json.dumps({"page": page}), flush=True)
    return json.loads(await asyncio.to_thread(sys.stdin.readline))


async def looked_up(client, call):
    """What a client lists or gets of resources and prompts. The lists of some are the result, of others its member."""
    kind = call.get("get") or call["list"]
    if "get" in call:
        get = client.read_resource if kind == "resources" else client.get_prompt
        return str(await get(call["name"]))
    result = await (client.list_resources() if kind == "resources" else client.list_prompts())
    listed = getattr(result, kind, result)
    return " ".join(str(each.uri if kind == "resources" else each.name) for each in listed)


async def answer(do):
    """`do` gets each call, and returns whether it has failed, what the user sees, and the result's `_meta`."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        try:
            say(*await do(json.loads(line)))
        except Exception as error:
            say(True, "; ".join(sentences(error)))


def run(main):
    """What ends a session ends the program."""
    try:
        asyncio.run(main())
    except Exception as error:
        say(True, "; ".join(sentences(error)))
