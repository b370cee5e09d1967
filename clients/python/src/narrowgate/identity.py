"""How an agent proves who it is: functions that return a JWT for one audience, made or read anew for each request."""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from .errors import ErrorCode, NarrowgateError
from .web import fetch, is_protected, object_in

Identity: TypeAlias = Callable[[str], "str | Awaitable[str]"]
"""Gets the audience (the issuer's URL) and returns a JWT, now or when awaited."""

Session: TypeAlias = "str | Callable[[], str | Awaitable[str]]"
"""The user's session token, or a function that returns the current one, now or when awaited."""

KUBERNETES_TOKEN = "/var/run/narrowgate/token"  # noqa: S105
_LARGEST_FILE = 65_536
_PATIENCE = 10.0
_ASSERTION_LIFE = 60
_COMPACT_JWT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def from_file(path: str | os.PathLike[str]) -> Identity:
    """Returns the identity in a file, which something else keeps fresh: a JWT-SVID, a projected token."""

    def read() -> str:
        with Path(path).open(encoding="ascii") as file:
            return file.read(_LARGEST_FILE).strip()

    async def identity(_audience: str) -> str:
        try:
            return await asyncio.to_thread(read)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise NarrowgateError(
                "identity_failed", f"The identity in {os.fspath(path)} cannot be read: {why}."
            ) from None

    return identity


def kubernetes(path: str | os.PathLike[str] = KUBERNETES_TOKEN) -> Identity:
    """Returns the identity of a pod: its service account token, projected for the issuer."""
    return from_file(path)


def github_actions() -> Identity:
    """Returns the identity of a job of GitHub Actions, which has the permission `id-token: write`."""

    async def identity(audience: str) -> str:
        url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        token = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
        if not url or not token:
            raise NarrowgateError("identity_failed", "This is no job of GitHub Actions with `id-token: write`.")
        if not is_protected(url):
            raise NarrowgateError("identity_failed", "The token service of GitHub Actions is not reached by TLS.")
        try:
            async with httpx.AsyncClient() as http:
                where = httpx.URL(url).copy_merge_params({"audience": audience})
                request = http.build_request("GET", where, headers={"Authorization": f"Bearer {token}"})
                response = await fetch(http, request, timeout=_PATIENCE)
        except NarrowgateError as error:
            raise NarrowgateError("identity_failed", f"GitHub Actions gave no identity: {error}") from error
        value = (object_in(response) or {}).get("value")
        if response.status_code != httpx.codes.OK or not isinstance(value, str):
            raise NarrowgateError("identity_failed", f"GitHub Actions gave no identity: {response.status_code}.")
        return value

    return identity


def private_key_jwt(agent: str, key: str | bytes | Mapping[str, Any], *, algorithm: str = "ES256") -> Identity:
    """Returns the identity of an agent that signs its own assertions (RFC 7523).

    `agent` is its id, `key` a private key as PEM or JWK. Raises ValueError if the key is not one of the algorithm.
    """
    kinds: dict[str, type[ECKey] | type[RSAKey] | type[OKPKey]] = {
        "ES": ECKey,
        "RS": RSAKey,
        "PS": RSAKey,
        "Ed": OKPKey,
    }
    kind = kinds.get(algorithm[:2])
    if kind is None:
        raise ValueError(f"{algorithm} is no algorithm of a private key")
    try:
        private = kind.import_key(dict(key) if isinstance(key, Mapping) else key)
        is_private = private.is_private
    except Exception:
        # What failed to parse would stand in the error.
        raise ValueError(f"the key of {agent} is no private key for {algorithm}") from None
    if not is_private:
        raise ValueError(f"the key of {agent} is no private key for {algorithm}")
    header = {"alg": algorithm, **({"kid": private.kid} if private.kid else {})}

    def identity(audience: str) -> str:
        now = int(time.time())
        claims = {"iss": agent, "sub": agent, "aud": audience, "jti": str(uuid4())}
        times = {"iat": now, "exp": now + _ASSERTION_LIFE}
        return jwt.encode(header, {**claims, **times}, private, algorithms=[algorithm])

    return identity


async def assertion_of(identity: Identity, audience: str) -> str:
    """Returns what an identity produces; raises `identity_failed` if that is no JWT."""
    return await _produced("identity_failed", "identity", lambda: identity(audience))


async def session_of(session: Session) -> str:
    """Returns the session token; raises `session_failed` if there is none."""
    return await _produced("session_failed", "session", session if callable(session) else lambda: session)


async def _produced(code: ErrorCode, what: str, make: Callable[[], str | Awaitable[str]]) -> str:
    try:
        made = make()
        value = await made if inspect.isawaitable(made) else made
    except NarrowgateError:
        raise
    except Exception as error:
        raise NarrowgateError(code, f"The {what} could not be produced: {type(error).__name__}.") from error
    if not isinstance(cast("object", value), str) or not _COMPACT_JWT.fullmatch(value):
        raise NarrowgateError(code, f"The {what} that was produced is no JWT.")
    return value
