"""Requests of this package's own: bounded in time and size, and never led elsewhere by a redirect."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import timezone
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from .errors import NarrowgateError

LARGEST_ANSWER = 262_144
"""Bytes."""
_LITTLE = 5.0
"""Seconds: the header `Date` is not exact, and clocks may differ by more."""


def origin_of(url: str) -> str | None:
    """Returns scheme, host and port of an HTTP URL as one text; None if it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or port is None:
        return None
    return f"{parts.scheme}://{parts.hostname.lower()}:{port}"


def is_protected(url: str) -> bool:
    """Returns whether what is sent to this URL is encrypted, or does not leave the machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        return True
    try:
        return parts.scheme == "http" and (host == "localhost" or ip_address(host).is_loopback)
    except ValueError:
        return False


async def fetch(
    http: httpx.AsyncClient,
    request: httpx.Request,
    *,
    timeout: float,
    auth: httpx.Auth | None = None,
) -> httpx.Response:
    """Sends a request and returns the whole response.

    Raises `issuer_unreachable` if it does not end within `timeout` seconds, `issuer_invalid` if it is too long.
    """
    where = origin_of(str(request.url))

    async def whole() -> httpx.Response:
        response = await http.send(request, stream=True, auth=auth, follow_redirects=False)
        try:
            body = bytearray()
            async for part in response.aiter_bytes():
                body += part
                if len(body) > LARGEST_ANSWER:
                    raise NarrowgateError("issuer_invalid", f"The answer of {where} is too long.")
        finally:
            await response.aclose()
        # The body is decoded: what its headers say of how it was encoded holds no more.
        headers = [(name, value) for name, value in response.headers.multi_items() if name != "content-encoding"]
        return httpx.Response(response.status_code, headers=headers, content=bytes(body), request=request)

    try:
        return await asyncio.wait_for(whole(), timeout)
    except (httpx.HTTPError, httpx.InvalidURL, asyncio.TimeoutError) as error:
        what = "in time" if isinstance(error, (httpx.TimeoutException, asyncio.TimeoutError)) else "at all"
        raise NarrowgateError("issuer_unreachable", f"{where} did not answer {what}.") from error


def object_in(response: httpx.Response) -> Mapping[str, Any] | None:
    """Returns the JSON object of a response; None if it is none."""
    try:
        value = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def clock_difference(response: httpx.Response) -> float:
    """Returns by how many seconds the sender's clock is ahead of this machine's; 0 if that is little, or not known."""
    try:
        sent = parsedate_to_datetime(response.headers["date"])
    except (KeyError, ValueError):
        return 0.0
    if sent.tzinfo is None:
        sent = sent.replace(tzinfo=timezone.utc)
    age = seconds_in(response.headers.get("age")) or 0.0
    difference = sent.timestamp() + age - time.time()
    return difference if abs(difference) > _LITTLE else 0.0


def seconds_in(value: object) -> float | None:
    """Returns the seconds of a `Retry-After` or the like; None if it states none."""
    try:
        seconds = float(str(value))
    except ValueError:
        return None
    return seconds if 0 <= seconds < 10**9 else None
