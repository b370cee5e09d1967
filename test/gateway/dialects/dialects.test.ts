import { exports } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { openTask, type OpenTask } from "../../harness/agents.ts"
import { person, questionIn, say } from "../../harness/approvals.ts"
import { publish, yard } from "../../harness/bundles.ts"
import {
  ASKING,
  askAs,
  callWith,
  carried,
  HTTP_DIALECTS,
  keyOf,
  ORIGIN,
  readAnswer,
  type ClientRequest,
} from "../../harness/gateways.ts"
import { yardForEach } from "../../harness/each-test.ts"
import { window } from "../../harness/guardrails.ts"
import { agentId, IDP, idToken, US } from "../../harness/issuers.ts"
import { bearerOf, complete } from "../../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../../harness/proofs.ts"
import { recordOf } from "../../harness/records.ts"

yardForEach()

const ALGS = 'algs="ES256 ES384 EdDSA Ed25519 PS256 RS256"'
const IDENTITY = ["Agent", "User", "Task", "Purpose", "Tool", "Decision"].map((name) => `X-Narrowgate-${name}`)

const APPROVED = { consequence: "approve", approval: "finance" } as const

interface Case {
  readonly what: string
  readonly client: ClientRequest
  /** Null: no token. */
  readonly token?: ((task: OpenTask) => string) | null
  readonly code: string
  readonly status: number
  /** `WWW-Authenticate` begins so, and names the gateway's metadata. */
  readonly challenge?: string
}

/** The same question through every dialect has the same answer, as far as the dialect can carry it. */
const CASES: readonly Case[] = [
  { what: "allowed", client: { path: "/files/a" }, code: "ok", status: 200 },
  { what: "allowed, as HEAD", client: { path: "/files/a", method: "HEAD" }, code: "ok", status: 200 },
  { what: "allowed, with a query", client: { path: "/files/a?version=2" }, code: "ok", status: 200 },
  {
    what: "no token",
    client: { path: "/files/a" },
    token: null,
    code: "missing_token",
    status: 401,
    challenge: "Bearer resource_metadata=",
  },
  {
    what: "a token that is none",
    client: { path: "/files/a" },
    token: () => "Bearer nonsense",
    code: "invalid_token",
    status: 401,
    challenge: 'Bearer error="invalid_token"',
  },
  {
    what: "another scheme",
    client: { path: "/files/a" },
    token: ({ token }) => `Basic ${token}`,
    code: "invalid_token",
    status: 401,
  },
  // CVE-2021-32777 class: of two values, the gateway may forward the other one.
  {
    what: "two tokens",
    client: { path: "/files/a" },
    token: ({ token }) => `Bearer ${token}, Bearer ${token}`,
    code: "invalid_token",
    status: 401,
  },
  { what: "unknown route", client: { path: "/nowhere" }, code: "unknown_tool", status: 403 },
  { what: "unknown method", client: { path: "/files/a", method: "PATCH" }, code: "unknown_tool", status: 403 },
  {
    what: "not granted",
    client: { path: "/files/a", method: "DELETE" },
    code: "insufficient_scope",
    status: 403,
  },
  { what: "no rule permits it", client: { path: "/forbidden" }, code: "policy_denied", status: 403 },
  { what: "a path that has two readings", client: { path: "/files/a//b" }, code: "malformed_call", status: 400 },
  {
    what: "an id of an event that is too long, from any sender",
    client: { path: "/files/a", headers: { "Last-Event-ID": "x".repeat(1_025) } },
    token: null,
    code: "malformed_call",
    status: 400,
  },
  { what: "no method of HTTP", client: { path: "/files", method: "get me" }, code: "malformed_call", status: 400 },
]

describe.each(HTTP_DIALECTS)("%s", (dialect) => {
  test.each(CASES)("$what", async ({ client, token, code, status, challenge }) => {
    // Such a question has the client's own method, which no client can send wrongly.
    if (["envoy", "agentgateway"].includes(dialect) && client.method?.includes(" ")) return
    const task = await openTask("first", { purpose: "work" })
    const authorization = token === null ? {} : { Authorization: token?.(task) ?? `Bearer ${task.token}` }
    const answer = await askAs(dialect, { ...client, headers: { ...client.headers, ...authorization } })
    expect(answer.code).toBe(code)
    // Where not every status reaches the client, the true one stands beside.
    expect(answer.status).toBe(carried(dialect, status))
    expect(answer.headers.get("Cache-Control")).toBe("no-store")
    expect(answer.decision).toMatch(/^dec_[0-9A-Z]{26}$/)
    if (code === "ok") {
      expect(IDENTITY.map((name) => answer.headers.get(name))).toEqual([
        agentId("first"),
        `${IDP}|alice`,
        task.task,
        "work",
        "files.read",
        answer.decision,
      ])
      return
    }
    expect(answer.headers.get("X-Narrowgate-Status")).toBe(String(status))
    const metadata = `resource_metadata="${US}/.well-known/oauth-protected-resource/${dialect}"`
    if (challenge !== undefined) expect(answer.headers.get("WWW-Authenticate")?.startsWith(challenge)).toBe(true)
    if (challenge !== undefined) expect(answer.headers.get("WWW-Authenticate")).toContain(metadata)
    expect(answer.headers.get("X-Narrowgate-Agent")).toBeNull()
  })

  test("a full window: when to try again", async () => {
    const task = await openTask("first", { purpose: "work" })
    for (let index = 0; index < 3; index++) await callWith(task.token, "/thrice", {}, dialect)
    const answer = await callWith(task.token, "/thrice", {}, dialect)
    expect([answer.code, answer.status]).toEqual(["rate_limited", carried(dialect, 429)])
    expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0)
    expect(answer.headers.get("RateLimit-Policy")).toBe('"thrice";q=3;w=2')
    expect(answer.headers.get("RateLimit")).toMatch(/^"thrice";r=0;t=[12]$/)
  })

  test("a call that a person has to approve: when to ask again, until they have answered", async () => {
    const once = window({ id: "once", tools: ["files.read"], per: "task", limit: 1, seconds: 60 }, APPROVED)
    const body = await yard()
    await publish({ ...body, guardrails: [...body.guardrails, once] }, 2)
    const { token, task } = await openTask("first", { purpose: "work" })
    await callWith(token, "/files/a", {}, dialect)
    const denied = await callWith(token, "/files/a", {}, dialect)
    expect(denied.status).toBe(carried(dialect, 403))
    const id = await questionIn(denied)
    expect(denied.headers.get("Retry-After")).toBe("5")
    await say({ task, id }, await person("fay"), { approve: false })
    const rejected = await callWith(token, "/files/a", {}, dialect)
    expect([rejected.code, rejected.headers.get("Retry-After")]).toEqual(["approval_required", null])
  })

  test("a bound token", async () => {
    const holder = await newProofKey()
    const task = await openTask("first", {}, await proofForToken(holder))
    const ask = async (headers: Readonly<Record<string, string>>) => askAs(dialect, { path: "/files/a", headers })
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files/a`, task.token)
    expect((await ask({ Authorization: `Bearer ${task.token}`, DPoP: proof })).headers.get("WWW-Authenticate")).toMatch(
      /^DPoP /,
    )
    expect((await ask({ Authorization: `DPoP ${task.token}` })).headers.get("WWW-Authenticate")).toMatch(/^DPoP /)
    expect((await ask({ Authorization: `DPoP ${task.token}`, DPoP: `${proof}, ${proof}` })).code).toBe("invalid_token")
    expect((await ask({ Authorization: `DPoP ${task.token}`, DPoP: proof })).code).toBe("ok")
  })

  test("a refused token is asked for again in the scheme that it was shown by", async () => {
    const holder = await newProofKey()
    const metadata = `resource_metadata="${US}/.well-known/oauth-protected-resource/${dialect}"`
    const challengeOf = async (token: string, path: string): Promise<string | null> => {
      const DPoP = await proofOf(holder, "GET", ORIGIN + path, token)
      return (await askAs(dialect, { path, headers: { Authorization: `DPoP ${token}`, DPoP } })).headers.get(
        "WWW-Authenticate",
      )
    }
    const { token, task } = await openTask("first", { scope: "files.*:read" }, await proofForToken(holder))
    const lacking = `DPoP error="insufficient_scope", scope="files.*:read mail.send:write", ${ALGS}, ${metadata}`
    const proof = await proofOf(holder, "POST", `${ORIGIN}/mail`, token)
    const headers = { Authorization: `dpop ${token}`, DPoP: proof }
    const refused = await askAs(dialect, { method: "POST", path: "/mail", headers })
    expect([refused.code, refused.headers.get("WWW-Authenticate")]).toEqual(["insufficient_scope", lacking])
    const invalid = `DPoP error="invalid_token", ${ALGS}, ${metadata}`
    expect(await challengeOf("nonsense", "/files/a")).toBe(invalid)
    await complete(task, await bearerOf("operator"))
    expect(await challengeOf(token, "/files/a")).toBe(invalid)
    const expired = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_600_000)
    try {
      expect(await challengeOf(token, "/files/a")).toBe(invalid)
    } finally {
      expired.mockRestore()
    }
    // A bearer's token is no better for a proof: it is to be shown as what it is.
    const bearer = await openTask("first")
    expect(await challengeOf(bearer.token, "/files/a")).toBe(`Bearer error="invalid_token", ${metadata}`)
  })

  test("identity and verdict that the client asserts are not believed, nor sent on", async () => {
    const { token, task } = await openTask()
    const evil = Object.fromEntries(
      [...IDENTITY, "X-Narrowgate-Code", "X_Narrowgate_Agent"].map((name) => [name, "evil"]),
    )
    const answer = await callWith(token, "/files/a", { headers: evil }, dialect)
    expect(answer.code).toBe("ok")
    expect([...answer.headers].filter(([, value]) => value.includes("evil"))).toEqual([])
    expect(answer.headers.get("X-Narrowgate-Task")).toBe(task)
    // A spoofed health check is an agent's call like any other.
    const probe = await askAs(dialect, {
      path: "/files/a",
      headers: { ...evil, "User-Agent": "GoogleHC/1.0 kube-probe/1.30" },
    })
    expect(probe.code).toBe("missing_token")
  })

  test("the key of nobody, none, and one that is too long", async () => {
    const { token } = await openTask()
    const client = { path: "/files/a", headers: { Authorization: `Bearer ${token}` } }
    // Where the key is a credential of HTTP, whoever has none is told so in HTTP's way.
    const unknown = dialect === "authzen" ? 401 : 403
    for (const key of [
      "nobody",
      "x".repeat(300),
      `${keyOf(dialect)} `.repeat(2).trim(),
      keyOf(dialect).toUpperCase(),
    ]) {
      const { status, code } = await readAnswer(
        await exports.default.fetch(ASKING[dialect](client, encodeURIComponent(key))),
      )
      expect([status, code]).toEqual([unknown, "unknown_gateway"])
    }
    const request = ASKING[dialect](client, keyOf(dialect))
    request.headers.delete(dialect === "authzen" ? "Authorization" : "X-Narrowgate-Key")
    const url = request.url.replace(`/${keyOf(dialect)}`, "")
    expect((await exports.default.fetch(new Request(url, request))).status).toBe(unknown)
  })

  test.each(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])(
    "%s asks for two methods",
    async (name) => {
      const { token } = await openTask("first", { purpose: "work" })
      const answer = await callWith(token, "/files/a", { headers: { [name]: "DELETE" } }, dialect)
      expect([answer.code, answer.status]).toEqual(["malformed_call", carried(dialect, 400)])
    },
  )

  test("headers by which another dialect asks are the client's own here: CVE-2026-40575", async () => {
    const { token } = await openTask("first", { scope: "files.*:read" })
    const uris = { "X-Original-Uri": "/files/a", "X-Original-Method": "GET", "X-Rewrite-Url": "/files/a" }
    const others = {
      envoy: { ...uris, "X-Forwarded-Uri": "/files/a", "X-Envoy-Original-Path": "/files/a" },
      nginx: { "X-Forwarded-Uri": "/files/a", "X-Forwarded-Method": "GET", "X-Original-Url": "/files/a" },
      "ingress-nginx": { "X-Forwarded-Uri": "/files/a", "X-Forwarded-Method": "GET", "X-Original-Uri": "/files/a" },
      forwarded: { ...uris, "X-Original-Url": "https://api.test/files/a" },
    }
    const known = dialect === "nginx" || dialect === "ingress-nginx" || dialect === "envoy"
    const spoofed = known ? others[dialect] : dialect === "agentgateway" ? others.envoy : others.forwarded
    const more = { "X-Forwarded-Prefix": "/files", "X-Forwarded-Port": "1" }
    for (const [path, method] of [
      ["/vault/1", "GET"],
      ["/files/a", "DELETE"],
    ] as const) {
      const answer = await callWith(token, path, { method, headers: { ...spoofed, ...more } }, dialect)
      expect(answer.code).toBe("insufficient_scope")
    }
  })
})

describe("observe", () => {
  test("decides and records as ever, and lets the call through with every identity header", async () => {
    const { token } = await openTask("first", { scope: "files.read:read" })
    for (const path of ["/files/a", "/vault/1", "/nowhere", "/files/../x"]) {
      const answer = await callWith(token, path, {}, "watch")
      expect(answer.status).toBe(200)
      for (const name of IDENTITY) expect(answer.headers.has(name)).toBe(true)
      const decision = answer.headers.get("X-Narrowgate-Decision") ?? ""
      expect(await recordOf(decision)).toMatchObject({
        mode: "observe",
        decision: path === "/files/a" ? "allow" : "deny",
      })
    }
    expect((await askAs("watch", { path: "/files/a" })).headers.get("X-Narrowgate-Agent")).toBe("")
  })
})

test("an environment that was not granted, and one that was", async () => {
  const { token } = await openTask("first", { purpose: "errand" })
  expect((await callWith(token, "/files/a", {}, "live")).code).toBe("insufficient_scope")
  expect((await callWith(token, "/files/a", {}, "traefik")).code).toBe("ok")
})

test("a subject goes into a header as visible ASCII, whatever it is", async () => {
  const { token } = await openTask("first", { subject_token: await idToken("zoë%2C x") })
  const user = (await callWith(token, "/files/a")).headers.get("X-Narrowgate-User") ?? ""
  expect(user).toMatch(/^[\x21-\x7e]+$/)
  expect(decodeURIComponent(user)).toBe(`${IDP}|zoë%2C x`)
})
