"""Runs an agent of `examples/agents`, with a person who approves, and a model that does as it is told."""

import asyncio
import json
import os
import re
import sys
from pathlib import Path

from conftest import RESEARCHER, Stack
from narrowgate import ConsentRequest, IdentityRequest
from server import Answer, serving

MODEL = "a-model"
CALL = {"order": "1001", "amount": 24_900}
MOST_LINES = 25
ASKED = "Please approve: "
CONSENT = re.compile(r"Please consent to (\S+): (\S+)")


def own_lines(program: Path) -> int:
    """Lines that are neither empty nor a comment, without the sentence on top."""
    return sum(1 for line in program.read_text().splitlines()[1:] if line.strip() and not line.strip().startswith("#"))


async def model(received, _writer):
    """OpenAI's Responses API, and its chat completions: calls the tool `refund`, and then says what that returned."""
    asked = json.loads(received.body)
    assert asked["model"] == MODEL
    call = {"name": "refund", "arguments": json.dumps(CALL)}
    if received.path.endswith("/responses"):
        returned = [str(each["output"]) for each in asked["input"] if each.get("type") == "function_call_output"]
        said = {"type": "output_text", "text": "".join(returned), "annotations": []}
        message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [said]}
        item = message if returned else {"type": "function_call", "id": "f", "call_id": "c", **call}
        return Answer(
            {
                "id": "r",
                "object": "response",
                "created_at": 0,
                "model": asked["model"],
                "output": [item],
                "parallel_tool_calls": False,
                "tool_choice": "auto",
                "tools": [],
            },
            headers={"content-type": "application/json"},
        )
    returned = [str(each["content"]) for each in asked["messages"] if each["role"] == "tool"]
    calls = [] if returned else [{"id": "c", "type": "function", "function": call}]
    message = {"role": "assistant", "content": "".join(returned), "tool_calls": calls}
    choice = {"index": 0, "finish_reason": "stop" if returned else "tool_calls", "message": message}
    return Answer(
        {"id": "r", "object": "chat.completion", "created": 0, "model": asked["model"], "choices": [choice]},
        headers={"content-type": "application/json"},
    )


async def run(stack: Stack, program: Path, home: Path, *, approve: bool = True) -> tuple[str, str]:
    """Returns what it printed, and its log. A person decides on the first call that it shows."""
    files = {}
    for name, agent in (("IDENTITY_FILE", None), ("RESEARCHER_FILE", RESEARCHER)):
        files[name] = home / name
        files[name].write_text(await stack.identity(agent)(IdentityRequest(audience=stack.issuer, now=0)))
    async with serving(model) as openai:
        environment = {
            **os.environ,
            **{name: str(path) for name, path in files.items()},
            "NARROWGATE": stack.issuer,
            "MCP_URL": f"{stack.edge}/billing/mcp",
            "SESSION": await stack.session(),
            "OPENAI_BASE_URL": f"{openai.origin}/v1",
            "OPENAI_API_KEY": "none",
            "MODEL": MODEL,
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "LANGSMITH_TRACING": "false",
        }
        pipe = asyncio.subprocess.PIPE
        agent = await asyncio.create_subprocess_exec(
            sys.executable, str(program), env=environment, stdout=pipe, stderr=pipe
        )
        first = (await asyncio.wait_for(agent.stdout.readline(), 40)).decode()
        if first.startswith(ASKED):
            await stack.decide(first.strip().split("/")[-2], approve=approve)
        elif consent := CONSENT.match(first):
            await stack.consent(ConsentRequest(consent[2], consent[1], 0), "approve")
        said, log = await asyncio.wait_for(agent.communicate(), 40)
    assert agent.returncode == 0, log.decode()
    return first + said.decode(), log.decode()


async def gives_money_back(stack: Stack, repository: Path, name: str, home: Path) -> None:
    program = repository / "examples/agents" / name / "agent.py"
    assert own_lines(program) <= MOST_LINES
    said, log = await run(stack, program, home)
    first, *rest = said.splitlines()
    assert first.startswith(f"{ASKED}{stack.issuer}/console/approvals/tsk_"), said + log
    assert "refunded" in " ".join(rest), said + log
    rejected, log = await run(stack, program, home, approve=False)
    assert "It was rejected." in rejected, rejected + log
    assert "refunded" not in rejected
