"""A task to which its user consents elsewhere (OpenID CIBA Core, poll mode)."""

from __future__ import annotations

import asyncio
import inspect
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .errors import ConsentRequiredError, NarrowgateError
from .identity import claims_of
from .issuer import CIBA, IssuedToken, Issuer, PendingConsent

_SLOWER = 5.0
"""Seconds that the issuer wants in addition, if it is polled too often."""
_WANTED = ("scope", "authorization_details", "purpose", "resource")
"""What the task is to do, without what proves the user."""
_TASK = re.compile(r"tsk_\w{1,200}", re.ASCII)
"""With it begins what names the request."""


@dataclass(frozen=True)
class ConsentRequest:
    """A task waits for its user's consent."""

    url: str
    """The page where the user reads what the task would do, and answers. It carries no authority, and may be public."""
    scope: str
    """What needs the consent, as scopes."""
    expires_at: float
    """Seconds since the epoch."""


OnConsent: TypeAlias = Callable[[ConsentRequest], "Awaitable[object] | object"]


class _Agent(Protocol):
    @property
    def issuer(self) -> Issuer: ...

    async def issue(self, form: Mapping[str, str]) -> IssuedToken: ...

    async def request_consent(self, form: Mapping[str, str]) -> PendingConsent: ...


async def with_consent(agent: _Agent, form: Mapping[str, str], on_consent: OnConsent | None) -> IssuedToken:
    """Requests a token, and the consent of the user if the issuer requires it.

    Raises `ConsentRequiredError` without `on_consent`, or if the session does not say who its user is; `token_refused`
    if the user rejects it (`access_denied`), or does not answer (`expired_token`).
    """
    try:
        return await agent.issue(form)
    except ConsentRequiredError as error:
        hint = _hint(form)
        if on_consent is None or hint is None:
            raise
        scope = error.scope
    request = await agent.request_consent({**hint, **{name: form[name] for name in _WANTED if name in form}})
    task = _TASK.match(request.id)
    if not task:
        raise NarrowgateError("issuer_invalid", f"{agent.issuer.url} answered with a request of no task.")
    url = f"{agent.issuer.url.rstrip('/')}/console/approvals/{task[0]}"
    until = time.monotonic() + request.life
    answer = on_consent(ConsentRequest(url, scope, expires_at=time.time() + request.life))
    if inspect.isawaitable(answer):
        await answer
    pause = max(request.interval, 1)
    while True:
        await asyncio.sleep(pause)
        # The issuer says that it has expired, by its own clock: it is polled once after that, and not for ever.
        is_last = time.monotonic() > until
        try:
            return await agent.issue({"grant_type": CIBA, "auth_req_id": request.id})
        except NarrowgateError as error:
            oauth_error = error.refusal.error if error.refusal else None
            # An outage, or a connection that broke off: the user may consent all the same.
            is_outage = error.code == "issuer_unreachable" or (error.refusal and error.refusal.retry_after is not None)
            if is_last or not (is_outage or oauth_error in ("authorization_pending", "slow_down")):
                raise
            if oauth_error == "slow_down":
                pause += _SLOWER


def _hint(form: Mapping[str, str]) -> dict[str, str] | None:
    """The user of the session (CIBA Core, section 7.1); None: it does not say who that is, or there is none."""
    session = form.get("subject_token") or form.get("assertion") or ""
    if form.get("subject_token_type", "").endswith(":id_token"):
        return {"id_token_hint": session}
    claims = claims_of(session) or {}
    issuer, subject = claims.get("iss"), claims.get("sub")
    if not isinstance(issuer, str) or not isinstance(subject, str):
        return None
    return {"login_hint": f"{issuer}|{subject}"}
