"""Replays all traces of one suite, and prints AgentDojo's verdicts as JSON.

    python replay.py --suite banking --url http://127.0.0.1:8790

A call is executed only if the authorizer at --url allowed it; without --url all are. It answers over HTTP, in JSON:

    POST /open    {"suite", "prompt", "calls"}           answers {"session"}: one for each trace
    POST /decide  {"session", "function", "arguments"}   answers {"allow", "code"}
    POST /close   {"session"}                            answers {"approvals"}: how many were given

`calls` are the user's own: from these, and from the prompt, an application knows what the user wants when it opens a
task. No request to /decide says whose call it is. Any other answer ends the replay, and counts as no denial.
"""

from __future__ import annotations

import argparse
import http.client
import json
from importlib.metadata import version
from typing import Any, TypeVar
from urllib.parse import urlsplit

from agentdojo.task_suite.load_suites import get_suite
from pydantic import BaseModel
from traces import Call, Outcome, Suite, Task, allow

SUITES_VERSION = "v1.2.2"

Response = TypeVar("Response", bound=BaseModel)


class OpenResponse(BaseModel, strict=True):
    """What /open answers."""

    session: str


class DecideResponse(BaseModel, strict=True):
    """What /decide answers: `allow` is true or false, and nothing that merely counts as one of them."""

    allow: bool
    code: str | None


class CloseResponse(BaseModel, strict=True):
    """What /close answers."""

    approvals: int


class Authorizer:
    """What decides over HTTP."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def session(self, suite: Suite, user_task: Task) -> Session:
        calls = [plain(call) for call in suite.own_calls(user_task)]
        body = {"suite": suite.name, "prompt": user_task.PROMPT, "calls": calls}
        return Session(self, self.request("/open", body, OpenResponse).session)

    def request(self, path: str, body: dict[str, Any], response_type: type[Response]) -> Response:
        text = json.dumps(body, default=str)
        self._connection.request("POST", path, text, {"content-type": "application/json"})
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path} answered {response.status}: {answer.decode()}")
        return response_type.model_validate_json(answer)


class Session:
    """One trace."""

    def __init__(self, authorizer: Authorizer, session: str) -> None:
        self._authorizer = authorizer
        self._session = session

    def decide(self, call: Call) -> bool:
        decision = self._authorizer.request("/decide", {"session": self._session, **plain(call)}, DecideResponse)
        call.reason = decision.code
        return decision.allow

    def close(self) -> int:
        return self._authorizer.request("/close", {"session": self._session}, CloseResponse).approvals


def plain(call: Call) -> dict[str, Any]:
    return {"function": call.function, "arguments": call.arguments}


def replay(suite: Suite, authorizer: Authorizer | None, user_task: Task, injection_task: Task | None) -> dict[str, Any]:
    if authorizer is None:
        return verdict_of(suite.replay(user_task, injection_task, allow), approvals=0)
    session = authorizer.session(suite, user_task)
    outcome = suite.replay(user_task, injection_task, session.decide)
    return verdict_of(outcome, approvals=session.close())


def verdict_of(outcome: Outcome, approvals: int) -> dict[str, Any]:
    return {
        "solved": outcome.solved,
        "attacked": outcome.attacked,
        "approvals": approvals,
        "denied": [f"{call.function}: {call.reason}" for call in outcome.calls if call.denied],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Replays AgentDojo's traces through an authorizer.")
    parser.add_argument("--suite", required=True)
    parser.add_argument("--url", help="the authorizer; without it every call is executed")
    options = parser.parse_args()

    suite = Suite(get_suite(SUITES_VERSION, options.suite))
    authorizer = Authorizer(options.url) if options.url else None
    result = {
        "agentdojo": version("agentdojo"),
        "version": SUITES_VERSION,
        "suite": suite.name,
        "alone": [
            {"user_task": task.ID, **replay(suite, authorizer, task, None)} for task in suite.user_tasks.values()
        ],
        "attacked": [
            {
                "user_task": user_task.ID,
                "injection_task": injection_task.ID,
                "by_words": suite.acts_by_words(injection_task),
                **replay(suite, authorizer, user_task, injection_task),
            }
            for user_task in suite.user_tasks.values()
            for injection_task in suite.injection_tasks.values()
        ],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
