"""`TaskAuth`: the token goes to one origin, and a request is repeated once where that helps."""

import asyncio
import time

import httpx
import pytest
from conftest import VAULT
from narrowgate import NarrowgateError, TaskAuth, denial_of, open_task
from server import Answer, serving

pytestmark = pytest.mark.anyio


async def test_no_other_origin_gets_the_token_not_even_by_a_redirect(stack):
    async def hear(received, _writer):
        return Answer({"got": received.headers.get("authorization")})

    async with serving(hear) as other:

        async def lead(received, _writer):
            if received.path == "/away":
                return Answer(status=307, headers={"location": f"{other.origin}/there"})
            return Answer({"got": received.headers.get("authorization")})

        async with (
            serving(lead) as gateway,
            open_task(
                issuer=stack.issuer, identity=stack.identity(VAULT), session=await stack.session(), dpop=True
            ) as task,
            httpx.AsyncClient(auth=TaskAuth(task, f"{gateway.origin}/mcp"), follow_redirects=True) as http,
        ):
            token = await task.token()
            assert (await http.get(f"{gateway.origin}/here")).json() == {"got": f"DPoP {token}"}
            assert (await http.get(f"{other.origin}/direct")).json() == {"got": None}
            assert (await http.get(f"{gateway.origin}/away")).json() == {"got": None}
            # The same machine by another name is another origin.
            assert (await http.get(f"{gateway.origin}/here".replace("127.0.0.1", "localhost"))).json() == {"got": None}


async def test_it_takes_the_origin_of_the_resource_or_needs_one(stack):
    session = await stack.session()
    options = {"issuer": stack.issuer, "identity": stack.identity(), "session": session}
    async with open_task(**options, resource="https://api.example") as task:
        auth = TaskAuth(task)
        assert "https://api.example:443" in repr(auth)
        assert (await task.token()) not in repr(auth)
        with pytest.raises(ValueError, match="URL"):
            TaskAuth(task, "api.example")
    async with open_task(**options) as task:
        with pytest.raises(ValueError, match="URL"):
            TaskAuth(task)


async def test_no_token_goes_over_plain_http_to_another_machine(stack):
    options = {"issuer": stack.issuer, "identity": stack.identity(), "session": await stack.session()}
    async with open_task(**options) as task:
        async with httpx.AsyncClient(auth=TaskAuth(task, "http://api.example")) as http:
            with pytest.raises(NarrowgateError) as raised:
                await http.get("http://api.example/crm")
    assert raised.value.code == "insecure_url"


async def test_a_synchronous_client_works_in_another_thread_and_says_so_elsewhere(stack):
    async with open_task(
        issuer=stack.issuer, identity=stack.identity(VAULT), session=await stack.session(), dpop=True, keep_alive=False
    ) as task:

        def tool(path):
            with httpx.Client(auth=TaskAuth(task, stack.edge)) as http:
                return http.get(stack.edge + path)

        first = await task.token()
        # It is renewed by the loop of its task.
        task._renew_at = time.monotonic()
        assert (await asyncio.to_thread(tool, "/crm/tickets/42")).status_code == 200
        assert await task.token() != first

        def stream():
            with httpx.Client(auth=TaskAuth(task, stack.edge)) as http:
                with http.stream("GET", stack.edge + "/mail/messages") as response:
                    return denial_of(response)

        assert (await asyncio.to_thread(stream)).code == "unknown_tool"
        with pytest.raises(RuntimeError, match="another thread"):
            tool("/crm/tickets/42")


async def test_a_synchronous_client_repeats_a_request_once_with_a_nonce(stack):
    async def refuse(*_):
        return Answer(status=401, headers={"www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n"})

    async with (
        open_task(
            issuer=stack.issuer, identity=stack.identity(VAULT), session=await stack.session(), dpop=True
        ) as task,
        serving(refuse) as gateway,
    ):

        def tool():
            with httpx.Client(auth=TaskAuth(task, gateway.origin)) as http:
                return http.get(gateway.origin).status_code

        assert await asyncio.to_thread(tool) == 401
        assert len(gateway.received) == 2


async def test_a_request_is_repeated_once_by_a_token_that_was_rotated_meanwhile(stack):
    async with open_task(
        issuer=stack.issuer, identity=stack.identity(), session=await stack.session(), keep_alive=False
    ) as task:

        async def refuse(*_):
            task._renew_at = time.monotonic()
            return Answer(status=401, headers={"www-authenticate": 'Bearer error="invalid_token"'})

        async with serving(refuse) as gateway, httpx.AsyncClient(auth=TaskAuth(task, gateway.origin)) as http:
            assert (await http.post(gateway.origin, content=b"once")).status_code == 401
            first, second = gateway.received
            assert first.headers["authorization"] != second.headers["authorization"]
            assert first.body == second.body == b"once"

            async def stream():
                yield b"only once"

            # There is no second body to send.
            assert (await http.post(gateway.origin, content=stream())).status_code == 401
            assert len(gateway.received) == 3


async def test_a_request_that_another_token_would_not_help_is_not_repeated(stack):
    async def refuse(*_):
        return Answer(status=401, headers={"www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n"})

    async with (
        open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task,
        serving(refuse) as gateway,
        httpx.AsyncClient(auth=TaskAuth(task, gateway.origin)) as http,
    ):
        # An unbound token has no proof that could have a nonce.
        assert (await http.get(gateway.origin)).status_code == 401
        assert len(gateway.received) == 1
    async with (
        open_task(
            issuer=stack.issuer, identity=stack.identity(VAULT), session=await stack.session(), dpop=True
        ) as task,
        serving(refuse) as gateway,
        httpx.AsyncClient(auth=TaskAuth(task, gateway.origin)) as http,
    ):
        assert (await http.get(gateway.origin)).status_code == 401
        assert len(gateway.received) == 2
        assert gateway.received[0].headers["dpop"] != gateway.received[1].headers["dpop"]


ENDLESS = b"HTTP/1.1 %b\r\nx-narrowgate-code: %b\r\ntransfer-encoding: chunked\r\n%b\r\n%x\r\n%b\r\n"
WANTS_NONCE = b'www-authenticate: DPoP error="use_dpop_nonce"\r\ndpop-nonce: n\r\n'


@pytest.mark.parametrize("beginning", [b"{", b"x" * 100_000])
@pytest.mark.parametrize(
    ("status", "code", "more"), [(b"403 No", b"policy_denied", b""), (b"401 No", b"invalid_token", WANTS_NONCE)]
)
async def test_a_failed_answer_that_never_ends_holds_nobody_up(stack, beginning, status, code, more):
    async def begin(_received, writer):
        writer.write(ENDLESS % (status, code, more, len(beginning), beginning))
        while True:
            await asyncio.sleep(0.2)
            writer.write(b"1\r\n \r\n")
            await writer.drain()

    session = await stack.session()
    async with (
        open_task(issuer=stack.issuer, identity=stack.identity(VAULT), session=session, dpop=True) as task,
        serving(begin) as gateway,
        httpx.AsyncClient(auth=TaskAuth(task, gateway.origin), timeout=None) as http,
    ):

        def tool():
            with httpx.Client(auth=TaskAuth(task, gateway.origin), timeout=None) as own:
                return own.get(gateway.origin)

        async def stream():
            async with http.stream("GET", gateway.origin) as response:
                return response

        calls = asyncio.gather(http.get(gateway.origin), stream(), asyncio.to_thread(tool))
        for response in await asyncio.wait_for(calls, 10):
            assert denial_of(response).code == code.decode()
            assert len(response.content) < 10**6


async def test_a_silent_answer_holds_nobody_up(stack):
    async def begin(_received, writer):
        writer.write(ENDLESS % (b"403 No", b"policy_denied", b"", 1, b"{"))
        await asyncio.sleep(60)

    async with (
        open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task,
        serving(begin) as gateway,
        httpx.AsyncClient(auth=TaskAuth(task, gateway.origin), timeout=None) as http,
    ):
        assert denial_of(await asyncio.wait_for(http.get(gateway.origin), 6)).code == "policy_denied"
