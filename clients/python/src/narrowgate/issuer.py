"""The issuer of a task's tokens: its metadata (RFC 8414) and its token endpoint (RFC 8693)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httpx

from .errors import ConsentRequiredError, NarrowgateError, OAuthRefusal, readable
from .web import clock_difference, fetch, is_protected, object_in, origin_of, seconds_in

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"  # noqa: S105
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CIBA = "urn:openid:params:grant-type:ciba"
_WELL_KNOWN = "/.well-known/oauth-authorization-server"


@dataclass(frozen=True)
class IssuedToken:
    """What the token endpoint answered."""

    value: str = field(repr=False)
    is_bound: bool
    life: float
    """Seconds."""
    task: str
    purpose: str
    scope: str


@dataclass(frozen=True)
class PendingConsent:
    """A request for consent that waits for the user: what `/oauth/bc-authorize` answered."""

    id: str = field(repr=False)
    life: float
    """Seconds."""
    interval: float
    """Seconds between two polls of the token endpoint."""


class Issuer:
    """One issuer, known by its URL and found by its metadata."""

    def __init__(self, url: str, http: httpx.AsyncClient, *, timeout: float, allow_http: bool) -> None:
        """Raises `issuer_invalid` or `insecure_url` if there is none at this URL."""
        if not origin_of(url) or urlsplit(url).query or urlsplit(url).fragment:
            raise NarrowgateError("issuer_invalid", f"{readable(url)} is no URL of an issuer.")
        self.allow_http = allow_http
        self.require_protected(url)
        self.url = url
        self.http = http
        self.timeout = timeout
        self._token_endpoint: str | None = None
        self._metadata: Mapping[str, Any] = {}
        self._ahead = 0.0

    def require_protected(self, url: str) -> None:
        """Raises `insecure_url` if what is sent there can be read on the way."""
        if not self.allow_http and not is_protected(url):
            raise NarrowgateError("insecure_url", f"{origin_of(url)} is not reached by TLS: see `allow_http`.")

    def now(self) -> float:
        """Returns seconds since the epoch, by the issuer's clock."""
        return time.time() + self._ahead

    async def token_endpoint(self) -> str:
        """Returns the URL of the token endpoint; raises `issuer_invalid` if the metadata is not this issuer's."""
        if self._token_endpoint is not None:
            return self._token_endpoint
        parts = urlsplit(self.url)
        where = parts._replace(path=_WELL_KNOWN + parts.path.rstrip("/")).geturl()
        response = await fetch(self.http, self.http.build_request("GET", where), timeout=self.timeout)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise NarrowgateError("issuer_unreachable", f"{where} answered {response.status_code}.")
        metadata = object_in(response)
        if response.status_code != httpx.codes.OK or metadata is None:
            raise NarrowgateError("issuer_invalid", f"{where} is no metadata of an issuer.")
        # RFC 8414, section 3.3: metadata of another issuer must not be used.
        if metadata.get("issuer") != self.url:
            named = readable(metadata.get("issuer"), "no issuer")
            raise NarrowgateError("issuer_invalid", f"{where} is the metadata of {named}, and not of {self.url}.")
        endpoint = metadata.get("token_endpoint")
        # Identities and sessions go there: nowhere but to the issuer itself.
        if not isinstance(endpoint, str) or origin_of(endpoint) != origin_of(self.url):
            raise NarrowgateError("issuer_invalid", f"{where} names no token endpoint of its own origin.")
        self._token_endpoint = endpoint
        self._metadata = metadata
        self._ahead = clock_difference(response)
        return endpoint

    async def issue(self, form: Mapping[str, str], proof: str | None = None) -> IssuedToken:
        """Requests a token; raises `token_refused` if there is none."""
        endpoint = await self.token_endpoint()
        headers = {"DPoP": proof} if proof else {}
        request = self.http.build_request("POST", endpoint, data=dict(form), headers=headers)
        response = await fetch(self.http, request, timeout=self.timeout)
        body = object_in(response)
        if response.status_code != httpx.codes.OK or body is None:
            raise self._refusal(response, body)
        return self._issued(body)

    async def request_consent(self, form: Mapping[str, str]) -> PendingConsent:
        """Requests the consent of a user who is elsewhere (OpenID CIBA Core, section 7)."""
        endpoint = self._endpoint("backchannel_authentication_endpoint")
        if endpoint is None or origin_of(endpoint) != origin_of(self.url):
            raise NarrowgateError("issuer_invalid", f"{self.url} names no endpoint of its own for consent.")
        response = await fetch(
            self.http, self.http.build_request("POST", endpoint, data=dict(form)), timeout=self.timeout
        )
        body = object_in(response)
        if response.status_code != httpx.codes.OK or body is None:
            raise self._refusal(response, body)
        name, life = body.get("auth_req_id"), seconds_in(body.get("expires_in"))
        interval = seconds_in(body.get("interval", 5))
        if not isinstance(name, str) or life is None or interval is None:
            raise NarrowgateError("issuer_invalid", f"{self.url} answered with something else than a request.")
        return PendingConsent(name, life, interval)

    def _endpoint(self, name: str) -> str | None:
        endpoint = self._metadata.get(name)
        return endpoint if isinstance(endpoint, str) else None

    def _issued(self, body: Mapping[str, Any]) -> IssuedToken:
        texts = [body.get(name) for name in ("access_token", "task", "purpose", "scope")]
        kind, life = str(body.get("token_type")).lower(), body.get("expires_in")
        is_number = isinstance(life, (int, float)) and not isinstance(life, bool) and life > 0
        if kind not in ("bearer", "dpop") or not is_number or not all(isinstance(each, str) for each in texts):
            raise NarrowgateError("issuer_invalid", f"{self.url} answered with something else than a delegation token.")
        value, task, purpose, scope = cast("list[str]", texts)
        return IssuedToken(
            value=value,
            is_bound=kind == "dpop",
            life=float(cast("float", life)),
            task=task,
            purpose=purpose,
            scope=scope,
        )

    def _refusal(self, response: httpx.Response, body: Mapping[str, Any] | None) -> NarrowgateError:
        error, decision = (body or {}).get("error"), (body or {}).get("decision_id")
        if response.is_server_error and not isinstance(error, str):
            return NarrowgateError("issuer_unreachable", f"{self.url} answered {response.status_code}.")
        if body is None or not isinstance(error, str):
            message = f"{self.url} answered a token request with {response.status_code} and no OAuth error."
            return NarrowgateError("issuer_invalid", message)
        refusal = OAuthRefusal(
            error=readable(error),
            description=readable(body.get("error_description")),
            status=response.status_code,
            decision=readable(decision) or None,
            retry_after=seconds_in(response.headers.get("retry-after")),
        )
        scope = body.get("scope")
        if error == "consent_required" and isinstance(scope, str):
            return ConsentRequiredError(
                scope,
                authorization_endpoint=self._endpoint("authorization_endpoint"),
                backchannel_endpoint=self._endpoint("backchannel_authentication_endpoint"),
                refusal=refusal,
            )
        message = f"{self.url} refused a token: {refusal.description or 'it does not say why.'} ({refusal.error})"
        return NarrowgateError("token_refused", message, refusal=refusal)
