import { afterEach, describe, expect, test } from "vitest"
import type { Listening } from "../../../dev/loopback.ts"
import { nginxPath, startNginx } from "../../../dev/nginx.ts"
import { type Api, startApi } from "../../../dev/upstreams.ts"
import { ALLOW, type StubAnswer, type StubAuthorizer, startStub, values } from "./stub-authorizer.ts"

const closing: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const part of closing.splice(0).toReversed()) await part.close()
})

interface Stack {
  readonly authorizer: StubAuthorizer
  readonly api: Api
  readonly nginx: Listening
}

async function start(answer: StubAnswer): Promise<Stack> {
  const authorizer = await startStub(() => answer)
  const api = await startApi({ port: 0 })
  const routes = [{ prefix: "/crm", upstream: `${api.url}/crm` }]
  const nginx = await startNginx({
    port: 0,
    id: "web",
    authorizer: { origin: authorizer.origin, key: "gateway-key" },
    routes,
  })
  closing.push(authorizer, api, nginx)
  return { authorizer, api, nginx }
}

describe.skipIf(nginxPath() === null)("nginx", () => {
  test("asks with method, URI, key and request id of its own, and passes the identity on, not the token", async () => {
    const { authorizer, api, nginx } = await start(ALLOW)
    const claimed = ["X-Narrowgate-Agent", "X_Narrowgate_Agent", "X.Narrowgate.Agent", "X-Narrowgate-Purpose"]
    const answer = await fetch(`${nginx.origin}/crm/tickets/42/replies?full=1`, {
      method: "POST",
      body: '{"text":"hi"}',
      headers: {
        ...Object.fromEntries(
          [...claimed, "X-Narrowgate-Key", "X-Original-URI", "X-Request-Id"].map((n) => [n, "evil"]),
        ),
        authorization: "Bearer secret",
        dpop: "proof",
        "txn-token": "evil",
      },
    })
    expect(answer.status).toBe(201)
    expect(answer.headers.get("x-narrowgate-decision")).toBe("dec_1")
    expect(answer.headers.get("x-narrowgate-agent")).toBeNull()
    expect(await answer.json()).toMatchObject({ body: { text: "hi" } })
    const name = "/crm/tickets/42/replies?full=1"
    expect(api.received()).toEqual([{ method: "POST", name, headers: ALLOW.headers }])

    const [question] = authorizer.asked
    expect(question).toMatchObject({ method: "GET", url: "/authz/forward", body: "" })
    expect(values(question, "x-original-method")).toEqual(["POST"])
    expect(values(question, "x-original-uri")).toEqual([name])
    expect(values(question, "x-narrowgate-key")).toEqual(["gateway-key"])
    expect(values(question, "authorization")).toEqual(["Bearer secret"])
    expect(values(question, "x-narrowgate-agent")).toEqual([])
    expect(values(question, "x-request-id")).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)])
  })

  test("gets the metadata of what is behind it without a question and without a credential", async () => {
    const { authorizer, nginx } = await start({
      status: 200,
      headers: { "content-type": "application/json" },
      body: "{}",
    })
    const secrets = { authorization: "Bearer secret", dpop: "proof", cookie: "a=b", "x-narrowgate-key": "evil" }
    for (const below of ["", "/desk/mcp"]) {
      const answer = await fetch(`${nginx.origin}/.well-known/oauth-protected-resource${below}?origin=x`, {
        headers: secrets,
      })
      expect([answer.status, await answer.text()]).toEqual([200, "{}"])
      const [asked, ...others] = authorizer.asked.splice(0)
      expect([asked?.url, others]).toEqual([`/.well-known/oauth-protected-resource/web${below}`, []])
      for (const name of Object.keys(secrets)) expect(values(asked, name)).toEqual([])
    }
    const posted = await fetch(`${nginx.origin}/.well-known/oauth-protected-resource`, { method: "POST" })
    expect([posted.status, authorizer.asked]).toEqual([403, []])
    await posted.body?.cancel()
  })

  test.each([401, 403])("relays a %i with its challenge, once, and its code", async (status) => {
    const headers = {
      "www-authenticate": "Bearer a=b",
      "x-narrowgate-code": "rate_limited",
      "x-narrowgate-status": "429",
    }
    const { api, nginx } = await start({ status, headers })
    const answer = await fetch(`${nginx.origin}/crm/tickets`)
    expect(answer.status).toBe(status)
    expect(Object.fromEntries(answer.headers)).toMatchObject(headers)
    expect(api.received()).toEqual([])
  })

  test.each([302, 404, 429, 500, 503])("a %i of the authorizer fails closed", async (status) => {
    const { api, nginx } = await start({ status })
    expect((await fetch(`${nginx.origin}/crm/tickets`, { redirect: "manual" })).status).toBe(500)
    expect(api.received()).toEqual([])
  })

  test("a dead authorizer fails closed", async () => {
    const { authorizer, api, nginx } = await start(ALLOW)
    closing.splice(closing.indexOf(authorizer), 1)
    await authorizer.close()
    expect((await fetch(`${nginx.origin}/crm/tickets`)).status).toBe(500)
    expect(api.received()).toEqual([])
  })

  test.each(["/crmx", "/mail/messages", "/_narrowgate"])("%s has no route", async (path) => {
    const { api, nginx } = await start(ALLOW)
    expect((await fetch(nginx.origin + path)).status).toBe(404)
    expect(api.received()).toEqual([])
  })

  test("a value that would be a directive is refused", async () => {
    const authorizer = { origin: "http://127.0.0.1:1", key: "k; return 200" }
    await expect(startNginx({ port: 0, authorizer, routes: [] })).rejects.toThrow("nginx.conf")
  })
})
