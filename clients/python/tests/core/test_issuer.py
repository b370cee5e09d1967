"""Issuers that are slow, speak garbage, are somebody else, or have another time."""

import asyncio
import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from email.utils import formatdate
from itertools import pairwise
from urllib.parse import parse_qs

import pytest
from narrowgate import NarrowgateError, open_task
from server import Answer, Server, serving

pytestmark = pytest.mark.anyio

METADATA = "/.well-known/oauth-authorization-server"
ASSERTION = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9.c2lnbmF0dXJlLW9mLWFuLWFnZW50"
ISSUED = {
    "access_token": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ0YXNrIn0.c2lnbmF0dXJl",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "a.b:read",
    "task": "tsk_1",
    "purpose": "p",
}


def metadata(server: Server, **more: object) -> Answer:
    return Answer({"issuer": server.origin, "token_endpoint": f"{server.origin}/oauth/token", **more})


def identity(_request: object) -> str:
    return ASSERTION


async def raised_by(server: Server, **options: object) -> NarrowgateError:
    with pytest.raises(NarrowgateError) as raised:
        async with open_task(**{"issuer": server.origin, "identity": identity, "timeout": 1.0, **options}):
            pass
    assert ASSERTION not in str(raised.value)
    return raised.value


async def test_nobody_is_there():
    async with serving(lambda *_: None) as server:
        pass
    assert (await raised_by(server)).code == "issuer_unreachable"


async def test_an_issuer_that_never_answers():
    async def wait(*_):
        await asyncio.sleep(30)

    async with serving(wait) as server:
        began = time.monotonic()
        assert (await raised_by(server)).code == "issuer_unreachable"
        assert time.monotonic() - began < 3


async def test_an_issuer_that_answers_a_byte_at_a_time():
    async def drip(_received, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.2)

    async with serving(drip) as server:
        began = time.monotonic()
        assert (await raised_by(server)).code == "issuer_unreachable"
        assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    "answer",
    [
        Answer(b"<html>"),
        Answer(b"[1]"),
        Answer(b"\xff\xfe"),
        Answer(b"[" * 100_000),
        Answer({}, status=404),
        Answer(b"", status=302, headers={"location": "/elsewhere"}),
    ],
    ids=["html", "a list", "no text", "deep", "404", "a redirect"],
)
async def test_what_is_no_metadata_of_this_issuer(answer):
    async def say(*_):
        return answer

    async with serving(say) as server:
        assert (await raised_by(server)).code == "issuer_invalid"
        assert len(server.received) == 1


@pytest.mark.parametrize("more", [{"issuer": "https://other.example"}, {"padding": "x" * 300_000}])
async def test_metadata_of_another_issuer_or_too_much_of_it(more):
    async def say(*_):
        return metadata(server, **more)

    async with serving(say) as server:
        assert (await raised_by(server)).code == "issuer_invalid"
        assert len(server.received) == 1


async def test_a_token_endpoint_elsewhere_gets_nothing():
    async def hear(*_):
        return Answer({})

    async with serving(hear) as other:

        async def say(*_):
            return metadata(server, token_endpoint=f"{other.origin}/oauth/token")

        async with serving(say) as server:
            assert (await raised_by(server)).code == "issuer_invalid"
        assert other.received == []


@pytest.mark.parametrize("url", ["", "authz.example", "ftp://authz.example", "https://authz.example/?a=b", "https://["])
async def test_what_is_no_url_of_an_issuer(url):
    assert (await raised_by(Server(), issuer=url)).code == "issuer_invalid"


@pytest.mark.parametrize("url", ["http://authz.example", "http://192.168.1.7:8787"])
async def test_nothing_is_sent_in_the_clear_to_another_machine(url):
    assert (await raised_by(Server(), issuer=url)).code == "insecure_url"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer({**ISSUED, "access_token": None}), "issuer_invalid"),
        (Answer({**ISSUED, "expires_in": "soon"}), "issuer_invalid"),
        (Answer({**ISSUED, "expires_in": 0}), "issuer_invalid"),
        (Answer({**ISSUED, "token_type": "DPoP"}), "issuer_invalid"),
        (Answer(b"no"), "issuer_invalid"),
        (Answer(b"no", status=502), "issuer_unreachable"),
        (Answer({"error": 7}, status=400), "issuer_invalid"),
        (Answer({"error": "invalid_client", "error_description": f"not {ASSERTION}"}, status=401), "token_refused"),
        (Answer(b"", status=307, headers={"location": "https://elsewhere.example/"}), "issuer_invalid"),
    ],
)
async def test_garbage_of_the_token_endpoint(answer, code):
    async def say(received, _writer):
        return metadata(server) if received.path == METADATA else answer

    async with serving(say) as server:
        assert (await raised_by(server)).code == code


async def test_the_metadata_of_an_issuer_with_a_path_stands_before_it():
    async def say(*_):
        return Answer(status=404)

    async with serving(say) as server:
        await raised_by(server, issuer=f"{server.origin}/tenant/")
        assert server.received[0].path == f"{METADATA}/tenant"


@pytest.mark.parametrize("ahead", [-300, 0, 3600])
async def test_proofs_are_made_by_the_clock_of_the_issuer(ahead):
    async def say(received, _writer):
        headers = {"date": formatdate(time.time() + ahead, usegmt=True)}
        if received.path == METADATA:
            return Answer(metadata(server).body, headers=headers)
        return Answer({**ISSUED, "token_type": "DPoP"}, headers=headers)

    async with serving(say) as server:
        seen = []

        def look(request):
            seen.append(request.now)
            return ASSERTION

        async with open_task(issuer=server.origin, identity=look, dpop=True):
            pass
    [proof] = [each.headers["dpop"] for each in server.received if each.path == "/oauth/token"]
    claims = proof.split(".")[1]
    iat = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["iat"]
    assert abs(iat - time.time() - ahead) < 4
    assert abs(seen[0] - time.time() - ahead) < 4


def jwt_of(**claims: object) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b'=').decode()}.e30"


async def test_each_request_of_a_task_names_its_audience():
    """An agent with several audiences has to say which it means."""

    async def say(received, _writer):
        token = jwt_of(aud="https://api.example")
        return metadata(server) if received.path == METADATA else Answer({**ISSUED, "access_token": token})

    async with serving(say) as server:
        options = {"issuer": server.origin, "identity": identity}
        async with open_task(**options, resource="https://api.example/crm") as task:
            task._renew_at = 0
            await task.token()
            await task.step_up(jwt_of())
            async with task.delegate("agent", identity=identity):
                pass
        forms = [parse_qs(each.body.decode()) for each in server.received if each.path == "/oauth/token"]
    assert [form["resource"] for form in forms] == [["https://api.example/crm"], *[["https://api.example"]] * 3]


SESSION = jwt_of(iss="https://login.example", sub="alice")
ACKNOWLEDGED = {"auth_req_id": "tsk_1.secret", "expires_in": 60, "interval": 1}


class Consenting:
    """An issuer that wants the user's consent, and answers each poll in turn."""

    def __init__(self, acknowledgement, *answers):
        self.acknowledgement, self.answers, self.polls, self.pages = acknowledgement, answers, [], []

    async def open(self, **options):
        async def say(received, _writer):
            if received.path == METADATA:
                return metadata(server, backchannel_authentication_endpoint=f"{server.origin}/bc")
            if received.path == "/bc":
                return self.acknowledgement
            if "auth_req_id" not in parse_qs(received.body.decode()):
                return Answer({"error": "consent_required", "scope": "mail.send:write"}, status=400)
            self.polls.append(time.monotonic())
            return self.answers[min(len(self.polls), len(self.answers)) - 1]

        async with serving(say) as server:
            self.origin = server.origin
            more = {"identity": identity, "session": SESSION, "on_consent": lambda each: self.pages.append(each.url)}
            async with open_task(**{"issuer": server.origin, "timeout": 1.0, **more, **options}) as task:
                task._has_ended = True
                return task.id

    async def fails(self, **options):
        with pytest.raises(NarrowgateError) as raised:
            await self.open(**options)
        assert ASSERTION not in str(raised.value)
        return raised.value


def oauth_error(error, **headers):
    status = 503 if headers else 400
    return Answer({"error": error}, status=status, headers={name.replace("_", "-"): headers[name] for name in headers})


async def test_an_issuer_is_polled_at_its_pace_through_outages_until_the_user_has_consented():
    issuer = Consenting(
        Answer(ACKNOWLEDGED),
        oauth_error("temporarily_unavailable", retry_after="5"),
        Answer(b"<html>", status=502),
        oauth_error("authorization_pending"),
        oauth_error("slow_down"),
        Answer({**ISSUED, "task": "tsk_2"}),
    )
    assert await issuer.open() == "tsk_2"
    assert issuer.pages == [f"{issuer.origin}/console/approvals/tsk_1"]
    assert [round(later - earlier) for earlier, later in pairwise(issuer.polls)] == [1, 1, 1, 6]


@pytest.mark.parametrize("error", ["authorization_pending", "slow_down"])
async def test_an_issuer_that_says_for_ever_that_the_user_has_not_answered_is_left(error):
    issuer = Consenting(Answer({**ACKNOWLEDGED, "expires_in": 1.5}), oauth_error(error))
    assert (await issuer.fails()).refusal.error == error
    assert len(issuer.polls) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(b"", status=307, headers={"location": "/elsewhere"}), "issuer_invalid"),
        (Answer(b"<html>"), "issuer_invalid"),
        (Answer({**ACKNOWLEDGED, "auth_req_id": 7}), "issuer_invalid"),
        (Answer({**ACKNOWLEDGED, "auth_req_id": "../@evil"}), "issuer_invalid"),
        (Answer({**ACKNOWLEDGED, "auth_req_id": "\ud800"}), "issuer_invalid"),
        (Answer({**ACKNOWLEDGED, "expires_in": "soon"}), "issuer_invalid"),
        (Answer({**ACKNOWLEDGED, "expires_in": float("nan")}), "issuer_invalid"),
        (Answer({**ACKNOWLEDGED, "interval": float("inf")}), "issuer_invalid"),
        (Answer({**ACKNOWLEDGED, "padding": "x" * 300_000}), "issuer_invalid"),
        (Answer(b"", status=500), "issuer_unreachable"),
        (Answer({"error": "unknown_user_id"}, status=400), "token_refused"),
    ],
)
async def test_garbage_in_place_of_a_request_for_consent_is_not_shown_to_the_user(answer, code):
    issuer = Consenting(answer)
    assert (await issuer.fails()).code == code
    assert (issuer.pages, issuer.polls) == ([], [])


@pytest.mark.parametrize(
    "session", [None, jwt_of(), jwt_of(iss=7, sub=[]), "e30.W10.e30", "e30.%s.e30" % ("W1tb" * 9_000)]
)
async def test_the_user_of_a_session_that_names_none_gets_no_request(session):
    issuer = Consenting(Answer(ACKNOWLEDGED))
    assert (await issuer.fails(session=session)).code == "consent_required"


async def test_a_token_of_another_task_is_none_of_this_one(stack):
    async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task:
        other = task._agent
        async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as second:
            assert second.id != task.id
            issued = await other.issue(
                {
                    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
                    "subject_token": await second.token(),
                    "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
                }
            )
            with pytest.raises(NarrowgateError) as raised:
                task._take(issued)
    assert raised.value.code == "issuer_invalid"
