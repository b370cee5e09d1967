"""What this package raises. No error contains a token, a proof, a key or an assertion."""

from __future__ import annotations

import re
from typing import Literal

ErrorCode = Literal[
    "identity_failed",
    "session_failed",
    "issuer_unreachable",
    "issuer_invalid",
    "clock_skew",
    "token_refused",
    "task_ended",
    "saved_invalid",
    "denied",
]

_JWT = re.compile(r"ey[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){1,4}")
_LONGEST_SENTENCE = 600


class NarrowgateError(Exception):
    """A failure that a program can tell from others by its `code`; the message is a sentence for people.

    ==================== ==================================================================================
    `identity_failed`    the agent's identity could not be produced
    `session_failed`     the user's session could not be produced
    `issuer_unreachable` the issuer did not answer, or not in time; or it is temporarily unavailable
    `issuer_invalid`     the issuer's URL, its metadata or its answer is not what an issuer has
    `clock_skew`         the issuer rejected a token or proof, and this machine's clock differs from its own
    `token_refused`      the issuer refused a token: `oauth_error` says why
    `task_ended`         the task has ended or its last token has expired: open another one
    `saved_invalid`      what is to be resumed is no saved task
    `denied`             Narrowgate denied a call: see `DeniedError`
    ==================== ==================================================================================
    """

    code: ErrorCode
    """Which failure it is."""
    oauth_error: str | None
    """Of `token_refused` and `clock_skew`: the OAuth error, such as `invalid_scope`."""
    decision: str | None
    """The id of the decision record, if there is one."""
    retry_after: float | None
    """Seconds after which it may be tried again, if the issuer said so."""

    def __init__(
        self,
        code: ErrorCode,
        message: str,
        *,
        oauth_error: str | None = None,
        decision: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.oauth_error = oauth_error
        self.decision = decision
        self.retry_after = retry_after


def readable(text: object, otherwise: str = "") -> str:
    """Returns foreign text as it may stand in a sentence: short, on one line, without anything like a JWT."""
    if not isinstance(text, str):
        return otherwise
    line = "".join(character if character.isprintable() else " " for character in text[: 4 * _LONGEST_SENTENCE])
    return _JWT.sub("[token]", line)[:_LONGEST_SENTENCE] or otherwise
