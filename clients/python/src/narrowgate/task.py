"""A task: the authority for one piece of work, its tokens, and its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

import httpx

from .auth import TaskAuth
from .errors import ErrorCode, NarrowgateError
from .identity import Identity, Session, assertion_of, session_of
from .issuer import ASSERTION_TYPE, EXCHANGE, TOKEN_TYPE, IssuedToken, Issuer
from .proof import ProofKey
from .web import fetch

SessionType: TypeAlias = Literal["access_token", "id_token"]

_TIMEOUT = 10.0
"""Seconds for each request to the issuer."""
_EARLY = 60.0
"""Seconds before its end at which a token is renewed; a fifth of its life if that is less."""
_PAUSE = 5.0
"""Seconds after a failed renewal, while the token still holds."""
_ENDED = {401, 404}
"""How the issuer answers who ends a task that has ended."""


@dataclass(frozen=True)
class _Agent:
    issuer: Issuer
    identity: Identity
    key: ProofKey | None

    async def issue(self, form: Mapping[str, str]) -> IssuedToken:
        assertion = await assertion_of(self.identity, self.issuer.url)
        whole = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, **form}
        proof = self.key.prove("POST", await self.issuer.token_endpoint()) if self.key else None
        issued = await self.issuer.issue(whole, proof)
        if issued.is_bound != (self.key is not None):
            raise NarrowgateError("issuer_invalid", f"{self.issuer.url} issued a token that is bound to another key.")
        return issued


class Task:
    """One piece of work of an agent, with the authority for it. Made by `open_task`, `resume_task` and `delegate`."""

    id: str
    purpose: str
    scope: str
    """What was granted: scopes, separated by spaces. It may be less than was requested."""
    resource: str | None
    """What the token is for, as it was requested."""

    def __init__(self, agent: _Agent, issued: IssuedToken, resource: str | None) -> None:
        self._agent = agent
        self.id = issued.task
        self.purpose = issued.purpose
        self.scope = issued.scope
        self.resource = resource
        self._lock = asyncio.Lock()
        self._is_saved = False
        self._has_ended = False
        self._expires = self._renew_at = 0.0
        self._take(issued)

    def __repr__(self) -> str:
        return f"Task({self.id!r}, purpose={self.purpose!r})"

    @property
    def issuer(self) -> str:
        """The URL of the issuer."""
        return self._agent.issuer.url

    @property
    def is_bound(self) -> bool:
        """Whether its tokens are bound to a key (DPoP)."""
        return self._agent.key is not None

    async def token(self) -> str:
        """Returns a token that holds for some time yet: the present one, or a renewed one.

        Whoever waits for a renewal waits for the same. Raises `task_ended` if the task was ended here, or its last
        token has expired.
        """
        if self._has_ended:
            raise NarrowgateError("task_ended", f"The task {self.id} has ended: open another task.")
        if time.monotonic() < self._renew_at:
            return self._token
        async with self._lock:
            if time.monotonic() >= self._renew_at:
                await self._renew()
            return self._token

    async def step_up(self, session: Session, *, session_type: SessionType = "access_token") -> None:
        """Brings a fresher session of the user into the task, after a denial `step_up_required`."""
        subject = await session_of(session)
        async with self._lock:
            self._take(await self._agent.issue({**_exchange(subject, session_type), "task": self.id}))

    def delegate(
        self,
        agent: str,
        *,
        identity: Identity,
        scope: str | None = None,
        purpose: str | None = None,
        authorization_details: Sequence[Mapping[str, Any]] | None = None,
    ) -> AbstractAsyncContextManager[Task]:
        """Opens a task below this one, with no more than it has, for another agent: `async with task.delegate(…)`.

        `agent` is that agent's id, `identity` proves it. The new task has a key of its own if this one has one.
        """
        return self._delegated(agent, identity, _requested(scope, purpose, authorization_details))

    @asynccontextmanager
    async def _delegated(self, agent: str, identity: Identity, requested: Mapping[str, str]) -> AsyncIterator[Task]:
        token = await self.token()
        form = {**_exchange(token), **requested, "client_id": agent}
        key = ProofKey() if self._agent.key else None
        if key and self._agent.key:
            thumbprint = key.thumbprint()
            form["handover"] = self._agent.key.hand_over(
                token=token, issuer=self.issuer, agent=agent, thumbprint=thumbprint
            )
        child = _Agent(self._agent.issuer, identity, key)
        async with _ending(Task(child, await child.issue(form), self.resource)) as task:
            yield task

    async def complete(self) -> None:
        """Ends the task and all below it, because its work is done. No later call of them is allowed."""
        await self._end("complete")

    async def abort(self) -> None:
        """Ends the task and all below it, because its work will not be done."""
        await self._end("abort")

    def save(self) -> str:
        """Returns the task as a text from which `resume_task` continues it, within the life of its token.

        **The text is a secret**: it has the token, and the key if the task is bound. Leaving the block of a task that
        was saved does not end it.
        """
        self._is_saved = True
        saved = {
            "issuer": self.issuer,
            "task": self.id,
            "purpose": self.purpose,
            "scope": self.scope,
            "resource": self.resource,
            "token": self._token,
            "expires_at": time.time() + self._expires - time.monotonic(),
            "key": self._agent.key.private() if self._agent.key else None,
        }
        return json.dumps(saved)

    def headers_for(self, method: str, url: str, token: str, nonce: str | None = None) -> dict[str, str]:
        """Returns the headers of one request by a token of this task. `TaskAuth` does this and more."""
        key = self._agent.key
        if key is None:
            return {"Authorization": f"Bearer {token}"}
        return {"Authorization": f"DPoP {token}", "DPoP": key.prove(method, url, token=token, nonce=nonce)}

    async def fetch(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, timeout: float
    ) -> httpx.Response:
        """Sends one request to the issuer itself, by the task's token."""
        issuer = self._agent.issuer
        request = issuer.http.build_request(method, url, headers=dict(headers or {}))
        # The response comes later if it is asked to wait.
        request.extensions["timeout"] = httpx.Timeout(timeout).as_dict()
        return await fetch(issuer.http, request, timeout=timeout, auth=TaskAuth(self, issuer.url))

    async def _renew(self) -> None:
        if time.monotonic() >= self._expires:
            raise NarrowgateError("task_ended", f"The last token of the task {self.id} has expired: open another task.")
        try:
            self._take(await self._agent.issue(_exchange(self._token)))
        except NarrowgateError as error:
            if time.monotonic() >= self._expires:
                raise
            if error.code in ("token_refused", "clock_skew") and error.oauth_error != "rate_limited":
                # Another attempt would be refused too; the token holds until it expires, or the task has ended.
                self._renew_at = self._expires
                return
            self._renew_at = min(self._expires, time.monotonic() + max(_PAUSE, error.retry_after or 0))

    def _take(self, issued: IssuedToken) -> None:
        if issued.task != self.id:
            raise NarrowgateError("issuer_invalid", f"{self.issuer} answered with a token of another task.")
        now = time.monotonic()
        expires = now + issued.life
        # What a renewal did not extend ends with the task, or with the session behind it.
        is_last = expires < self._expires + 1
        self._token = issued.value
        self._expires = expires
        self._renew_at = expires if is_last else expires - min(_EARLY, issued.life / 5)

    async def _end(self, way: Literal["complete", "abort"]) -> None:
        if self._has_ended:
            return
        url = f"{self.issuer.rstrip('/')}/v1/tasks/{quote(self.id, safe='')}/{way}"
        try:
            response = await self.fetch("POST", url, timeout=self._agent.issuer.timeout)
        except NarrowgateError as error:
            if error.code != "task_ended":
                raise
        else:
            if not response.is_success and response.status_code not in _ENDED:
                why = f"{self.issuer} answered {response.status_code}"
                code: ErrorCode = "issuer_unreachable" if response.is_server_error else "token_refused"
                raise NarrowgateError(code, f"The task {self.id} was not ended: {why}.")
        self._has_ended = True

    async def _leave(self, error: BaseException | None) -> None:
        if self._is_saved:
            return
        if error is None:
            await self.complete()
            return
        try:
            await self.abort()
        except NarrowgateError as failure:
            # The error that ends the block says more; the task ends by itself.
            error.__notes__ = [*getattr(error, "__notes__", []), str(failure)]  # type: ignore[attr-defined, unused-ignore]


def open_task(
    *,
    issuer: str,
    identity: Identity,
    session: Session | None = None,
    session_type: SessionType = "access_token",
    purpose: str | None = None,
    scope: str | None = None,
    authorization_details: Sequence[Mapping[str, Any]] | None = None,
    resource: str | None = None,
    dpop: bool = False,
    http: httpx.AsyncClient | None = None,
    timeout: float = _TIMEOUT,
) -> AbstractAsyncContextManager[Task]:
    """Opens a task: `async with open_task(…) as task`. Leaving the block ends it.

    `issuer`: the URL of Narrowgate. `identity` proves the agent. `session`: the user's, whom the agent works for; None:
    nobody. `purpose`: None is the agent's first. `scope` or `authorization_details`: None is what the purpose gives
    unasked. `resource`: the URL of what will be called, or an audience. `dpop`: binds all tokens to a key that never
    leaves this process, unless the task is saved. `http`: a client of the caller's, say for a proxy. `timeout`: seconds
    for each request to the issuer.
    """
    requested = _requested(scope, purpose, authorization_details)
    if resource is not None:
        requested["resource"] = resource

    @asynccontextmanager
    async def opened() -> AsyncIterator[Task]:
        async with _client(http) as client:
            agent = _Agent(Issuer(issuer, client, timeout), identity, ProofKey() if dpop else None)
            if session is None:
                form = {"grant_type": "client_credentials"}
            else:
                form = _exchange(await session_of(session), session_type)
            issued = await agent.issue({**form, **requested})
            async with _ending(Task(agent, issued, resource)) as task:
                yield task

    return opened()


def resume_task(
    saved: str,
    *,
    identity: Identity,
    http: httpx.AsyncClient | None = None,
    timeout: float = _TIMEOUT,
) -> AbstractAsyncContextManager[Task]:
    """Continues a task of `Task.save`: `async with resume_task(…) as task`. Leaving the block ends it.

    Raises `saved_invalid` if the text is none, `task_ended` if its token has expired.
    """

    @asynccontextmanager
    async def resumed() -> AsyncIterator[Task]:
        url, key, issued, resource = _read(saved)
        if issued.life <= 0:
            raise NarrowgateError("task_ended", f"The last token of the task {issued.task} has expired: open another.")
        async with _client(http) as client:
            agent = _Agent(Issuer(url, client, timeout), identity, key)
            async with _ending(Task(agent, issued, resource)) as task:
                yield task

    return resumed()


def _read(saved: str) -> tuple[str, ProofKey | None, IssuedToken, str | None]:
    try:
        members = json.loads(saved)
        texts = {name: members[name] for name in ("issuer", "task", "purpose", "scope", "token")}
        resource, key = members["resource"], members["key"]
        if not all(isinstance(text, str) for text in (*texts.values(), "" if resource is None else resource)):
            raise TypeError  # noqa: TRY301
        issued = IssuedToken(
            value=texts["token"],
            is_bound=key is not None,
            life=float(members["expires_at"]) - time.time(),
            task=texts["task"],
            purpose=texts["purpose"],
            scope=texts["scope"],
        )
        return texts["issuer"], ProofKey.load(key) if key is not None else None, issued, resource
    except Exception:
        # Its cause could show the key.
        raise NarrowgateError("saved_invalid", "This is no saved task.") from None


@asynccontextmanager
async def _ending(task: Task) -> AsyncIterator[Task]:
    try:
        yield task
    except BaseException as error:
        await task._leave(error)
        raise
    await task._leave(None)


@asynccontextmanager
async def _client(http: httpx.AsyncClient | None) -> AsyncIterator[httpx.AsyncClient]:
    if http is not None:
        yield http
        return
    async with httpx.AsyncClient() as own:
        yield own


def _exchange(subject: str, kind: SessionType = "access_token") -> dict[str, str]:
    return {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": TOKEN_TYPE + kind}


def _requested(scope: str | None, purpose: str | None, details: Sequence[Mapping[str, Any]] | None) -> dict[str, str]:
    form = {"scope": scope, "purpose": purpose, "authorization_details": json.dumps(details) if details else None}
    return {name: value for name, value in form.items() if value is not None}
