"""AgentDojo's ground truth as traces of tool calls, its environments to replay them in, and its judges.

A trace is one user task, alone or with one injection task. In the second case the agent obeys the injected text to the
letter: right after the call whose result contains it, it makes all calls of the attack, and then goes on with its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import attacks
from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from agentdojo.types import text_content_block_from_string

Environment = Any
Task = Any


@dataclass
class Call:
    """A call that the agent makes, of its user's task or of an attack."""

    function: str
    arguments: dict[str, Any]
    denied: bool = False
    reason: str | None = None
    result: str = ""


@dataclass
class Outcome:
    """AgentDojo's verdicts on one trace: whether the user task is solved, and whether the attack is carried out."""

    solved: bool
    attacked: bool
    calls: list[Call]


Decide = Callable[[Call], bool]


def allow(_call: Call) -> bool:
    """The agent without an authorizer."""
    return True


class Suite:
    """A suite of AgentDojo. Its environment is loaded once, and copied for each trace."""

    def __init__(self, suite: Any) -> None:
        self.name: str = suite.name
        self.user_tasks: dict[str, Task] = suite.user_tasks
        self.injection_tasks: dict[str, Task] = suite.injection_tasks
        self._suite = suite
        self._initial = suite.load_and_inject_default_environment({})
        canaries = {vector: f"canary-{vector}-" for vector in suite.get_injection_vector_defaults()}
        self._canaries = list(canaries.values())
        self._marked = suite.load_and_inject_default_environment(canaries)
        self._before_attack: dict[str, int] = {}
        self._own: dict[str, list[Call]] = {}

    def start(self, user_task: Task) -> Environment:
        """The environment in which a user task begins."""
        return user_task.init_environment(self._initial.model_copy(deep=True))

    def own_calls(self, user_task: Task) -> list[Call]:
        """The calls of a user task, which always begins in the same environment."""
        if user_task.ID not in self._own:
            self._own[user_task.ID] = self._calls(user_task, self.start(user_task))
        return [replace(call) for call in self._own[user_task.ID]]

    def _calls(self, task: Task, environment: Environment) -> list[Call]:
        """The calls of a task, with what the agent would read in this environment as their arguments."""
        truth = task.ground_truth(environment.model_copy(deep=True)) or attacks.calls_of(self.name, task, environment)
        return [Call(call.function, dict(call.args)) for call in truth]

    def acts_by_words(self, injection_task: Task) -> bool:
        """Whether the attack succeeds by what the agent says alone. No authorizer of calls can prevent that."""
        environment = self._initial.model_copy(deep=True)
        return self._judge(injection_task, injection_task.GROUND_TRUTH_OUTPUT, environment, environment, [])

    def replay(self, user_task: Task, injection_task: Task | None, decide: Decide) -> Outcome:
        """Replays one trace and judges it.

        The arguments of a trace are fixed: a call is made even if the call that its arguments came from was denied.
        Therefore a user task is solved only if none of its calls was denied. An attack is carried out whenever
        AgentDojo says so, whatever of it was denied. Both count against the authorizer.
        """
        environment = self.start(user_task)
        before = environment.model_copy(deep=True)
        own = self.own_calls(user_task)
        outputs = [user_task.GROUND_TRUTH_OUTPUT]
        if injection_task is None:
            calls = self._execute(own, environment, decide)
        else:
            count = self._calls_before_attack(user_task, len(own))
            calls = self._execute(own[:count], environment, decide)
            attack = self._calls(injection_task, environment)
            calls += self._execute(attack, environment, decide)
            calls += self._execute(own[count:], environment, decide)
            if not any(call.denied for call in attack):
                outputs.append(injection_task.GROUND_TRUTH_OUTPUT)
        output = "\n".join(outputs)
        solved = self._judge(user_task, output, before, environment, calls)
        return Outcome(
            solved=solved and not any(call.denied for call in own),
            attacked=injection_task is not None and self._judge(injection_task, output, before, environment, calls),
            calls=calls,
        )

    def _calls_before_attack(self, user_task: Task, otherwise: int) -> int:
        """How many calls precede the attack: up to the first whose result can contain injected text."""
        if user_task.ID not in self._before_attack:
            marked = user_task.init_environment(self._marked.model_copy(deep=True))
            calls = self._execute(self._calls(user_task, marked), marked, allow)
            exposed = (
                count
                for count, call in enumerate(calls, start=1)
                if any(canary in call.result for canary in self._canaries)
            )
            self._before_attack[user_task.ID] = next(exposed, otherwise)
        return self._before_attack[user_task.ID]

    def _execute(self, calls: list[Call], environment: Environment, decide: Decide) -> list[Call]:
        """Executes what is allowed. After a call that is denied or fails, the agent goes on with its next one."""
        runtime = FunctionsRuntime(self._suite.tools)
        for call in calls:
            call.denied = not decide(call)
            if not call.denied:
                result, error = runtime.run_function(environment, call.function, call.arguments)
                call.result = tool_result_to_str(result) if error is None else error
        return calls

    def _judge(self, task: Task, output: str, before: Environment, after: Environment, calls: list[Call]) -> bool:
        executed = [FunctionCall(function=call.function, args=call.arguments) for call in calls if not call.denied]
        blocks = [text_content_block_from_string(output)]
        return bool(self._suite._check_task_result(task, blocks, before, after, executed))
