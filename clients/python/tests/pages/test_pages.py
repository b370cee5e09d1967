"""Programs of the pages, and agents of `examples/agents`: those that run in this environment."""

import os

import pytest
from examples import gives_money_back
from snippets import prints, programs

pytestmark = pytest.mark.anyio

ENVIRONMENT = os.environ.get("NARROWGATE_ENVIRONMENT", "core")
EXAMPLES = {"mcp-1": ["openai-agents-python", "langgraph"], "mcp-2": ["python"]}
SAYS = {
    "core": ("The printer is on fire", "crm.tickets.*:read", "crm.tickets.reply:write"),
    "mcp-1": ("refunded",),
    "mcp-2": ("It can be approved at",),
}


@pytest.mark.parametrize("text", programs(ENVIRONMENT))
async def test_it_does_what_the_page_says(stack, tmp_path, text):
    said = await prints(stack, text, tmp_path)
    assert any(each in said.splitlines()[-1] for each in SAYS[ENVIRONMENT])


@pytest.mark.parametrize("name", EXAMPLES.get(ENVIRONMENT, []))
async def test_an_example_gives_money_back_once_a_person_has_approved(stack, repository, tmp_path, name):
    await gives_money_back(stack, repository, name, tmp_path)
