"""Programs of the pages that run in this environment."""

import pytest
from snippets import prints, programs

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("text", programs("mcp_2"))
async def test_it_does_what_the_page_says(stack, tmp_path, text):
    said = await prints(stack, text, tmp_path)
    assert "It can be approved at" in said
