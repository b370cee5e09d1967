"""The calls that every client makes: what is denied, what waits for a person, and what is allowed then."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from conftest import Stack
from narrowgate import DeniedError, Task, denial_of, open_task, until_allowed

REFUND = {"order": "1001", "amount": 24_900}
SMALL = {"order": "1001", "amount": 500}
SEARCH = {"query": "printer"}


@asynccontextmanager
async def tasks(stack: Stack) -> AsyncIterator[tuple[Task, Task]]:
    """One task that may give money back, and one that may not."""
    session = await stack.session()
    options = {"issuer": stack.issuer, "identity": stack.identity(), "session": session}
    async with open_task(**options, purpose="refund-order") as refunds, open_task(**options) as reads:
        yield refunds, reads


async def through_an_approval(stack: Stack, task: Task, call: Callable[[], Awaitable[object]], says: str) -> None:
    """The call is denied until a person has approved of it; then it is made, and its client goes on."""
    shown = []

    def show(approval):
        shown.append(approval.url)
        asyncio.get_running_loop().create_task(stack.approve(task))

    assert says in str(await until_allowed(call, task=task, on_approval=show, max_wait=60))
    [url] = shown
    assert url.startswith(f"{stack.issuer}/console/approvals/{task.id}/")


async def denied(call: Callable[[], Awaitable[object]], code: str) -> None:
    """The call is denied by this code, whether its client returns that or raises it."""
    try:
        outcome = await call()
    except Exception as error:
        outcome = error
    denial = denial_of(outcome)
    assert denial is not None, outcome
    assert denial.code == code
    assert denial.decision.startswith("dec_")


async def stays_denied(task: Task, call: Callable[[], Awaitable[object]], code: str) -> None:
    with pytest.raises(DeniedError) as raised:
        await until_allowed(call, task=task, on_approval=pytest.fail)
    assert raised.value.denial.code == code


async def lives_through_denials_and_an_approval(
    stack: Stack, task: Task, call_tool: Callable[..., Awaitable[object]]
) -> None:
    """One session of MCP goes on, whatever a gateway with `denials: mcp` denies."""
    await denied(lambda: call_tool("refund", REFUND), "approval_required")
    await through_an_approval(stack, task, lambda: call_tool("refund", REFUND), "refunded")
    assert "refunded" in str(await call_tool("refund", SMALL))
    await denied(lambda: call_tool("no-such-tool", {}), "unknown_tool")
