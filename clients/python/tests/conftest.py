"""What tests know of the local stack: NARROWGATE_STACK is the JSON that `npm run test:python` writes for them."""

import json
import os
from pathlib import Path

import httpx
import pytest
from narrowgate import Identity, IdentityRequest, Task

SUPPORT = "spiffe://example.org/agent/support"
RESEARCHER = "spiffe://example.org/agent/researcher"
VAULT = "spiffe://example.org/agent/vault"


class Stack:
    """The local stack, and people who do what a test cannot."""

    def __init__(self, order: dict) -> None:
        self.issuer: str = order["issuer"]
        self.edge: str = order["gateway"]
        """Its gateway answers clients of MCP in their words."""
        self.plain: str = order["plain"]
        """Its gateway answers everybody by HTTP."""
        self.robot: str = order["robot"]
        self.key: dict = order["key"]
        self._people: str = order["people"]

    async def _ask(self, path: str, **parameters: str) -> str:
        async with httpx.AsyncClient(timeout=20) as http:
            response = await http.get(self._people + path, params=parameters)
        assert response.status_code == 200, response.text
        return response.text

    async def session(self, user: str = "alice", **more: str) -> str:
        return await self._ask("/session", user=user, **more)

    def identity(self, agent: str = SUPPORT) -> Identity:
        async def identity(request: IdentityRequest) -> str:
            return await self._ask("/identity", agent=agent, audience=request.audience)

        return identity

    async def approve(self, task: Task) -> str:
        return await self.approve_id(task.id)

    async def approve_id(self, task: str) -> str:
        return await self._ask("/approve", task=task)

    async def reject(self, task: Task) -> str:
        return await self._ask("/reject", task=task.id)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def stack() -> Stack:
    return Stack(json.loads(Path(os.environ["NARROWGATE_STACK"]).read_text()))


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parents[3]
