"""A task against the real Worker: its tokens, its end, and those below it."""

import asyncio
import json
import time

import httpx
import pytest
from conftest import RESEARCHER, VAULT, Stack
from narrowgate import (
    ConsentRequiredError,
    NarrowgateError,
    ProofKey,
    SessionToken,
    Task,
    TaskAuth,
    denial_of,
    from_private_key,
    open_task,
    resume_task,
)

pytestmark = pytest.mark.anyio


async def status(task: Task, stack: Stack, path: str = "/crm/tickets/42") -> int:
    async with httpx.AsyncClient(auth=TaskAuth(task, stack.edge)) as http:
        return (await http.get(stack.edge + path)).status_code


async def test_leaving_the_block_completes_the_task(stack):
    async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task:
        assert await status(task, stack) == 200
        token = await task.token()
        assert task.id.startswith("tsk_")
        assert task.purpose == "triage-ticket"
        assert "crm.tickets.*:read" in task.scope
        assert token not in repr(task)
    with pytest.raises(NarrowgateError) as ended:
        await task.token()
    assert ended.value.code == "task_ended"
    async with httpx.AsyncClient() as http:
        response = await http.get(stack.edge + "/crm/tickets/42", headers={"Authorization": f"Bearer {token}"})
    assert denial_of(response).code == "invalid_token"


async def test_an_error_in_the_block_aborts_the_task_and_is_raised(stack):
    options = {"issuer": stack.issuer, "identity": stack.identity(), "session": await stack.session()}

    async def failing():
        async with open_task(**options) as task:
            found.extend([task, await task.token()])
            raise LookupError

    found = []
    with pytest.raises(LookupError):
        await failing()
    task, token = found
    async with httpx.AsyncClient() as http:
        response = await http.post(
            f"{stack.issuer}/v1/tasks/{task.id}/abort", headers={"Authorization": f"Bearer {token}"}
        )
    # It had ended before this request.
    assert (response.json()["status"], response.json()["ended"]) == ("revoked", [])


async def test_a_task_that_has_ended_already_is_left_without_an_error(stack):
    async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task:
        headers = {"Authorization": f"Bearer {await task.token()}"}
        async with httpx.AsyncClient() as http:
            await http.post(f"{stack.issuer}/v1/tasks/{task.id}/complete", headers=headers)


async def test_a_token_is_renewed_early_by_one_request_for_all(stack):
    count = 0
    identity = stack.identity()

    async def counting(request):
        nonlocal count
        count += 1
        return await identity(request)

    async with open_task(
        issuer=stack.issuer, identity=counting, session=await stack.session(), keep_alive=False
    ) as task:
        first = await task.token()
        assert await task.token() == first
        # Of a life of five minutes, the last one.
        assert 235 < task._renew_at - time.monotonic() <= 240
        task._renew_at = time.monotonic()
        tokens = await asyncio.gather(*[task.token() for _ in range(20)])
        assert count == 2
        assert len(set(tokens)) == 1
        assert tokens[0] != first
        assert await status(task, stack) == 200


async def test_a_token_is_renewed_while_nobody_asks_for_it(stack, monkeypatch):
    # A second after it was issued.
    monkeypatch.setattr("narrowgate.task._EARLY", 299)
    monkeypatch.setattr("narrowgate.task._SHARE", 1)
    async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task:
        first = task._token
        await asyncio.sleep(0.5)
        assert task._token == first
        await asyncio.sleep(1.5)
        assert task._token != first
    before = task._token
    await asyncio.sleep(1.5)
    assert task._token == before


async def test_a_failed_renewal_keeps_the_token_that_holds(stack):
    fails = False
    identity = stack.identity()

    async def sometimes(request):
        if fails:
            raise OSError("no socket")
        return await identity(request)

    async with open_task(
        issuer=stack.issuer, identity=sometimes, session=await stack.session(), keep_alive=False
    ) as task:
        first = await task.token()
        fails = True
        task._renew_at = time.monotonic()
        assert await task.token() == first
        # Not with each call that follows.
        assert task._renew_at > time.monotonic() + 4
        task._expires = task._renew_at = time.monotonic()
        with pytest.raises(NarrowgateError) as ended:
            await task.token()
        assert ended.value.code == "task_ended"
        task._expires = task._renew_at = time.monotonic() + 200


async def test_a_token_that_the_end_of_its_task_cuts_short_is_not_renewed_again(stack):
    async with open_task(
        issuer=stack.issuer, identity=stack.identity(), session=await stack.session(), keep_alive=False
    ) as task:
        await task._renew()
        assert task._renew_at < task._expires
        task._longest_life = 10_000
        await task._renew()
        assert task._renew_at == task._expires


async def test_a_task_survives_a_restart(stack):
    async with open_task(
        issuer=stack.issuer, identity=stack.identity(VAULT), session=await stack.session(), dpop=True
    ) as task:
        saved = await task.save()
    assert await status(task, stack) == 200
    async with resume_task(saved, identity=stack.identity(VAULT)) as again:
        assert (again.id, again.purpose, again.scope, again.is_bound) == (task.id, task.purpose, task.scope, True)
        assert await status(again, stack) == 200
        again._renew_at = time.monotonic()
        assert await again.token() != await task.token()
    assert await status(task, stack) == 401


@pytest.mark.parametrize(
    "change",
    [{"requested": {"scope": 7}}, {"token": 7}, {"expires_at": "soon"}, {"key": {"kty": "EC"}}, {"issuer": None}, None],
)
async def test_what_is_no_saved_task_is_not_resumed(stack, change):
    async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task:
        members = json.loads(await task.save())
        await task.complete()
    saved = "{" if change is None else json.dumps({**members, **change})
    with pytest.raises(NarrowgateError) as raised:
        async with resume_task(saved, identity=stack.identity()):
            pass
    assert raised.value.code == "saved_invalid"
    assert members["token"] not in str(raised.value)


async def test_a_task_whose_token_has_expired_is_not_resumed(stack):
    async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task:
        members = json.loads(await task.save())
        await task.complete()
    with pytest.raises(NarrowgateError) as raised:
        async with resume_task(json.dumps({**members, "expires_at": time.time() - 1}), identity=stack.identity()):
            pass
    assert raised.value.code == "task_ended"


def expired(saved: str) -> str:
    return json.dumps({**json.loads(saved), "expires_at": time.time() - 100})


async def test_a_bound_task_whose_token_has_expired_is_resumed_with_the_same_session(stack):
    session, identity = await stack.session(), stack.identity(VAULT)
    options = {"purpose": "answer-customer", "scope": "crm.tickets.get:read", "resource": "https://api.example"}
    async with open_task(issuer=stack.issuer, identity=identity, session=session, dpop=True, **options) as task:
        saved = expired(await task.save())
    async with resume_task(saved, identity=identity, session=session) as again:
        assert (again.id, again.scope, again.resource) == (task.id, task.scope, task.resource)
        assert await again.token() != await task.token()
        assert await status(again, stack) == 200
        # In one process too.
        again._expires = again._renew_at = time.monotonic()
        assert await status(again, stack) == 200


async def test_a_bound_task_is_resumed_by_a_fresher_login_and_by_no_other(stack):
    session, identity = await stack.session(), stack.identity(VAULT)

    async def resumed(session):
        async with resume_task(saved, identity=identity, session=session) as again:
            # Its block leaves it alone.
            await again.save()
            return again.id

    async def code(session):
        with pytest.raises(NarrowgateError) as raised:
            await resumed(session)
        return raised.value.code

    async with open_task(issuer=stack.issuer, identity=identity, session=session, dpop=True) as task:
        saved = expired(await task.save())
        # Another user's session opens another task, which does not replace the one that was saved.
        assert await code(await stack.session("bob")) == "task_ended"
        # Logins are told apart by the second.
        await asyncio.sleep(1.1)
        fresher = await stack.session()
        assert [await resumed(each) for each in (session, fresher, fresher)] == [task.id] * 3
        assert await code(session) == "task_ended"
        await task.complete()
        assert await code(fresher) == "task_ended"


async def test_a_sub_agent_gets_a_task_with_less_that_ends_with_its_parent(stack):
    async with open_task(issuer=stack.issuer, identity=stack.identity(), session=await stack.session()) as task:
        async with task.delegate(RESEARCHER, "crm.tickets.get:read", identity=stack.identity(RESEARCHER)) as child:
            assert child.scope == "crm.tickets.get:read"
            assert await status(child, stack) == 200
            assert await status(child, stack, "/crm/tickets") == 403
            await task.complete()
            assert await status(child, stack) == 401


async def test_a_bound_task_is_handed_over_to_one_key_here_and_elsewhere(stack):
    session = await stack.session()
    async with open_task(issuer=stack.issuer, identity=stack.identity(VAULT), session=session, dpop=True) as task:
        async with task.delegate(RESEARCHER, identity=stack.identity(RESEARCHER)) as child:
            assert child.is_bound
            assert await status(child, stack) == 200
        with pytest.raises(ValueError, match="thumbprint"):
            await task.hand_over(RESEARCHER)
        key = ProofKey()
        parent = await task.hand_over(RESEARCHER, key.thumbprint())
        assert (await task.token()) not in repr(parent)
        async with open_task(
            issuer=stack.issuer, identity=stack.identity(RESEARCHER), parent=parent, dpop=key
        ) as elsewhere:
            assert await status(elsewhere, stack) == 200


async def test_a_fresher_login_answers_a_step_up(stack):
    async with open_task(
        issuer=stack.issuer, identity=stack.identity(), session=await stack.session(), purpose="answer-customer"
    ) as task:
        async with httpx.AsyncClient(auth=TaskAuth(task, stack.edge)) as http:
            denial = denial_of(await http.get(stack.edge + "/crm/customers/7"))
            assert denial.code == "step_up_required"
            assert denial.step_up.acr_values == ("mfa",)
            assert denial.step_up.max_age == 600
        with pytest.raises(NarrowgateError) as refused:
            await task.step_up(SessionToken(await stack.session("bob")))
        assert refused.value.refusal.error == "invalid_request"
        # Logins are told apart by the second.
        await asyncio.sleep(1.1)
        await task.step_up(lambda: stack.session(second_factor="yes"))
        assert await status(task, stack, "/crm/customers/7") == 200


async def test_an_agent_with_a_key_acts_for_nobody(stack):
    async with open_task(issuer=stack.issuer, identity=from_private_key(stack.robot, stack.key)) as task:
        assert task.purpose == "errand"
        assert await status(task, stack) == 200


async def test_authorization_details_bound_arguments(stack):
    details = [
        {
            "type": "narrowgate_call",
            "tools": ["crm.tickets.get"],
            "actions": ["read"],
            "arguments": {"ticket": {"eq": "42"}},
        }
    ]
    async with open_task(
        issuer=stack.issuer,
        identity=stack.identity(),
        session=await stack.session(),
        authorization_details=details,
        resource="https://api.example",
    ) as task:
        assert task.scope == "crm.tickets.get:read"


REPLY = [
    {
        "type": "narrowgate_call",
        "tools": ["crm.tickets.reply"],
        "actions": ["write"],
        "arguments": {"ticket": {"eq": "42"}},
    }
]


async def test_a_task_that_needs_consent_is_an_error_that_says_to_what_and_where(stack):
    with pytest.raises(ConsentRequiredError) as raised:
        async with open_task(
            issuer=stack.issuer, identity=stack.identity(), session=await stack.session(), authorization_details=REPLY
        ):
            pass
    error = raised.value
    assert (error.code, error.scope) == ("consent_required", "crm.tickets.reply:write")
    assert error.authorization_endpoint == f"{stack.issuer}/oauth/authorize"
    assert error.backchannel_endpoint == f"{stack.issuer}/oauth/bc-authorize"
    assert (error.refusal.error, error.refusal.status) == ("consent_required", 400)
    assert error.refusal.decision.startswith("dec_")


async def test_a_task_opens_once_its_user_has_consented_with_the_bounds_that_they_were_shown(stack):
    asked = []

    async def show(request):
        asked.append(request)
        await stack.consent(request, "approve")

    async with open_task(
        issuer=stack.issuer,
        identity=stack.identity(),
        session=await stack.session(),
        purpose="triage-ticket",
        authorization_details=REPLY,
        dpop=True,
        on_consent=show,
    ) as task:
        [request] = asked
        assert request.scope == task.scope == "crm.tickets.reply:write"
        assert request.expires_at > time.time()
        async with httpx.AsyncClient(auth=TaskAuth(task, stack.edge)) as http:
            codes = [
                (await http.post(f"{stack.edge}/crm/tickets/{ticket}/replies", json={"text": "hi"})).status_code
                for ticket in ("42", "43")
            ]
        assert codes == [201, 403]


async def test_a_task_is_refused_if_its_user_refuses(stack):
    with pytest.raises(NarrowgateError) as raised:
        async with open_task(
            issuer=stack.issuer,
            identity=stack.identity(),
            session=await stack.session(),
            authorization_details=REPLY,
            on_consent=lambda request: stack.consent(request, "reject"),
        ):
            pass
    assert (raised.value.code, raised.value.refusal.error) == ("token_refused", "access_denied")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"scope": "nothing.at-all:read"}, "invalid_scope"),
        ({"purpose": "conquer-the-world"}, "unauthorized_client"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
async def test_a_refusal_says_which_and_names_its_record(stack, options, error):
    session = await stack.session()
    with pytest.raises(NarrowgateError) as refused:
        async with open_task(issuer=stack.issuer, identity=stack.identity(), session=session, **options):
            pass
    assert refused.value.code == "token_refused"
    assert refused.value.refusal.error == error
    assert refused.value.refusal.decision.startswith("dec_")
    assert session not in str(refused.value)


async def test_an_identity_of_another_agent_is_refused(stack):
    with pytest.raises(NarrowgateError) as refused:
        async with open_task(
            issuer=stack.issuer,
            identity=stack.identity("spiffe://example.org/agent/unknown"),
            session=await stack.session(),
        ):
            pass
    assert refused.value.refusal.error == "invalid_client"


async def test_a_required_nonce_is_used_at_once_and_kept(stack):
    async with open_task(
        issuer=stack.issuer, identity=stack.identity(VAULT), session=await stack.session(), dpop=True
    ) as task:
        seen = []

        async def look(response):
            seen.append(response.status_code)

        hooks = {"response": [look]}
        async with httpx.AsyncClient(auth=TaskAuth(task, stack.edge), event_hooks=hooks) as http:
            assert (await http.get(stack.edge + "/crm/tickets/42")).status_code == 200
            # The ledger is evicted, and nobody remembers which proofs were used.
            await asyncio.sleep(13)
            assert (await http.get(stack.edge + "/crm/tickets/42")).status_code == 200
            assert (await http.get(stack.edge + "/crm/tickets/42")).status_code == 200
    assert seen == [200, 401, 200, 200]
