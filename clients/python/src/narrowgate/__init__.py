"""Narrowgate for agents: a token for one task, and denials that an agent can act on."""

from .auth import TaskAuth
from .denial import Approval, Denial, DeniedError, to_model
from .errors import ErrorCode, NarrowgateError
from .identity import Identity, Session, from_file, github_actions, kubernetes, private_key_jwt
from .shapes import denial_of
from .task import Task, open_task, resume_task
from .waiting import until_allowed

__all__ = [
    "Approval",
    "Denial",
    "DeniedError",
    "ErrorCode",
    "Identity",
    "NarrowgateError",
    "Session",
    "Task",
    "TaskAuth",
    "denial_of",
    "from_file",
    "github_actions",
    "kubernetes",
    "open_task",
    "private_key_jwt",
    "resume_task",
    "to_model",
    "until_allowed",
]
