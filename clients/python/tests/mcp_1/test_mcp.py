"""`mcp` 1.x: denials in its own words, and by HTTP, which ends its session."""

from contextlib import asynccontextmanager

import httpx
import pytest
from cases import SEARCH, denied, lives_through_denials_and_an_approval, stays_denied, tasks, through_an_approval
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from narrowgate import TaskAuth

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def connected(task, url):
    async with (
        httpx.AsyncClient(auth=TaskAuth(task, url), timeout=30) as http,
        streamable_http_client(url, http_client=http) as (read, write, _),
        ClientSession(read, write) as session,
    ):
        await session.initialize()
        yield session


async def test_one_session_lives_through_denials_and_an_approval(stack):
    async with tasks(stack) as (task, _), connected(task, f"{stack.edge}/billing/mcp") as session:
        await lives_through_denials_and_an_approval(stack, task, session.call_tool)


async def test_a_challenge_ends_the_session_and_is_found_in_the_group(stack):
    async with tasks(stack) as (_, task):

        async def call():
            async with connected(task, f"{stack.edge}/everything/mcp") as session:
                return await session.call_tool("get-env", {})

        await stays_denied(task, call, "insufficient_scope")


async def test_a_gateway_of_plain_http_is_waited_for_by_a_session_for_each_call(stack):
    async with tasks(stack) as (_, task):

        async def call():
            async with connected(task, f"{stack.plain}/desk/mcp") as session:
                return await session.call_tool("search", SEARCH)

        await denied(call, "approval_required")
        await through_an_approval(stack, task, call, "tickets")
