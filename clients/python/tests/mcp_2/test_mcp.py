"""`mcp` 2.x, whose HTTP client is httpx2: results, errors, and questions for its user."""

from contextlib import asynccontextmanager

import httpx2
import pytest
from cases import (
    REFUND,
    SEARCH,
    denied,
    lives_through_denials_and_an_approval,
    stays_denied,
    tasks,
    through_an_approval,
)
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult
from narrowgate import TaskAuth, denial_of

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def connected(task, url, **options):
    async with (
        httpx2.AsyncClient(auth=TaskAuth(task, url), timeout=30) as http,
        Client(streamable_http_client(url, http_client=http), **options) as client,
    ):
        yield client


async def test_one_session_lives_through_denials_and_an_approval(stack):
    async with tasks(stack) as (task, _), connected(task, f"{stack.edge}/billing/mcp") as client:
        await lives_through_denials_and_an_approval(stack, task, client.call_tool)


async def test_a_result_that_requires_input(stack):
    async def show(_context, _params):
        return ElicitResult(action="cancel")

    url = f"{stack.edge}/billing/mcp"
    async with tasks(stack) as (task, _), connected(task, url, elicitation_callback=show) as client:
        result = await client.session.call_tool("refund", REFUND, allow_input_required=True)
        assert type(result).__name__ == "InputRequiredResult"
        denial = denial_of(result)
        assert (denial.code, denial.approval.task) == ("approval_required", task.id)

        async def call():
            return await client.session.call_tool("refund", REFUND, allow_input_required=True)

        await through_an_approval(stack, task, call, "refunded")


async def test_a_gateway_of_plain_http_and_a_challenge(stack):
    async with tasks(stack) as (_, task), connected(task, f"{stack.plain}/desk/mcp") as client:
        await denied(lambda: client.call_tool("search", SEARCH), "approval_required")
        await through_an_approval(stack, task, lambda: client.call_tool("search", SEARCH), "tickets")
        await stays_denied(task, lambda: client.call_tool("read-customer", {"customer": "7"}), "insufficient_scope")
