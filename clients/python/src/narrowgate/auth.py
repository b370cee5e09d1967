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


class TaskAuth(httpx.Auth, _Auth2):  # type: ignore[misc, unused-ignore]
    """Authenticates requests of an `AsyncClient` of httpx or httpx2 by a task: `AsyncClient(auth=TaskAuth(task))`.

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
        """Raises RuntimeError: a task is renewed asynchronously."""
        raise RuntimeError("TaskAuth works with httpx.AsyncClient, not with httpx.Client")

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Adds the token; RFC 9449, sections 7 and 9."""
        url = str(request.url)
        if origin_of(url) != self._origin:
            yield request
            return
        token = await self._task.token()
        self._authorize(request, url, token)
        response = yield request
        await self._look_at(response)
        if response.status_code != _UNAUTHORIZED or not _can_repeat(request):
            return
        current = await self._task.token()
        challenge = challenge_in(response.headers.get("www-authenticate", ""))
        if current != token or (self._task.is_bound and challenge.get("error") == "use_dpop_nonce"):
            self._authorize(request, url, current)
            response = yield request
            await self._look_at(response)

    async def _look_at(self, response: Any) -> None:
        self._nonce = response.headers.get("dpop-nonce") or self._nonce
        # A client that reads streams reads the body of no failure: then an error would not have what `denial_of` needs.
        if response.status_code >= _FAILURE and "x-narrowgate-code" in response.headers:
            await response.aread()

    def _authorize(self, request: Any, url: str, token: str) -> None:
        for name, value in self._task.headers_for(request.method, url, token, self._nonce).items():
            request.headers[name] = value


def _can_repeat(request: Any) -> bool:
    """A body that is a stream has been read, and there is no second one."""
    try:
        return request.content is not None
    except Exception:
        return False
