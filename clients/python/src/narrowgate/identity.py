"""How an agent proves who it is: functions that return a JWT for one audience, made or read anew for each request."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import re
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar, cast
from uuid import uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from .errors import ErrorCode, NarrowgateError
from .web import fetch, is_protected, object_in


@dataclass(frozen=True)
class IdentityRequest:
    """What a proof of identity has to be for."""

    audience: str
    """The issuer."""
    now: float
    """Seconds since the epoch, by the issuer's clock as far as it is known."""


Identity: TypeAlias = Callable[[IdentityRequest], "str | Awaitable[str]"]
"""Returns a JWT, now or when awaited. It is called for each request to the issuer: some proofs are used once."""


@dataclass(frozen=True)
class SessionToken:
    """Proves on whose behalf the agent acts."""

    token: str = field(repr=False)
    type: Literal["access_token", "id_token", "id_jag"] = "access_token"
    """`id_jag`: the provider's assertion that the agent may work for the user."""


Session: TypeAlias = "str | SessionToken | Callable[[], str | SessionToken | Awaitable[str | SessionToken]]"
"""The user's session, as an access token if it is a text; or a function that returns the current one."""

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

    async def identity(_request: IdentityRequest) -> str:
        try:
            return await asyncio.to_thread(read)
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise NarrowgateError(
                "identity_failed", f"The identity in {os.fspath(path)} cannot be read: {why}."
            ) from None

    return identity


def from_kubernetes(path: str | os.PathLike[str] = KUBERNETES_TOKEN) -> Identity:
    """Returns the identity of a pod: its service account token, projected for the issuer."""
    return from_file(path)


def from_github_actions() -> Identity:
    """Returns the identity of a job of GitHub Actions, which has the permission `id-token: write`."""

    async def identity(request: IdentityRequest) -> str:
        url = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_URL", "")
        token = os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "")
        if not url or not token:
            raise NarrowgateError("identity_failed", "This is no job of GitHub Actions with `id-token: write`.")
        if not is_protected(url):
            raise NarrowgateError("identity_failed", "The token service of GitHub Actions is not reached by TLS.")
        try:
            async with httpx.AsyncClient() as http:
                where = httpx.URL(url).copy_merge_params({"audience": request.audience})
                query = http.build_request("GET", where, headers={"Authorization": f"Bearer {token}"})
                response = await fetch(http, query, timeout=_PATIENCE)
        except NarrowgateError as error:
            raise NarrowgateError("identity_failed", f"GitHub Actions gave no identity: {error}") from error
        value = (object_in(response) or {}).get("value")
        if response.status_code != httpx.codes.OK or not isinstance(value, str):
            raise NarrowgateError("identity_failed", f"GitHub Actions gave no identity: {response.status_code}.")
        return value

    return identity


def from_private_key(agent: str, key: str | bytes | Mapping[str, Any], *, algorithm: str = "ES256") -> Identity:
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

    def identity(request: IdentityRequest) -> str:
        now = int(request.now)
        claims = {"iss": agent, "sub": agent, "aud": request.audience, "jti": str(uuid4())}
        times = {"iat": now, "exp": now + _ASSERTION_LIFE}
        return jwt.encode(header, {**claims, **times}, private, algorithms=[algorithm])

    return identity


async def assertion_of(identity: Identity, request: IdentityRequest, timeout: float) -> str:
    """Returns what an identity produces within `timeout` seconds.

    Raises `identity_failed` if that is no JWT, or one for another audience: the issuer that gets it could use it there.
    """
    made = await _produced("identity_failed", "identity", lambda: identity(request), timeout)
    token = _checked("identity_failed", "identity", made)
    claims = claims_of(token)
    if claims is None:
        raise NarrowgateError("identity_failed", "The identity that was produced is no JWT.")
    audience = claims.get("aud", request.audience)
    if request.audience not in (audience if isinstance(audience, list) else [audience]):
        raise NarrowgateError("identity_failed", f"The identity that was produced is not for {request.audience}.")
    return token


def claims_of(token: str) -> Mapping[str, Any] | None:
    """Returns the claims of a JWT, which its audience verifies; None if it is none."""
    _, _, rest = token.partition(".")
    payload = rest.partition(".")[0]
    try:
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None


async def session_of(session: Session, timeout: float) -> SessionToken:
    """Returns the session token; raises `session_failed` if there is none within `timeout` seconds."""
    made = await _produced("session_failed", "session", session, timeout) if callable(session) else session
    whole = made if isinstance(made, SessionToken) else SessionToken(cast("str", made))
    return replace(whole, token=_checked("session_failed", "session", whole.token))


Made = TypeVar("Made")


async def _produced(code: ErrorCode, what: str, make: Callable[[], Made | Awaitable[Made]], timeout: float) -> Made:
    try:
        made = make()
        return await asyncio.wait_for(made, timeout) if inspect.isawaitable(made) else made
    except NarrowgateError:
        raise
    except asyncio.TimeoutError as error:
        raise NarrowgateError(code, f"The {what} was not produced within {timeout:g} s.") from error
    except Exception as error:
        raise NarrowgateError(code, f"The {what} could not be produced: {type(error).__name__}.") from error


def _checked(code: ErrorCode, what: str, token: object) -> str:
    if not isinstance(token, str) or not _COMPACT_JWT.fullmatch(token):
        raise NarrowgateError(code, f"The {what} that was produced is no JWT.")
    return token
