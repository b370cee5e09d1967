"""`TaskAuth`: a task's token on each request of an httpx client, and on no request to another origin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import TYPE_CHECKING, Any

import httpx

from .denial import LONGEST_TEXT, challenge_in
from .web import origin_of

if TYPE_CHECKING:
    from httpx2 import Auth as _Auth2  # type: ignore[import-not-found, unused-ignore]

    from .task import Task

    _Streams2 = object
else:
    try:
        # The successor of httpx, which `mcp` 2.x and fastmcp use, takes no other classes than its own.
        from httpx2 import AsyncByteStream, SyncByteStream
        from httpx2 import Auth as _Auth2

        class _Streams2(AsyncByteStream, SyncByteStream):
            """Of a synchronous client, and of an asynchronous one."""

    except ImportError:
        _Auth2 = _Streams2 = object

_FAILURE = 400
_UNAUTHORIZED = 401
_LONGEST_READ = 3.0
"""Seconds: the rest of a denial comes with its headers, and any server can write those."""


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
        steps, answer = self._steps(request), None
        while (step := _next(steps, answer)) is not None:
            answer = (yield request) if step is request else step[0]()

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Adds the token; RFC 9449, sections 7 and 9."""
        steps, answer = self._steps(request), None
        while (step := _next(steps, answer)) is not None:
            answer = (yield request) if step is request else await step[1]()

    def _steps(self, request: Any) -> Generator[Any, Any, None]:
        """Yields the request, to be sent, or a function that a synchronous client calls and one that others await."""
        url = str(request.url)
        if origin_of(url) != self._origin:
            yield request
            return
        get_token = (self._task.token_in_thread, self._task.token)
        token = yield get_token
        self._authorize(request, url, token)
        response = yield request
        self._nonce = response.headers.get("dpop-nonce") or self._nonce
        if response.status_code == _UNAUTHORIZED and _can_repeat(request):
            current = yield get_token
            challenge = challenge_in(response.headers.get("www-authenticate", ""))
            if current != token or (self._task.is_bound and challenge.get("error") == "use_dpop_nonce"):
                self._authorize(request, url, current)
                # Before it sends the next request, httpx reads what answered this one.
                response.stream = _Beginning(response.stream)
                response = yield request
                self._nonce = response.headers.get("dpop-nonce") or self._nonce
        if _has_denial(response):
            response.stream = _Beginning(response.stream)
            yield response.read, response.aread

    def _authorize(self, request: Any, url: str, token: str) -> None:
        for name, value in self._task.headers_for(request.method, url, token, self._nonce).items():
            request.headers[name] = value


class _Beginning(httpx.AsyncByteStream, httpx.SyncByteStream, _Streams2):  # type: ignore[misc, unused-ignore]
    """The beginning of a body: as much as a denial has. A server could send the rest for ever."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self._until = time.monotonic() + _LONGEST_READ

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)

    def __iter__(self) -> Iterator[bytes]:
        length = 0
        for part in self._body:
            yield part
            length += len(part)
            if length > LONGEST_TEXT or time.monotonic() > self._until:
                return

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length, parts = 0, aiter(self._body)
        while length <= LONGEST_TEXT:
            try:
                part = await asyncio.wait_for(anext(parts), self._until - time.monotonic())
            except (StopAsyncIteration, asyncio.TimeoutError):
                return
            yield part
            length += len(part)

    def close(self) -> None:
        self._body.close()

    async def aclose(self) -> None:
        await self._body.aclose()


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
