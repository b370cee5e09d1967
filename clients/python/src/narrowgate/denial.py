"""A denial as a value, in whichever way a program met it, and what a model reads of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from .errors import NarrowgateError, readable
from .web import origin_of, seconds_in

LONGEST_TEXT = 65_536
"""Characters; a denial is short."""
ADVICE: Mapping[str, str] = {
    "missing_token": "",
    "invalid_token": "",
    "step_up_required": "",
    "insufficient_scope": "No token for its purpose would: do without it, or tell the user.",
    "policy_denied": "Repeating it does not help: do without it, or tell the user.",
    "unknown_tool": "Call only tools that the list of tools has.",
    "unknown_method": "",
    "unknown_gateway": "",
    "budget_exhausted": "Finish with what there is, or tell the user.",
    "sequence_denied": "Repeating it now does not help: go on without it, or tell the user.",
    "approval_required": "Any change to the call needs an approval of its own.",
    "loop_detected": "Stop repeating them: use what earlier calls returned, take another way, or tell the user.",
    "deviation": "Go on with what the task is for, or tell the user.",
    "tool_changed": "An operator has to review it: do without it until then, and tell the user.",
    "rate_limited": "Wait before the next call.",
    "malformed_call": "Correct it; the same request is denied again.",
    "unavailable": "The call itself may be fine: it has not been made.",
}
"""Every code of a denied call, with what helps in general."""


@dataclass(frozen=True)
class Approval:
    """The approval that a call waits for. It carries no authority, and may be public."""

    status: Literal["pending", "rejected"] = "pending"
    url: str | None = None
    """The page where people decide; None if it cannot be decided any more."""
    id: str | None = None
    task: str | None = None
    """The id of the task whose call it is."""
    name: str | None = None
    """Its name in approvers.yaml; None: any operator decides, or it is not known."""
    expires_at: float | None = None
    """Seconds since the epoch."""


@dataclass(frozen=True)
class StepUp:
    """RFC 9470: what the next session of the user must have."""

    acr_values: tuple[str, ...] = ()
    max_age: float | None = None
    """The most seconds since the login."""


@dataclass(frozen=True)
class Denial:
    """Why a call was not made, and what would help."""

    code: str
    """Such as `policy_denied`: the codes are those of `ADVICE`; a newer Narrowgate may have more."""
    description: str = ""
    """A sentence or more: what is wrong."""
    decision: str | None = None
    """The id of the decision record, which `narrowgate explain` explains."""
    retry_after: float | None = None
    """Seconds after which the same call may be tried again; None: waiting does not help, or for how long is unknown."""
    scope: str | None = None
    """Of `insufficient_scope`: the scope with which a token would cover the call."""
    approval: Approval | None = None
    """Of `approval_required`: where people decide on the call."""
    step_up: StepUp | None = None
    """Of `step_up_required`: which login is needed."""
    tool: str | None = None
    """The tool whose call it was, if the answer names it: those to clients of MCP do."""
    text: str | None = field(default=None, repr=False)
    """The whole denial in the words of the gateway's answer, if it had any."""


class DeniedError(NarrowgateError):
    """A call that stays denied: `denied`, or `wait_exceeded` if waiting may still help. Its message is for a model."""

    denial: Denial

    def __init__(self, code: Literal["denied", "wait_exceeded"], denial: Denial) -> None:
        super().__init__(code, to_model(denial))
        self.denial = denial


def to_model(denial: Denial) -> str:
    """Returns a denial as one paragraph that a model can act on. Nothing in it is invisible or breaks the line."""
    if denial.text:
        return readable(denial.text, longest=LONGEST_TEXT)
    approval = denial.approval
    subject = "the call" if denial.tool is None else f"the call of {json.dumps(denial.tool)}"
    parts = [f"Narrowgate denied {subject}, and nothing was done.", denial.description]
    if approval and approval.status == "rejected":
        parts.append("It was rejected.")
    elif approval and approval.url:
        parts.append(f"It can be approved at {approval.url}: give that address to the user,")
        parts.append("and repeat exactly the same call once it is approved.")
    if denial.scope:
        parts.append(f"A token with the scope {denial.scope} would do.")
    else:
        parts.append(ADVICE.get(denial.code, ""))
    # A model that reads a time would repeat the call until people answer.
    if denial.retry_after is not None and denial.code != "approval_required":
        seconds = int(denial.retry_after)
        parts.append(f"Try again in {seconds} {'second' if seconds == 1 else 'seconds'}.")
    parts.append(f"({denial.code}, decision {denial.decision})" if denial.decision else f"({denial.code})")
    return " ".join(readable(part) for part in parts if part)


_CODE = r"[a-z][a-z_]{1,40}"
_DECISION = re.compile(r"dec_[0-9A-Z]{10,40}")
# A match contains its own beginning once only: a server could make any other search take quadratic time.
_DENIED = re.compile(
    rf"Narrowgate denied (?:(?!Narrowgate denied ).){{1,4000}}?\(({_CODE}), decision ({_DECISION.pattern})\)", re.DOTALL
)
_TOOL = re.compile(r'Narrowgate denied the call of "([^"\n]{1,300})", and ')
_PAGE = re.compile(r"It can be approved at (\S{1,2000})(?: until (\S+))?: give that address")
_REJECTED = re.compile(r"It was rejected; that holds")
_SCOPE = re.compile(r"A token with the scope (.{1,2000}?) would do\.")
_RETRY = re.compile(r"Try again in (\d{1,9}) seconds?\.")
_NOTHING_DONE = "and nothing was done. "
_TAIL = re.compile(r"(?:It can be approved at|It was rejected|A token with the scope|Try again in|\().*", re.DOTALL)
_APPROVAL_PAGE = re.compile(r"https?://[^?#]+/console/approvals/([^/?#]+)/([^/?#]+)")


def denial_in_text(text: str, *, whole: bool) -> Denial | None:
    """Returns the denial in the words that a gateway gives to models; None if there is none.

    `whole`: only if the text is nothing else. A tool's own answer may quote a denial.
    """
    if len(text) > LONGEST_TEXT:
        return None
    match = _DENIED.fullmatch(text.strip()) if whole else _DENIED.search(text)
    if not match:
        return None
    words = match[0]
    page, retry, scope = _PAGE.search(words), _RETRY.search(words), _SCOPE.search(words)
    tool = _TOOL.match(words)
    approval = None
    if page and origin_of(page[1]):
        approval = approval_at(page[1])
    elif _REJECTED.search(words):
        approval = Approval(status="rejected")
    _, _, rest = words.partition(_NOTHING_DONE)
    description = _TAIL.sub("", rest).rstrip().removesuffix(ADVICE.get(match[1], "")).strip()
    return Denial(
        code=match[1],
        description=readable(description),
        decision=match[2],
        scope=scope[1] if scope else None,
        approval=approval,
        retry_after=float(retry[1]) if retry else None,
        tool=tool[1] if tool else None,
        text=words,
    )


def approval_at(page: str) -> Approval:
    """Returns the approval of a page, whose address names it and its task."""
    parts = _APPROVAL_PAGE.fullmatch(page)
    return Approval(url=page, task=parts[1], id=parts[2]) if parts else Approval(url=page)


def denial_in_members(members: object, *, text: str | None = None) -> Denial | None:
    """Returns the denial in the JSON members of an answer; None if they are not those of one."""
    if not isinstance(members, Mapping):
        return None
    code, decision = members.get("error"), members.get("decision_id")
    if not isinstance(code, str) or not re.fullmatch(_CODE, code):
        return None
    if not isinstance(decision, str) or not _DECISION.fullmatch(decision):
        return None
    scope = members.get("scope")
    words = denial_in_text(text, whole=False) if text else None
    return Denial(
        code=code,
        description=readable(members.get("error_description")),
        decision=decision,
        scope=scope if isinstance(scope, str) else None,
        approval=_approval_in(members.get("approval")),
        retry_after=words.retry_after if words else None,
        tool=words.tool if words else None,
        text=words.text if words else None,
    )


def _approval_in(members: object) -> Approval | None:
    if not isinstance(members, Mapping):
        return None
    url, expires_at = members.get("url"), members.get("expires_at")
    found = approval_at(url) if isinstance(url, str) and origin_of(url) else Approval()
    return replace(
        found,
        status="rejected" if members.get("status") == "rejected" else "pending",
        id=_text(members.get("id")),
        name=_text(members.get("name")),
        expires_at=float(expires_at) if isinstance(expires_at, (int, float)) else None,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


_CHALLENGED = {
    None: "missing_token",
    "invalid_token": "invalid_token",
    "invalid_dpop_proof": "invalid_token",
    "use_dpop_nonce": "invalid_token",
    "insufficient_scope": "insufficient_scope",
    "insufficient_user_authentication": "step_up_required",
}
_PARAMETER = re.compile(r'(?<![a-z_])([a-z_]+)="((?:[^"\\]|\\.)*)"')


def challenge_in(header: str) -> Mapping[str, str]:
    """Returns the parameters of a `WWW-Authenticate` (RFC 9110, section 11.6.1) with quoted values."""
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in _PARAMETER.findall(header)}


def denial_in_headers(headers: Mapping[str, Any]) -> Denial | None:
    """Returns the denial that the headers of a response state; None if they state none."""

    def get(name: str) -> str | None:
        value = headers.get(name)
        return value if isinstance(value, str) else None

    challenge = challenge_in(get("www-authenticate") or "")
    code = get("x-narrowgate-code")
    if code is None and "resource_metadata" in challenge:
        code = _CHALLENGED.get(challenge.get("error"))
    if code is None or not re.fullmatch(_CODE, code):
        return None
    return Denial(
        code=code,
        decision=get("x-narrowgate-decision"),
        scope=challenge.get("scope") if code == "insufficient_scope" else None,
        retry_after=seconds_in(get("retry-after")),
        step_up=_step_up_in(challenge) if code == "step_up_required" else None,
    )


def _step_up_in(challenge: Mapping[str, str]) -> StepUp:
    return StepUp(tuple(challenge.get("acr_values", "").split()), seconds_in(challenge.get("max_age")))


def member(value: object, *names: str) -> Any:
    """Returns a member of a mapping, or an attribute of an object, by the first name that it has."""
    for name in names:
        found = (
            cast("Mapping[str, object]", value).get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        )
        if found is not None:
            return found
    return None
