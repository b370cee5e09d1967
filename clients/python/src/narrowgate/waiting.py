"""`until_allowed`: a call that people have to approve, or that has to wait, made again until it is allowed."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from .denial import Approval, Denial, DeniedError
from .shapes import denial_of
from .task import Task
from .web import object_in, origin_of, seconds_in

Result = TypeVar("Result")
OnApproval: TypeAlias = Callable[[Approval], "Awaitable[object] | object"]

_LONGEST_WAIT = 30
"""Seconds for which the issuer holds an answer back (RFC 7240)."""
_ANSWER = 10.0
_PAUSE = 5.0
_REPEATABLE = {"approval_required", "budget_exhausted", "rate_limited", "unavailable"}
"""Of any other denial the same call again is denied again, or makes it worse."""


async def until_allowed(
    call: Callable[[], Awaitable[Result]],
    *,
    on_approval: OnApproval | None = None,
    task: Task | None = None,
    max_wait: float = 300.0,
) -> Result:
    """Makes a call, and makes exactly the same call again until it is allowed; returns its result.

    If a person has to approve, `on_approval` is told once where, and should tell the user. If a limit has no room or
    Narrowgate no answer, the call is made again when the denial says so. `max_wait`: seconds, for all of it.

    With `task`, the answer of people is awaited with its token, which costs less than to repeat the call; and an
    approval whose page is not at the task's issuer is shown to nobody: a tool can forge a denial.

    Raises `DeniedError` if the call stays denied, and any error of the call that is no denial.
    """
    until = time.monotonic() + max_wait
    shown: set[str | None] = set()
    while True:
        cause: Exception | None = None
        try:
            result = await call()
        except Exception as error:
            cause, denial = error, denial_of(error)
            if denial is None:
                raise
        else:
            denial = denial_of(result)
            if denial is None:
                return result
        denied = DeniedError(denial)
        denied.__cause__ = cause
        if not _can_wait(denial, task):
            raise denied
        approval = denial.approval
        if approval and approval.url not in shown:
            shown.add(approval.url)
            answer = on_approval(approval) if on_approval else None
            if inspect.isawaitable(answer):
                await answer
        if approval and approval.uri and task:
            if await _status_of(approval.uri, task, until) != "approved":
                raise denied
            continue
        pause = max(denial.retry_after if denial.retry_after is not None else _PAUSE, 1.0)
        if time.monotonic() + pause > until:
            raise denied
        await asyncio.sleep(pause)


def _can_wait(denial: Denial, task: Task | None) -> bool:
    if denial.code not in _REPEATABLE:
        return False
    if denial.code != "approval_required":
        return denial.retry_after is not None
    approval = denial.approval
    if approval is None:
        return True
    if approval.status != "pending":
        return False
    places = [each for each in (approval.url, approval.uri) if each is not None]
    return task is None or all(origin_of(place) == origin_of(task.issuer) for place in places)


async def _status_of(uri: str, task: Task, until: float) -> Any:
    """Returns what people have decided; `pending`: nothing in time."""
    while (left := until - time.monotonic()) > 0:
        wait = min(int(left) + 1, _LONGEST_WAIT)
        response = await task.fetch("GET", uri, headers={"Prefer": f"wait={wait}"}, timeout=wait + _ANSWER)
        status = (object_in(response) or {}).get("status") if response.is_success else None
        if response.is_success and status != "pending":
            return status
        if not response.is_success and not response.is_server_error:
            # The approval has expired, or the task has ended.
            return None
        if "preference-applied" not in response.headers:
            await asyncio.sleep(min(seconds_in(response.headers.get("retry-after")) or _PAUSE, max(left, 0)))
    return "pending"
