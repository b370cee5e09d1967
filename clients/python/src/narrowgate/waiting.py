"""`until_allowed`: a call that people have to approve, or that has to wait, made again until it is allowed."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias, TypeVar

from .denial import Approval, DeniedError
from .shapes import denial_of
from .task import Task
from .web import object_in, origin_of, seconds_in

Result = TypeVar("Result")
OnApproval: TypeAlias = Callable[[Approval], "Awaitable[object] | object"]

_LONGEST_WAIT = 30
"""Seconds for which the issuer holds an answer back (RFC 7240)."""
_PAUSE = 5.0
_REPEATABLE = {"budget_exhausted", "rate_limited", "unavailable"}
"""Of any other denial the same call again is denied again, or makes it worse."""


async def until_allowed(
    call: Callable[[], Awaitable[Result]],
    *,
    task: Task,
    on_approval: OnApproval | None = None,
    max_wait: float = 600.0,
) -> Result:
    """Makes a call, and exactly that call again as long as it is denied and waiting can help; returns its result.

    If people have to approve of it, `on_approval` is called once for each approval, and shows the user its `url`. If a
    limit has no room, or Narrowgate no answer, the call is made again when the denial says so. `max_wait`: seconds, in
    all. `task`: the one that makes the call; it reads what has become of its approval.

    A tool behind the gateway can forge a denial: an approval whose page is not at the task's issuer is not shown.

    Raises `DeniedError` if the call stays denied, and any error of the call that is no denial.
    """
    until = time.monotonic() + max_wait
    shown: set[str] = set()
    granted: set[str] = set()
    while True:
        cause, denial = None, None
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
        approval = denial.approval if denial.code == "approval_required" else None
        if approval and approval.id and approval.url and _is_of(approval, task):
            if approval.id not in shown:
                shown.add(approval.id)
                answer = on_approval(approval) if on_approval else None
                if inspect.isawaitable(answer):
                    await answer
            status = await _decided(approval.id, task, until)
            if status == "approved" and approval.id not in granted:
                granted.add(approval.id)
                continue
            if status == "pending":
                raise DeniedError("wait_exceeded", denial) from cause
            # What the denial said when it was made no longer holds.
            now = replace(approval, status="rejected") if status == "rejected" else None
            raise DeniedError("denied", replace(denial, approval=now, retry_after=None, text=None)) from cause
        pause = denial.retry_after
        # Not every client shows where a call can be approved; that people are asked, and when to come back, it shows.
        if denial.code == "approval_required" and approval is None:
            pause = pause or _PAUSE
        elif denial.code not in _REPEATABLE or pause is None:
            raise DeniedError("denied", denial) from cause
        if time.monotonic() + pause > until:
            raise DeniedError("wait_exceeded", denial) from cause
        await asyncio.sleep(max(pause, 1.0))


def _is_of(approval: Approval, task: Task) -> bool:
    is_there = approval.url is not None and origin_of(approval.url) == origin_of(task.issuer)
    return is_there and approval.status == "pending" and approval.task in (None, task.id)


async def _decided(approval: str, task: Task, until: float) -> str | None:
    """Returns what people have decided; `pending`: nothing in time; None: nobody can any more."""
    while (left := until - time.monotonic()) > 0:
        response = await task.approval_status(approval, wait=min(int(left) + 1, _LONGEST_WAIT))
        if response.is_success:
            status = (object_in(response) or {}).get("status")
            if status != "pending":
                return status if isinstance(status, str) else None
        elif not response.is_server_error:
            # The approval has expired, or the task has ended.
            return None
        if "preference-applied" not in response.headers:
            await asyncio.sleep(min(seconds_in(response.headers.get("retry-after")) or _PAUSE, left))
    return "pending"
