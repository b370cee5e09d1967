"""`TaskAuth`: a task's token on each request of an httpx client, and on no request to another origin."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Any

import httpx

from .denial import challenge_in
from .web import origin_of

if TYPE_CHECKING:
    from httpx2 import Auth as _Auth2  # type: ignore[import-not-found, unused-ignore]

    from .task import Task
else:
    try:
        # The successor of httpx, which `mcp` 2.x and fastmcp use, takes no other class than its own.
        from httpx2 import Auth as _Auth2
    except ImportError:
        _Auth2 = object

_FAILURE = 400
_UNAUTHORIZED = 401
_TOKEN = object()


class TaskAuth(httpx.Auth, _Auth2):  # type: ignore[misc, unused-ignore]
    """Authenticates requests of an `AsyncClient` of httpx or httpx2 by a task: `AsyncClient(auth=TaskAuth(task))`.

    In another thread than the task's, those of a `Client` as well.

    Only requests to the origin of `url` get the token; without `url`, to that of the task's `resource`. Others are sent
    without it. A request is sent once more if a DPoP nonce is required, or if the task got another token meanwhile.
    """

    def __init__(self, task: Task, url: str | None = None) -> None:
        """Raises ValueError if neither `url` nor the task's `resource` is an http(s) URL."""
        origin = origin_of(url or task.resource or "")
        if origin is None:
            raise ValueError("TaskAuth needs the URL of what is called: the token is sent to no other origin")
        self._task = task
        self._origin = origin
        self._nonce: str | None = None

    def __repr__(self) -> str:
        return f"TaskAuth({self._task!r}, {self._origin!r})"

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """As `async_auth_flow`, for an `httpx.Client` in another thread than the task's: that of a synchronous tool.

        Raises RuntimeError in the thread of the task's own event loop, which renews the token.
        """
        if origin_of(str(request.url)) != self._origin:
            yield request
            return
        steps, answer = self._steps(request), None
        while (wanted := _next(steps, answer)) is not None:
            if wanted is _TOKEN:
                answer = self._task.token_in_thread()
                continue
            answer = yield wanted
            if _has_denial(answer):
                answer.read()

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Adds the token; RFC 9449, sections 7 and 9."""
        if origin_of(str(request.url)) != self._origin:
            yield request
            return
        steps, answer = self._steps(request), None
        while (wanted := _next(steps, answer)) is not None:
            if wanted is _TOKEN:
                answer = await self._task.token()
                continue
            answer = yield wanted
            if _has_denial(answer):
                await answer.aread()

    def _steps(self, request: Any) -> Generator[Any, Any, None]:
        """Yields what it needs: `_TOKEN`, or the request to which it needs the response."""
        url = str(request.url)
        token = yield _TOKEN
        self._authorize(request, url, token)
        response = yield request
        self._nonce = response.headers.get("dpop-nonce") or self._nonce
        if response.status_code != _UNAUTHORIZED or not _can_repeat(request):
            return
        current = yield _TOKEN
        challenge = challenge_in(response.headers.get("www-authenticate", ""))
        if current != token or (self._task.is_bound and challenge.get("error") == "use_dpop_nonce"):
            self._authorize(request, url, current)
            response = yield request
            self._nonce = response.headers.get("dpop-nonce") or self._nonce

    def _authorize(self, request: Any, url: str, token: str) -> None:
        for name, value in self._task.headers_for(request.method, url, token, self._nonce).items():
            request.headers[name] = value


def _next(steps: Generator[Any, Any, None], answer: Any) -> Any:
    """None: there is no further step."""
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def _has_denial(response: Any) -> bool:
    """A client that reads streams reads the body of no failure: then an error would not have what `denial_of` needs."""
    return response.status_code >= _FAILURE and "x-narrowgate-code" in response.headers


def _can_repeat(request: Any) -> bool:
    """A body that is a stream has been read, and there is no second one."""
    try:
        return request.content is not None
    except Exception:
        return False
