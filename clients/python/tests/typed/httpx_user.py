"""A program with types, as `mypy --strict` reads it beside httpx alone."""

import httpx
from narrowgate import (
    ConsentRequiredError,
    Denial,
    DeniedError,
    NarrowgateError,
    Session,
    Task,
    TaskAuth,
    denial_of,
    from_private_key,
    open_task,
    resume_task,
    to_model,
    until_allowed,
)


async def current_session() -> str:
    return "…"


async def main(url: str, key: dict[str, str]) -> str | None:
    identity = from_private_key("https://agents.example/robot", key)
    session: Session = current_session
    try:
        async with open_task(
            issuer="https://authz.example",
            identity=identity,
            session=session,
            on_consent=lambda request: print(request.url, request.scope, request.expires_at + 1),
        ) as task:
            async with httpx.AsyncClient(auth=TaskAuth(task, url)) as http:

                async def call() -> httpx.Response:
                    return await http.get(url)

                response = await until_allowed(call, task=task, on_approval=lambda approval: print(approval.url))
            denial: Denial | None = denial_of(response)
            async with task.delegate("https://agents.example/other", "a.b:read", identity=identity) as child:
                await child.step_up(session)
            saved: str = await task.save()
        async with resume_task(saved, identity=identity, session=session) as again:
            return await used(again) if denial is None else to_model(denial)
    except ConsentRequiredError as required:
        return required.authorization_endpoint or required.scope
    except DeniedError as denied:
        return denied.denial.decision
    except NarrowgateError as error:
        return error.refusal.error if error.refusal else error.code


async def used(task: Task) -> str:
    return await task.token()
