"""A task to which its user consents elsewhere (OpenID CIBA Core, poll mode)."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from urllib.parse import quote

from .errors import ConsentRequiredError, NarrowgateError
from .issuer import CIBA, AskedConsent, IssuedToken, Issuer

_SLOWER = 5.0
"""Seconds that the issuer wants in addition, if it is asked too often."""
_WANTED = ("scope", "authorization_details", "purpose", "resource")
"""What the task is to do, without what proves the user."""


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

    async def ask_consent(self, form: Mapping[str, str]) -> AskedConsent: ...


async def with_consent(agent: _Agent, form: Mapping[str, str], on_consent: OnConsent | None) -> IssuedToken:
    """Requests a token, and the consent of the user if the issuer requires it.

    Raises `ConsentRequiredError` if nobody is to be asked, or is known; `token_refused` if the user refuses
    (`access_denied`), or does not answer (`expired_token`).
    """
    try:
        return await agent.issue(form)
    except ConsentRequiredError as error:
        hint = _hint(form)
        if on_consent is None or hint is None:
            raise
        scope = error.scope
    asked = await agent.ask_consent({**hint, **{name: form[name] for name in _WANTED if name in form}})
    task = asked.id.split(".")[0]
    url = f"{agent.issuer.url.rstrip('/')}/console/approvals/{quote(task, safe='')}"
    expires_at = time.time() + asked.life
    answer = on_consent(ConsentRequest(url, scope, expires_at))
    if inspect.isawaitable(answer):
        await answer
    pause = max(asked.interval, 1)
    while True:
        # The issuer says when it has expired: its clock counts.
        await asyncio.sleep(pause)
        try:
            return await agent.issue({"grant_type": CIBA, "auth_req_id": asked.id})
        except NarrowgateError as error:
            refused = error.refusal.error if error.refusal else None
            # A connection that broke off: the user may consent all the same.
            is_lost = error.code == "issuer_unreachable" and time.time() < expires_at
            if refused == "slow_down":
                pause += _SLOWER
            elif refused != "authorization_pending" and not is_lost:
                raise


def _hint(form: Mapping[str, str]) -> dict[str, str] | None:
    """Who is to be asked (CIBA Core, section 7.1): whom the session is of."""
    session = form.get("subject_token") or form.get("assertion") or ""
    if form.get("subject_token_type", "").endswith(":id_token"):
        return {"id_token_hint": session}
    try:
        claims = json.loads(urlsafe_b64decode(session.split(".")[1] + "=="))
        issuer, subject = claims["iss"], claims["sub"]
    except (IndexError, KeyError, TypeError, ValueError):
        return None
    return {"login_hint": f"{issuer}|{subject}"}
