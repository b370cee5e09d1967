"""A task: the authority for one piece of work, its tokens, and its end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import quote

import httpx

from .auth import TaskAuth
from .consent import OnConsent, with_consent
from .errors import ErrorCode, NarrowgateError
from .identity import Identity, IdentityRequest, Session, assertion_of, claims_of, session_of
from .issuer import ASSERTION_TYPE, EXCHANGE, JWT_BEARER, TOKEN_TYPE, IssuedToken, Issuer, PendingConsent
from .proof import ProofKey
from .web import fetch

_TIMEOUT = 10.0
"""Seconds for each request to the issuer, and for an identity."""
_EARLY = 60.0
"""Seconds before its end at which a token is renewed."""
_SHARE = 5
"""One part in so many of its life, if that is less."""
_PAUSE = 5.0
"""Seconds after a failed renewal, while the token still holds."""
_ENDED = {401, 404}
"""How the issuer answers who ends a task that has ended."""


@dataclass(frozen=True)
class HandOver:
    """What another agent needs for a task out of this one, as its `parent`. As secret as a token."""

    token: str = field(repr=False)
    handover: str | None = field(repr=False, default=None)
    """The consent of the key to which the token is bound; None: it is bound to none."""


@dataclass(frozen=True)
class _Agent:
    issuer: Issuer
    identity: Identity
    key: ProofKey | None
    keep_alive: bool

    async def issue(self, form: Mapping[str, str]) -> IssuedToken:
        endpoint = await self.issuer.token_endpoint()
        whole = await self._proven(form)
        proof = self.key.prove("POST", endpoint, now=self.issuer.now()) if self.key else None
        issued = await self.issuer.issue(whole, proof)
        if issued.is_bound != (self.key is not None):
            raise NarrowgateError("issuer_invalid", f"{self.issuer.url} issued a token that is bound to another key.")
        return issued

    async def request_consent(self, form: Mapping[str, str]) -> PendingConsent:
        return await self.issuer.request_consent(await self._proven(form))

    async def _proven(self, form: Mapping[str, str]) -> dict[str, str]:
        request = IdentityRequest(audience=self.issuer.url, now=self.issuer.now())
        assertion = await assertion_of(self.identity, request, self.issuer.timeout)
        return {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, **form}


class Task:
    """One piece of work of an agent, with the authority for it. Made by `open_task`, `resume_task` and `delegate`."""

    id: str
    purpose: str
    scope: str
    """What was granted: scopes, separated by spaces. It may be less than was requested."""
    resource: str | None
    """What the token is for, as it was requested."""

    def __init__(
        self, agent: _Agent, issued: IssuedToken, requested: Mapping[str, str], session: Session | None = None
    ) -> None:
        self._agent = agent
        self._requested = requested
        self._session = session
        self._loop = asyncio.get_running_loop()
        self.id = issued.task
        self.purpose = issued.purpose
        self.scope = issued.scope
        self.resource = requested.get("resource")
        self._lock = asyncio.Lock()
        self._is_saved = False
        self._has_ended = self._has_last = False
        self._expires = self._renew_at = self._longest_life = 0.0
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

        Concurrent callers wait for the same renewal. Raises `task_ended` if the task was ended here, or its last
        token has expired and the same request does not continue it, because it is bound to no key or has ended.
        """
        if self._has_ended:
            raise NarrowgateError("task_ended", f"The task {self.id} has ended: open another task.")
        if time.monotonic() < self._renew_at:
            return self._token
        async with self._lock:
            if time.monotonic() >= self._renew_at:
                await self._renew()
            return self._token

    def token_in_thread(self) -> str:
        """As `token`, in a thread of its own: that of a synchronous tool.

        Raises RuntimeError in the thread of the task's event loop, and once that has ended.
        """
        try:
            is_own = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_own = False
        if is_own or not self._loop.is_running():
            raise RuntimeError("A task's token is renewed by its event loop: work in another thread while that runs.")
        return asyncio.run_coroutine_threadsafe(self.token(), self._loop).result()

    async def step_up(self, session: Session) -> None:
        """Brings a fresher or stronger login of the user into the task, after a denial `step_up_required`."""
        form = await _session_form(session, self._agent.issuer.timeout)
        async with self._lock:
            await self._freshen(form)

    def delegate(
        self, agent: str, scope: str | None = None, *, identity: Identity, purpose: str | None = None
    ) -> AbstractAsyncContextManager[Task]:
        """Opens a task below this one, with no more than it has, for another agent: `async with task.delegate(…)`.

        `agent` is that agent's id, `identity` proves it. The new task has a key of its own if this one has one.
        """

        @asynccontextmanager
        async def delegated() -> AsyncIterator[Task]:
            key = ProofKey() if self._agent.key else None
            child = replace(self._agent, identity=identity, key=key)
            parent = await self.hand_over(agent, key.thumbprint() if key else None)
            requested = _requested(scope=scope, purpose=purpose)
            issued = await child.issue({**_parent_form(parent), **requested})
            if self.resource is not None:
                requested["resource"] = self.resource
            async with _living(Task(child, issued, requested)) as task:
                yield task

        return delegated()

    async def hand_over(self, agent: str, thumbprint: str | None = None) -> HandOver:
        """Returns what another agent, elsewhere, needs for a task below this one.

        `thumbprint`: of the other agent's key (`ProofKey.thumbprint`), if this task is bound. It is good for minutes.
        """
        token, key = await self.token(), self._agent.key
        if key is None:
            return HandOver(token)
        if thumbprint is None:
            raise ValueError("a bound task is handed over to one key: give its thumbprint")
        now = self._agent.issuer.now()
        return HandOver(
            token, key.hand_over(token=token, issuer=self.issuer, agent=agent, thumbprint=thumbprint, now=now)
        )

    async def complete(self) -> None:
        """Ends the task and all below it, because its work is done. No later call of them is allowed."""
        await self._end("complete")

    async def abort(self) -> None:
        """Ends the task and all below it, because its work will not be done."""
        await self._end("abort")

    async def save(self) -> str:
        """Returns the task as a text from which `resume_task` continues it: while its token lives; bound, later too.

        **The text is a secret**: it has the token, and the key if the task is bound. Leaving the block of a task that
        was saved does not end it.
        """
        token = await self.token()
        self._is_saved = True
        saved = {
            "issuer": self.issuer,
            "task": self.id,
            "purpose": self.purpose,
            "scope": self.scope,
            "requested": self._requested,
            "token": token,
            "expires_at": time.time() + self._expires - time.monotonic(),
            "key": self._agent.key.private() if self._agent.key else None,
        }
        return json.dumps(saved)

    def headers_for(self, method: str, url: str, token: str, nonce: str | None = None) -> dict[str, str]:
        """Returns the headers of one request by a token of this task. `TaskAuth` does this and more."""
        self._agent.issuer.require_protected(url)
        key = self._agent.key
        if key is None:
            return {"Authorization": f"Bearer {token}"}
        now = self._agent.issuer.now()
        return {"Authorization": f"DPoP {token}", "DPoP": key.prove(method, url, now=now, token=token, nonce=nonce)}

    async def approval_status(self, approval: str, *, wait: int) -> httpx.Response:
        """Reads what has become of one of this task's approvals; the answer waits for people, `wait` seconds."""
        return await self._send("GET", f"approvals/{quote(approval, safe='')}", wait=wait)

    async def _send(self, method: str, path: str, *, wait: int = 0) -> httpx.Response:
        """Sends one request about this task to its issuer, by its own token."""
        issuer, timeout = self._agent.issuer, self._agent.issuer.timeout + wait
        url = f"{issuer.url.rstrip('/')}/v1/tasks/{quote(self.id, safe='')}/{path}"
        headers = {"Prefer": f"wait={wait}"} if wait else {}
        request = issuer.http.build_request(method, url, headers=headers, timeout=timeout)
        return await fetch(issuer.http, request, timeout=timeout, auth=TaskAuth(self, issuer.url))

    async def _keep(self) -> None:
        """Renews the token in time while it is not used: one that has expired cannot be renewed."""
        while True:
            await asyncio.sleep(max(self._renew_at - time.monotonic(), 0))
            try:
                await self.token()
            except NarrowgateError:
                return

    async def _renew(self) -> None:
        if time.monotonic() >= self._expires:
            await self._reopen()
            return
        try:
            self._take(await self._agent.issue(_renewal(self._token)))
        except NarrowgateError as error:
            if time.monotonic() >= self._expires:
                raise
            refusal = error.refusal
            pause = (refusal.retry_after if refusal else None) or _PAUSE
            # What is refused once is refused again; the token holds until it expires, or the task has ended.
            is_final = refusal is not None and refusal.retry_after is None
            self._renew_at = self._expires if is_final else min(self._expires, time.monotonic() + pause)

    async def _freshen(self, form: Mapping[str, str]) -> None:
        self._take(await self._agent.issue({**form, **_audience(self._token), "task": self.id}))

    async def _reopen(self) -> None:
        """Nothing proves the task any more but its key: by it a fresher login, or the same request, continues it."""
        lapsed = NarrowgateError("task_ended", f"The last token of the task {self.id} has expired: open another task.")
        if self._agent.key is None or self._has_last:
            raise lapsed
        if self._session is not None:
            # First by a fresher login, if it is one: its request for the same would open another task, which the issuer
            # would from then on look for in place of this one.
            with suppress(NarrowgateError):
                await self._freshen(await _session_form(self._session, self._agent.issuer.timeout))
                return
        form = await _opening_form(self._session, self._agent.issuer.timeout)
        issued = await self._agent.issue({**form, **self._requested})
        if issued.task == self.id:
            self._take(issued)
            return
        # The task has ended; what was opened in its place is not what the caller holds.
        with suppress(NarrowgateError):
            await Task(self._agent, issued, {}).abort()
        raise lapsed

    def _take(self, issued: IssuedToken) -> None:
        if issued.task != self.id:
            raise NarrowgateError("issuer_invalid", f"{self.issuer} answered with a token of another task.")
        expires = time.monotonic() + issued.life
        # A token that lives shorter than one before it ends with the task, or with the session behind it.
        self._has_last = 0 < issued.life < self._longest_life - 1
        self._longest_life = max(issued.life, self._longest_life)
        self._token = issued.value
        self._expires = expires
        self._renew_at = expires if self._has_last else expires - min(_EARLY, issued.life / _SHARE)

    async def _end(self, way: Literal["complete", "abort"]) -> None:
        if self._has_ended:
            return
        try:
            response = await self._send("POST", way)
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
        except Exception as failure:
            # The error that ends the block says more; the task ends by itself.
            error.__notes__ = [*getattr(error, "__notes__", []), str(failure)]  # type: ignore[attr-defined, unused-ignore]


def open_task(
    *,
    issuer: str,
    identity: Identity,
    session: Session | None = None,
    parent: HandOver | None = None,
    purpose: str | None = None,
    scope: str | None = None,
    authorization_details: Sequence[Mapping[str, Any]] | None = None,
    resource: str | None = None,
    dpop: bool | ProofKey = False,
    http: httpx.AsyncClient | None = None,
    timeout: float = _TIMEOUT,
    allow_http: bool = False,
    keep_alive: bool = True,
    on_consent: OnConsent | None = None,
) -> AbstractAsyncContextManager[Task]:
    """Opens a task: `async with open_task(…) as task`. Leaving the block ends it.

    - `issuer`: the URL of Narrowgate
    - `identity`: proves which agent this is: `from_file(…)`, `from_private_key(…)`, or a function
    - `session`: the user on whose behalf the agent acts; None: the agent acts on its own
    - `parent`: another agent's task, out of which this one is to come: what its `hand_over` returned
    - `purpose`: the kind of work; None: the agent's first
    - `scope`, or `authorization_details`: the most that the task is to do; None: what the purpose gives by default
    - `resource`: the URL of what will be called, or the audience, if the agent has several (RFC 8707)
    - `dpop`: binds all tokens to a key (RFC 9449), so that a stolen one is of no use; True makes a key
    - `http`: a client of the caller's for requests to the issuer, say through a proxy
    - `timeout`: seconds that a request to the issuer, or the identity, may take
    - `allow_http`: lets tokens go over plain HTTP to other machines, where the network itself encrypts
    - `keep_alive`: renews the token in time also while it is not used
    - `on_consent`: called if its user has to consent: shows them where they answer, while the opening waits. None, or
      if the session does not say who the user is: raises `ConsentRequiredError`
    """
    requested = _requested(
        scope=scope,
        purpose=purpose,
        resource=resource,
        authorization_details=json.dumps(authorization_details) if authorization_details else None,
    )

    @asynccontextmanager
    async def opened() -> AsyncIterator[Task]:
        async with _client(http) as client:
            at = Issuer(issuer, client, timeout=timeout, allow_http=allow_http)
            agent = _Agent(at, identity, (ProofKey() if dpop is True else dpop) or None, keep_alive)
            form = _parent_form(parent) if parent else await _opening_form(session, timeout)
            # A consent opens a task of its own, and none below another.
            issued = await with_consent(agent, {**form, **requested}, None if parent else on_consent)
            async with _living(Task(agent, issued, requested, session)) as task:
                yield task

    return opened()


def resume_task(
    saved: str,
    *,
    identity: Identity,
    session: Session | None = None,
    http: httpx.AsyncClient | None = None,
    timeout: float = _TIMEOUT,
    allow_http: bool = False,
    keep_alive: bool = True,
) -> AbstractAsyncContextManager[Task]:
    """Continues a task of `Task.save`: `async with resume_task(…) as task`. Leaving the block ends it.

    If its token has expired, a task that is bound to a key is continued by the `session` by which it was opened, or by
    a fresher login of its user.

    Raises `saved_invalid` if the text is none; `task_ended` if its token has expired and it is bound to no key, or has
    ended; and what `open_task` raises.
    """

    @asynccontextmanager
    async def living() -> AsyncIterator[Task]:
        url, key, issued, requested = _read(saved)
        async with _client(http) as client:
            at = Issuer(url, client, timeout=timeout, allow_http=allow_http)
            await at.token_endpoint()
            resumed = Task(_Agent(at, identity, key, keep_alive), issued, requested, session)
            # One that cannot go on is an error here, before the caller relies on it.
            await resumed.token()
            async with _living(resumed) as task:
                yield task

    return living()


def _read(saved: str) -> tuple[str, ProofKey | None, IssuedToken, dict[str, str]]:
    try:
        members = json.loads(saved)
        texts = {name: members[name] for name in ("issuer", "task", "purpose", "scope", "token")}
        requested, key = dict(members["requested"]), members["key"]
        if not all(isinstance(text, str) for text in (*texts.values(), *requested.values())):
            raise TypeError  # noqa: TRY301
        issued = IssuedToken(
            value=texts["token"],
            is_bound=key is not None,
            life=float(members["expires_at"]) - time.time(),
            task=texts["task"],
            purpose=texts["purpose"],
            scope=texts["scope"],
        )
        return texts["issuer"], ProofKey.load(key) if key is not None else None, issued, requested
    except Exception:
        # Its cause could show the key.
        raise NarrowgateError("saved_invalid", "This is no saved task.") from None


@asynccontextmanager
async def _living(task: Task) -> AsyncIterator[Task]:
    """Keeps a task while its block runs, and ends it with the block."""
    keeper = asyncio.create_task(task._keep()) if task._agent.keep_alive else None
    try:
        yield task
    except BaseException as error:
        await task._leave(error)
        raise
    else:
        await task._leave(None)
    finally:
        if keeper:
            keeper.cancel()


@asynccontextmanager
async def _client(http: httpx.AsyncClient | None) -> AsyncIterator[httpx.AsyncClient]:
    if http is not None:
        yield http
        return
    async with httpx.AsyncClient() as own:
        yield own


def _exchange(subject: str, kind: str = "access_token") -> dict[str, str]:
    return {"grant_type": EXCHANGE, "subject_token": subject, "subject_token_type": TOKEN_TYPE + kind}


def _renewal(token: str) -> dict[str, str]:
    return {**_exchange(token), **_audience(token)}


def _audience(token: str) -> dict[str, str]:
    """A task keeps its audience, and each request of an agent that has several names it."""
    audience = (claims_of(token) or {}).get("aud")
    return {"resource": audience} if isinstance(audience, str) else {}


async def _opening_form(session: Session | None, timeout: float) -> dict[str, str]:
    return {"grant_type": "client_credentials"} if session is None else await _session_form(session, timeout)


async def _session_form(session: Session, timeout: float) -> dict[str, str]:
    proof = await session_of(session, timeout)
    if proof.type == "id_jag":
        return {"grant_type": JWT_BEARER, "assertion": proof.token}
    return _exchange(proof.token, proof.type)


def _parent_form(parent: HandOver) -> dict[str, str]:
    return {**_renewal(parent.token), **_requested(handover=parent.handover)}


def _requested(**parameters: str | None) -> dict[str, str]:
    return {name: value for name, value in parameters.items() if value is not None}
