"""`until_allowed`: a call that people have to approve, or that has to wait, made again until it is allowed."""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TypeAlias, TypeVar

import httpx

from .denial import Approval, Denial, DeniedError
from .errors import NarrowgateError
from .shapes import denial_of
from .task import Task
from .web import object_in, origin_of, seconds_in

Result = TypeVar("Result")
OnApproval: TypeAlias = Callable[[Approval], "Awaitable[object] | object"]

_LONGEST_WAIT = 30
"""Seconds for which the issuer holds an answer back (RFC 7240)."""
_PAUSE = 5.0
_LEAST_PAUSE = 1.0
"""Seconds: no pause is shorter, whatever the denial says. It doubles as long as the denial stays the same."""
_MOST_PAUSE = 60.0
"""Seconds: and so far."""
_APPROVAL = re.compile(r"apr_\w{1,64}", re.ASCII)
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
    limit has no room, or Narrowgate no answer, the call is made again when the denial says so: after a second at least,
    and later each time that the same denial comes again. `max_wait`: seconds, in all. `task`: the one that makes the
    call; it reads what has become of its approval.

    A tool behind the gateway can forge a denial: of an approval nothing is shown but the issuer's page for this task.

    Raises `DeniedError` if the call stays denied, and any error of the call that is no denial.
    """
    until = time.monotonic() + max_wait
    shown: set[str] = set()
    granted: set[str] = set()
    last, least = "", _LEAST_PAUSE
    while True:
        cause, found = None, None
        try:
            result = await call()
        except Exception as error:
            cause, found = error, denial_of(error)
            if found is None:
                raise
        else:
            found = denial_of(result)
            if found is None:
                return result
        denial = _checked(found, task)
        approval = denial.approval
        if approval and approval.id and approval.status == "pending":
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
            raise DeniedError("denied", replace(denial, approval=now, retry_after=None)) from cause
        pause = denial.retry_after
        # Not every client shows where a call can be approved; all show that people decide, and when to repeat it.
        if denial.code == "approval_required" and found.approval is None:
            pause = pause or _PAUSE
        elif denial.code not in _REPEATABLE or pause is None:
            raise DeniedError("denied", denial) from cause
        least = min(2 * least, _MOST_PAUSE) if denial.code == last else _LEAST_PAUSE
        last, pause = denial.code, max(pause, least)
        if time.monotonic() + pause > until:
            raise DeniedError("wait_exceeded", denial) from cause
        await asyncio.sleep(pause)


def _checked(denial: Denial, task: Task) -> Denial:
    """Returns the denial with an approval of this very task, as its issuer has it, or with none.

    A tool behind the gateway may have made it up: to a URL that Python reads as the issuer's, a browser may go
    elsewhere. So the page is not the denial's, and neither are the words.
    """
    approval, checked = denial.approval, None
    if approval and denial.code == "approval_required":
        is_there = origin_of(approval.url or "") == origin_of(task.issuer) and approval.task == task.id
        if is_there and approval.id and _APPROVAL.fullmatch(approval.id):
            checked = replace(approval, url=f"{task.issuer}/console/approvals/{task.id}/{approval.id}")
        elif approval.status == "rejected":
            # In words it has no name.
            checked = Approval(status="rejected")
    return replace(denial, approval=checked, text=None)


async def _decided(approval: str, task: Task, until: float) -> str | None:
    """Returns what people have decided; `pending`: nothing in time; None: it cannot be decided any more."""
    while (left := until - time.monotonic()) > 0:
        headers: Mapping[str, str] = {}
        try:
            response = await task.approval_status(approval, wait=int(min(left + 1, _LONGEST_WAIT)))
        except NarrowgateError as error:
            # A connection that broke off: people may approve all the same.
            if error.code != "issuer_unreachable":
                raise
        else:
            headers = response.headers
            if response.is_success:
                status = (object_in(response) or {}).get("status")
                if status != "pending":
                    return status if isinstance(status, str) else None
            elif not response.is_server_error and response.status_code != httpx.codes.TOO_MANY_REQUESTS:
                # The approval has expired, or the task has ended.
                return None
        if "preference-applied" not in headers:
            await asyncio.sleep(min(seconds_in(headers.get("retry-after")) or _PAUSE, left))
    return "pending"
