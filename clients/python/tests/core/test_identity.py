"""Identities: where they come from, and that one which fails says so without what it found."""

import asyncio
import time

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from narrowgate import (
    IdentityRequest,
    NarrowgateError,
    from_file,
    from_github_actions,
    from_kubernetes,
    from_private_key,
    open_task,
)
from server import Answer, serving

pytestmark = pytest.mark.anyio

REQUEST = IdentityRequest(audience="https://authz.example", now=1_800_000_000.0)
SECRET = "not-a-jwt-but-a-secret"


async def test_a_file_is_read_each_time(stack, tmp_path):
    path = tmp_path / "svid"
    path.write_text(await stack.identity()(IdentityRequest(audience=stack.issuer, now=0)) + "\n")
    session = await stack.session()
    async with open_task(issuer=stack.issuer, identity=from_file(path), session=session) as task:
        assert task.purpose == "triage-ticket"
    path.write_text(SECRET)
    with pytest.raises(NarrowgateError) as raised:
        async with open_task(issuer=stack.issuer, identity=from_kubernetes(path), session=session):
            pass
    assert raised.value.code == "identity_failed"
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
async def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "svid"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(NarrowgateError, match="svid cannot be read") as raised:
        await from_file(path)(REQUEST)
    assert raised.value.code == "identity_failed"


@pytest.mark.parametrize("audience", ["https://evil.example", ["https://evil.example"], [], 7, {}])
async def test_an_identity_for_somebody_else_is_sent_to_nobody(audience):
    """A task that was saved names its issuer: whoever could change that would get the identity that a file has."""
    private = ECKey.generate_key("P-256", auto_kid=False)
    token = jwt.encode({"alg": "ES256"}, {"sub": "agent", "aud": audience}, private)

    async def say(*_):
        return Answer({"issuer": server.origin, "token_endpoint": f"{server.origin}/oauth/token"})

    async with serving(say) as server:
        with pytest.raises(NarrowgateError) as raised:
            async with open_task(issuer=server.origin, identity=lambda _request: token):
                pass
        assert raised.value.code == "identity_failed"
        assert token not in str(raised.value)
        assert [received.method for received in server.received] == ["GET"]


def sync_failure(_request):
    raise RuntimeError(SECRET)


async def late(_request):
    await asyncio.sleep(30)


@pytest.mark.parametrize(
    "identity", [sync_failure, late, lambda _: None, lambda _: 7, lambda _: SECRET, lambda _: "a.b.c\nd"]
)
async def test_an_identity_that_fails(stack, identity):
    began = time.monotonic()
    with pytest.raises(NarrowgateError) as raised:
        async with open_task(issuer=stack.issuer, identity=identity, timeout=1.0):
            pass
    assert time.monotonic() - began < 10
    assert raised.value.code == "identity_failed"
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("session", [SECRET, lambda: None, sync_failure, lambda: 7])
async def test_a_session_that_fails(stack, session):
    with pytest.raises(NarrowgateError) as raised:
        async with open_task(issuer=stack.issuer, identity=stack.identity(), session=session):
            pass
    assert raised.value.code == "session_failed"
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256", {"kid": "k1"}), "ES256"),
        (ECKey.generate_key("P-384", auto_kid=False), "ES384"),
        (RSAKey.generate_key(2048, auto_kid=False), "PS256"),
    ],
)
async def test_an_assertion_of_the_agents_own_key(key, algorithm):
    identity = from_private_key("agent", key.as_dict(private=True), algorithm=algorithm)
    first, second = identity(REQUEST), identity(REQUEST)
    token = jwt.decode(first, key, algorithms=[algorithm])
    assert {**token.claims, "jti": ""} == {
        "iss": "agent",
        "sub": "agent",
        "aud": "https://authz.example",
        "jti": "",
        "iat": 1_800_000_000,
        "exp": 1_800_000_060,
    }
    assert token.header.get("kid") == key.kid
    assert first != second
    pem = from_private_key("agent", key.as_pem(private=True), algorithm=algorithm)
    jwt.decode(pem(REQUEST), key, algorithms=[algorithm])


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ECKey.generate_key("P-256").as_dict(private=False), "ES256"),
        (ECKey.generate_key("P-256").as_dict(private=True), "PS256"),
        ("-----BEGIN NONSENSE-----", "ES256"),
        ({"kty": "oct", "k": "c2VjcmV0"}, "HS256"),
        ({}, "ES256"),
    ],
)
def test_what_is_no_private_key_of_the_algorithm(key, algorithm):
    with pytest.raises(ValueError, match=r"private key") as raised:
        from_private_key("agent", key, algorithm=algorithm)
    assert "c2VjcmV0" not in str(raised.value)


async def test_a_job_of_github_actions(monkeypatch):
    async def say(received, _writer):
        return Answer({"value": "eyJ.a.b"})

    async with serving(say) as server:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.origin}/token?api-version=2")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)
        assert await from_github_actions()(REQUEST) == "eyJ.a.b"
    [received] = server.received
    assert received.path == "/token?api-version=2&audience=https%3A%2F%2Fauthz.example"
    assert received.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize("answer", [Answer({"value": 7}), Answer({"value": SECRET}, status=500), Answer(b"no")])
async def test_a_job_that_gets_none(monkeypatch, answer):
    async def say(*_):
        return answer

    async with serving(say) as server:
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{server.origin}/token")
        monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)
        with pytest.raises(NarrowgateError) as raised:
            await from_github_actions()(REQUEST)
    assert raised.value.code == "identity_failed"
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(("url", "says"), [("", "id-token: write"), ("http://token.example/", "not reached by TLS")])
async def test_no_job_or_one_without_tls(monkeypatch, url, says):
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", url)
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", SECRET)
    with pytest.raises(NarrowgateError, match=says) as raised:
        await from_github_actions()(REQUEST)
    assert raised.value.code == "identity_failed"
