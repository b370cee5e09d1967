"""What this package raises. No error contains a token, a proof, a key or an assertion."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

ErrorCode = Literal[
    "identity_failed",
    "session_failed",
    "issuer_unreachable",
    "issuer_invalid",
    "token_refused",
    "consent_required",
    "task_ended",
    "saved_invalid",
    "insecure_url",
    "denied",
    "wait_exceeded",
]

_JWT = re.compile(r"ey[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){1,4}")
_LONGEST_SENTENCE = 600


@dataclass(frozen=True)
class OAuthRefusal:
    """The token endpoint's own words (RFC 6749, section 5.2)."""

    error: str
    """Such as `invalid_client`, `invalid_scope`, `consent_required`."""
    description: str
    status: int
    decision: str | None = None
    """The id of the decision record."""
    retry_after: float | None = None
    """Seconds until it may be tried again."""


class NarrowgateError(Exception):
    """A failure that a program can tell from others by its `code`; the message is a sentence for people.

    - `identity_failed`: the agent's identity could not be produced, or is no JWT
    - `session_failed`: the user's session could not be produced, or is no JWT
    - `issuer_unreachable`: the issuer did not answer, or not in time
    - `issuer_invalid`: what answered is not the issuer: garbage, or another issuer's metadata
    - `token_refused`: the issuer refused a token; `refusal` says why
    - `consent_required`: a `ConsentRequiredError`
    - `task_ended`: the task has ended, or its last token expired before it could be renewed: open another one
    - `saved_invalid`: what `resume_task` got is no saved task
    - `insecure_url`: a token would have gone over plain HTTP to another machine
    - `denied`, `wait_exceeded`: see `DeniedError`
    """

    code: ErrorCode
    refusal: OAuthRefusal | None
    """Of `token_refused` and `consent_required`."""

    def __init__(self, code: ErrorCode, message: str, *, refusal: OAuthRefusal | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.refusal = refusal


class ConsentRequiredError(NarrowgateError):
    """The task needs the consent of its user, which has not been requested yet."""

    scope: str
    """What is to be consented to, as scopes."""
    authorization_endpoint: str | None
    """Where the agent sends a user who is at the browser (`authorization_code`)."""
    backchannel_endpoint: str | None
    """Where it requests the consent of a user who is elsewhere (OpenID CIBA), as `on_consent` does."""

    def __init__(
        self, scope: str, *, authorization_endpoint: str | None, backchannel_endpoint: str | None, refusal: OAuthRefusal
    ) -> None:
        message = f"There is no token: the user has to consent first, to {readable(scope)}."
        super().__init__("consent_required", message, refusal=refusal)
        self.scope = scope
        self.authorization_endpoint = authorization_endpoint
        self.backchannel_endpoint = backchannel_endpoint


def readable(text: object, otherwise: str = "", *, longest: int = _LONGEST_SENTENCE) -> str:
    """Returns foreign text as it may stand in a sentence: short, on one line, without anything like a JWT."""
    if not isinstance(text, str):
        return otherwise
    line = "".join(character if character.isprintable() else " " for character in text[: 4 * longest])
    return _JWT.sub("[token]", line)[:longest] or otherwise
