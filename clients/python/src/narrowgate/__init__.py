"""Narrowgate for agents: a token for one task, and denials that an agent can act on."""

from .auth import TaskAuth
from .consent import ConsentRequest
from .denial import Approval, Denial, DeniedError, StepUp, to_model
from .errors import ConsentRequiredError, ErrorCode, NarrowgateError, OAuthRefusal
from .identity import (
    Identity,
    IdentityRequest,
    Session,
    SessionToken,
    from_file,
    from_github_actions,
    from_kubernetes,
    from_private_key,
)
from .proof import ProofKey
from .shapes import denial_of
from .task import HandOver, Task, open_task, resume_task
from .waiting import until_allowed

__all__ = [
    "Approval",
    "ConsentRequest",
    "ConsentRequiredError",
    "Denial",
    "DeniedError",
    "ErrorCode",
    "HandOver",
    "Identity",
    "IdentityRequest",
    "NarrowgateError",
    "OAuthRefusal",
    "ProofKey",
    "Session",
    "SessionToken",
    "StepUp",
    "Task",
    "TaskAuth",
    "denial_of",
    "from_file",
    "from_github_actions",
    "from_kubernetes",
    "from_private_key",
    "open_task",
    "resume_task",
    "to_model",
    "until_allowed",
]
