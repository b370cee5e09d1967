"""Agents of `examples/agents` whose frameworks need `mcp` 1.x, through an approval."""

import pytest
from examples import gives_money_back

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("name", ["openai-agents-python", "langgraph"])
async def test_it_gives_money_back_once_a_person_has_approved(stack, repository, tmp_path, name):
    await gives_money_back(stack, repository, name, tmp_path)
