"""Proofs of a key: DPoP (RFC 9449), and the hand-over of a task that is bound to one."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from joserfc import jwt
from joserfc.jwk import ECKey

ALGORITHM = "ES256"


class ProofKey:
    """A key to which a task's tokens are bound. It leaves the process only in `Task.save`."""

    def __init__(self, key: ECKey | None = None) -> None:
        """Without `key`, makes a new one."""
        self._key = key or ECKey.generate_key("P-256", auto_kid=False)

    def __repr__(self) -> str:
        return f"ProofKey({self.thumbprint()!r})"

    @classmethod
    def load(cls, private: Mapping[str, Any]) -> ProofKey:
        """Returns the key of a private JWK; raises ValueError if it is none."""
        key = ECKey.import_key({str(name): value for name, value in private.items()})
        if not key.is_private or key.curve_name != "P-256":
            raise ValueError("not a private key of the curve P-256")
        return cls(key)

    def private(self) -> dict[str, Any]:
        """Returns the private JWK."""
        return dict(self._key.as_dict(private=True))

    def thumbprint(self) -> str:
        """Returns its thumbprint (RFC 7638)."""
        return self._key.thumbprint()

    def prove(self, method: str, url: str, *, now: float, token: str | None = None, nonce: str | None = None) -> str:
        """Returns a proof for one request: RFC 9449, section 4.2. `now`: seconds since the epoch."""
        claims: dict[str, Any] = {"htm": method, "htu": without_query(url)}
        if token is not None:
            claims["ath"] = _hash(token)
        if nonce is not None:
            claims["nonce"] = nonce
        return self._sign("dpop+jwt", claims, now)

    def hand_over(self, *, token: str, issuer: str, agent: str, thumbprint: str, now: float) -> str:
        """Returns the consent of this key that one other agent, with one key of its own, gets a task below."""
        claims = {"aud": issuer, "sub": agent, "cnf": {"jkt": thumbprint}, "ath": _hash(token)}
        return self._sign("narrowgate-handover+jwt", claims, now)

    def _sign(self, kind: str, claims: Mapping[str, Any], now: float) -> str:
        header = {"typ": kind, "alg": ALGORITHM, "jwk": self._key.as_dict(private=False)}
        return jwt.encode(header, {**claims, "jti": str(uuid4()), "iat": int(now)}, self._key)


def without_query(url: str) -> str:
    """Returns the `htu` of a URL."""
    return urlsplit(url)._replace(query="", fragment="").geturl()


def _hash(token: str) -> str:
    return urlsafe_b64encode(sha256(token.encode()).digest()).rstrip(b"=").decode()
