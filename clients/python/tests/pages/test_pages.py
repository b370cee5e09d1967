"""Programs of the pages, and agents of `examples/agents`: those that run in this environment."""

import os

import pytest
from examples import gives_money_back
from snippets import prints, programs

pytestmark = pytest.mark.anyio

ENVIRONMENT = os.environ.get("NARROWGATE_ENVIRONMENT", "core")
EXAMPLES = {"mcp-1": ["openai-agents-python", "langgraph"], "mcp-2": ["python"]}
SAYS = ("The printer is on fire", "crm.tickets.*:read", "crm.tickets.reply:write")


@pytest.mark.parametrize("text", programs(ENVIRONMENT))
async def test_it_does_what_the_page_says(stack, tmp_path, text):
    said = await prints(stack, text, tmp_path)
    if ENVIRONMENT == "core":
        assert said.splitlines()[-1] in SAYS
    else:
        assert "refunded" in said


@pytest.mark.parametrize("name", EXAMPLES.get(ENVIRONMENT, []))
async def test_an_example_gives_money_back_once_a_person_has_approved(stack, repository, tmp_path, name):
    await gives_money_back(stack, repository, name, tmp_path)
