/** The middleware in services of each framework, behind the real Narrowgate: what passes, and what does not. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest"
import { startGateway, type Gateway } from "../../../dev/gateway.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import type { Listening } from "../../../dev/loopback.ts"
import { memoryReplays, type ServiceOptions } from "../../../server/index.ts"
import { ATTACKS, lootOf, NOTE } from "./attacks.ts"
import { AGENT, AUDIENCE, startBehind, type Behind, type Request } from "./behind.ts"
import { SERVICES, startService, TOOLS } from "./services.ts"

const START_WITHIN_MS = 120_000

let behind: Behind
beforeAll(async () => {
  behind = await startBehind()
}, START_WITHIN_MS)
afterAll(async () => behind.close())
afterEach(() => {
  vi.useRealTimers()
})

const USER = () => ({ issuer: behind.stack.provider, subject: "alice" })

describe.each(Object.keys(SERVICES))("%s", (framework) => {
  let service: Listening
  let gateway: Gateway
  const serve = async (options: Partial<ServiceOptions> = {}): Promise<Listening> => {
    const handler = SERVICES[framework]
    if (!handler) throw new Error("no such service")
    const signed = { issuer: behind.stack.origin, audience: AUDIENCE, tools: TOOLS }
    return startService(handler({ ...signed, ...options }))
  }
  const send = async ({ method, target, headers = {}, body }: Request, token: string | null, to = service) =>
    fetch(`${to.origin}${target}`, {
      method,
      headers: { ...headers, ...(token !== null && { "Txn-Token": token }) },
      ...(body !== undefined && { body }),
    })

  beforeAll(async () => {
    service = await serve()
    const authorizer = { origin: behind.stack.origin, key: developmentKey("telling"), dialect: "envoy" } as const
    const routes = [{ prefix: "/crm", upstream: `${service.origin}/crm` }]
    gateway = await startGateway({ port: 0, authorizer, routes })
  })
  afterAll(async () => {
    await gateway.close()
    await service.close()
  })

  const throughGateway = async ({ method, target, headers = {}, body }: Request, own: Record<string, string> = {}) =>
    fetch(`${gateway.origin}${target}`, {
      method,
      headers: { ...headers, Authorization: `Bearer ${behind.token}`, ...own },
      ...(body !== undefined && { body }),
    })

  test("an allowed call arrives with who makes it, and with its whole body", async () => {
    const answer = await throughGateway(NOTE, { "Txn-Token": "the client's own", "X-Narrowgate-Agent": "evil" })
    const { caller, body } = await answer.json()
    expect(answer.status).toBe(200)
    expect(body).toEqual(JSON.parse(NOTE.body ?? ""))
    expect(caller).toEqual({
      agent: AGENT,
      user: USER(),
      task: expect.stringMatching(/^tsk_/),
      purpose: "triage-ticket",
      tool: "crm.tickets.note",
      decision: answer.headers.get("X-Narrowgate-Decision"),
      signed: {
        transaction: expect.stringMatching(/^tsk_/),
        action: "write",
        chain: [AGENT],
        gateway: "telling",
        environment: "development",
        expires: expect.any(Number),
      },
    })
  })

  test("so does one with arguments in path and query, and a HEAD", async () => {
    const read = { method: "GET", target: "/crm/tickets/a%20b?full=1&since=%C3%BC" }
    expect((await throughGateway(read)).status).toBe(200)
    expect((await throughGateway({ ...read, method: "HEAD" })).status).toBe(200)
  })

  test("what is denied does not arrive; what is public needs nothing", async () => {
    expect((await throughGateway({ method: "GET", target: "/crm/customers/7" })).status).toBe(403)
    expect(await (await fetch(`${service.origin}/healthz`)).text()).toBe("up")
  })

  test.each(ATTACKS)("$name: $answer", async ({ token, request, answer, afterParser }) => {
    const [status, code] = (framework.includes("express.json() before") && afterParser) || answer
    const presented = await token(lootOf(behind))
    const refused = await send({ ...NOTE, ...request }, presented)
    expect(refused.status).toBe(status)
    if (code === null) return
    expect(await refused.json()).toEqual({ error: code, error_description: expect.any(String) })
    const challenge = refused.headers.get("WWW-Authenticate")
    if (code === "missing_token") expect(challenge).toBe("Bearer")
    else if (status === 401) expect(challenge).toMatch(/^Bearer error="invalid_token", error_description="[^"]+"$/)
    else if (status === 403) expect(challenge).toMatch(/^Bearer error="insufficient_scope", /)
    else if (status === 413) expect(challenge).toBeNull()
    expect(refused.headers.get("Cache-Control")).toBe("no-store")
  })

  test("a token is good until it has expired, by the tolerance of the service", async () => {
    const token = await lootOf(behind).real()
    const strict = await serve({ clockTolerance: 0 })
    const statusAfter = async (seconds: number, to: Listening) => {
      vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + seconds * 1000 })
      const { status } = await send(NOTE, token, to)
      vi.useRealTimers()
      return status
    }
    expect([await statusAfter(32, service), await statusAfter(32, strict)]).toEqual([200, 401])
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 40_000 })
    expect(await (await send(NOTE, token)).json()).toMatchObject({ error: "expired_token" })
    vi.useRealTimers()
    await strict.close()
  })

  test("with a store of replays a token is used once, and only by the request that it is for", async () => {
    const once = await serve({ replays: memoryReplays() })
    const token = await lootOf(behind).real()
    // A changed request does not use it up.
    expect((await send({ ...NOTE, body: "{}" }, token, once)).status).toBe(403)
    const answers = await Promise.all([1, 2, 3].map(async () => send(NOTE, token, once)))
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([200, 401, 401])
    expect(await answers.find(({ status }) => status === 401)?.json()).toMatchObject({ error: "replayed_token" })
    // Without one it is the caller's for half a minute.
    expect([(await send(NOTE, token)).status, (await send(NOTE, token)).status]).toEqual([200, 200])
    await once.close()
  })

  test("a store that fails refuses", async () => {
    const failing = await serve({
      replays: {
        use: () => {
          throw new Error("out of reach, by a test")
        },
      },
    })
    const answer = await send(NOTE, await lootOf(behind).real(), failing)
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "5"])
    await failing.close()
  })

  test("a tool whose arguments nobody can hash is accepted where the service says so, with all of its body", async () => {
    const file = { method: "PUT", target: "/crm/tickets/42/files", headers: { "Content-Type": "image/png" } }
    const sent = { ...file, body: "\u0000picture".repeat(200_000) }
    const token = (await behind.allowed({ ...sent, body: "picture" })).get("Txn-Token")
    const answer = await send(sent, token)
    expect([answer.status, (await answer.text()).length]).toEqual([200, sent.body.length])
    // Of JSON there is a hash, and it has to be that of this body.
    const json = { ...file, headers: { "Content-Type": "application/json" }, body: '{"a":1}' }
    const hashed = (await behind.allowed(json)).get("Txn-Token")
    expect((await send({ ...json, body: '{"a":2}' }, hashed)).status).toBe(403)
  })

  test("plain headers are believed where the service says that its network guarantees them", async () => {
    const open = await serve({ trust: "network" })
    const identity = {
      "X-Narrowgate-Agent": AGENT,
      "X-Narrowgate-User": "https://idp.example|j%C3%B6rg%20%25",
      "X-Narrowgate-Task": "tsk_1",
      "X-Narrowgate-Purpose": "triage-ticket",
      "X-Narrowgate-Tool": "crm.tickets.note",
      "X-Narrowgate-Decision": "dec_1",
    }
    const as = async (own: Readonly<Record<string, string>>) => {
      const answer = await send({ ...NOTE, headers: { ...NOTE.headers, ...identity, ...own } }, null, open)
      const { error, caller } = await answer.json()
      return [answer.status, error ?? caller.user]
    }
    expect(await as({})).toEqual([200, { issuer: "https://idp.example", subject: "jörg %" }])
    expect(await as({ "X-Narrowgate-User": "" })).toEqual([200, null])
    expect(await as({ "X-Narrowgate-Tool": "crm.tickets.get" })).toEqual([403, "tool_mismatch"])
    expect(await as({ "X-Narrowgate-Agent": "" })).toEqual([401, "missing_identity"])
    for (const user of ["alice", "%zz|a", "https://idp.example|two words"])
      expect(await as({ "X-Narrowgate-User": user })).toEqual([401, "invalid_identity"])
    const without = await send({ ...NOTE, headers: { ...NOTE.headers, "X-Narrowgate-Agent": AGENT } }, null, open)
    expect(without.status).toBe(401)
    await open.close()
  })
})
