"""The agent of `examples/agents` in plain Python, through an approval."""

import pytest
from examples import gives_money_back

pytestmark = pytest.mark.anyio


async def test_it_gives_money_back_once_a_person_has_approved(stack, repository, tmp_path):
    await gives_money_back(stack, repository, "python", tmp_path)
