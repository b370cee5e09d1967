"""Programs of the pages that run in this environment."""

import pytest
from snippets import prints, programs

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("text", programs("core"))
async def test_it_does_what_the_page_says(stack, tmp_path, text):
    said = await prints(stack, text, tmp_path)
    assert said.splitlines()[-1] in ("The printer is on fire", "crm.tickets.*:read", "crm.tickets.reply:write")
