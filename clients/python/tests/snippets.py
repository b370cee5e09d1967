"""The programs of the pages, as they stand there: only URLs and paths become those of the local stack."""

import re
from pathlib import Path

import pytest
from conftest import Stack
from examples import run

PAGES = ("docs/guides/python.md", "clients/python/README.md")
REPOSITORY = Path(__file__).resolve().parents[3]


def environment_of(program: str) -> str:
    """The environment that has what it imports."""
    if re.search(r"^(?:from|import) (?:langchain|agents)", program, re.MULTILINE):
        return "mcp-1"
    return "mcp-2" if re.search(r"^(?:from|import) (?:mcp|fastmcp)", program, re.MULTILINE) else "core"


def programs(environment: str) -> list[object]:
    found = []
    for page in PAGES:
        blocks = re.findall(r"^```python\n(.*?)^```$", (REPOSITORY / page).read_text(), re.MULTILINE | re.DOTALL)
        assert blocks, page
        found += [pytest.param(text, id=f"{page}-{number}") for number, text in enumerate(blocks)]
    return [each for each in found if environment_of(str(each.values[0])) == environment]


async def prints(stack: Stack, text: str, home: Path) -> str:
    places = {
        "https://authz.example": stack.issuer,
        "https://api.example": stack.edge,
        "/run/spiffe/jwt": str(home / "IDENTITY_FILE"),
        "/run/spiffe/researcher-jwt": str(home / "RESEARCHER_FILE"),
    }
    for written, here in places.items():
        text = text.replace(written, here)
    program = home / "program.py"
    program.write_text(text)
    said, _ = await run(stack, program, home)
    return said
