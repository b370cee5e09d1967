"""A server that answers as a test says, on a free port."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Received:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Server:
    origin: str = ""
    received: list[Received] = field(default_factory=list)


@dataclass
class Answer:
    body: bytes | object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Received, asyncio.StreamWriter], Awaitable[Answer | None]]


@asynccontextmanager
async def serving(answer: Handler) -> AsyncIterator[Server]:
    """`answer` returns an answer, or writes to the connection itself and returns None."""
    server = Server()
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        connections.add(task)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            received = Received(method, path, headers, body)
            server.received.append(received)
            said = await answer(received, writer)
            if said is not None:
                whole = said.body if isinstance(said.body, bytes) else json.dumps(said.body).encode()
                more = {"content-length": str(len(whole)), "connection": "close", **said.headers}
                fields = "".join(f"{name}: {value}\r\n" for name, value in more.items())
                writer.write(f"HTTP/1.1 {said.status} Said\r\n{fields}\r\n".encode() + whole)
                await writer.drain()
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.origin = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield server
    finally:
        listener.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
