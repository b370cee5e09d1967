"""What tests know of the local stack: NARROWGATE_STACK is the JSON that `npm run test:python` writes for them."""

import json
import os
from pathlib import Path
from zlib import crc32

import httpx
import pytest
from narrowgate import ConsentRequest, Identity, IdentityRequest, Task

USER = os.environ.get("NARROWGATE_USER", "alice")
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
        self._support: list[str] = order["support"]
        self.robot: str = order["robot"]
        self.key: dict = order["key"]
        self._people: str = order["people"]

    async def _ask(self, path: str, **parameters: str) -> str:
        async with httpx.AsyncClient(timeout=20) as http:
            response = await http.get(self._people + path, params=parameters)
        assert response.status_code == 200, response.text
        return response.text

    async def session(self, user: str = USER, **more: str) -> str:
        return await self._ask("/session", user=user, **more)

    def identity(self, agent: str | None = None) -> Identity:
        """Without `agent`, one of those that do support: another for each test, but the same throughout one."""
        test = os.environ.get("PYTEST_CURRENT_TEST", "").split(" ")[0]
        agent = agent or self._support[crc32(test.encode()) % len(self._support)]

        async def identity(request: IdentityRequest) -> str:
            return await self._ask("/identity", agent=agent, audience=request.audience)

        return identity

    async def approve(self, task: Task) -> None:
        await self.decide(task.id, approve=True)

    async def reject(self, task: Task) -> None:
        await self.decide(task.id, approve=False)

    async def consent(self, request: ConsentRequest, decision: str) -> None:
        start, _, task = request.url.rpartition("/")
        assert start == f"{self.issuer}/console/approvals"
        await self._ask("/consent", task=task, user=USER, decision=decision)

    async def decide(self, task: str, *, approve: bool) -> None:
        await self._ask("/approve" if approve else "/reject", task=task)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def stack() -> Stack:
    return Stack(json.loads(Path(os.environ["NARROWGATE_STACK"]).read_text()))


@pytest.fixture(scope="session")
def repository() -> Path:
    return Path(__file__).resolve().parents[3]
