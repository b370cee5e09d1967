/**
 * One suite through every gateway that is installed, each with the configuration of its page: client → gateway → the
 * real Worker, and an upstream that remembers. What an authorizer does when it fails, a stub does.
 */
import { randomUUID } from "node:crypto"
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { judgeAnswer, judgeResumption, RESUME_STREAM } from "../../cli/doctor/checks/gateways.ts"
import { DIALECT_NAMES } from "../../src/core/policy/definition/gateways.ts"
import { ALLOW, IDENTITY, startStub, type StubAuthorizer } from "./authorizer.ts"
import { BODIES, CASES, preflight, type Case, type Outcome } from "./cases.ts"
import { FAILURES } from "./failures.ts"
import { REQUIRED } from "./installed.ts"
import { DOCUMENT, NOT_SERVED, SECRETS, SERVED } from "./metadata.ts"
import { entryOf } from "./page.ts"
import { ORIGIN, startStage, type Stage, type Tokens } from "./stage.ts"
import { installed, startGateway, type RunningGateway } from "./start.ts"
import { GATEWAYS } from "./table.ts"
import { FORGED, REFUSING, startUpstream, type Received, type Upstream } from "./upstream.ts"
import { send, type Answer, type Conversation, type Sent } from "./wire.ts"

test.runIf(REQUIRED.length > 0)("those that must be here are", () => {
  const here = GATEWAYS.filter(installed).map(({ name }) => name)
  expect(here).toEqual(expect.arrayContaining([...REQUIRED]))
})

test.each(GATEWAYS)("what the row of $name says otherwise is about cases that there are", ({ differs }) => {
  const known = [...CASES, ...BODIES, ...FAILURES].map(({ name }) => name)
  expect([...known, IS_GONE, HAS_NO_LEDGER]).toEqual(expect.arrayContaining(Object.keys(differs)))
  expect(new Set(known).size).toBe(known.length)
})

/** Undefined where no gateway is installed. */
let stage: Stage
let upstream: Upstream
beforeAll(async () => {
  if (!GATEWAYS.some(installed)) return
  upstream = await startUpstream()
  stage = await startStage()
})
afterAll(async () => {
  await stage?.close()
  await upstream?.close()
})
beforeEach(() => {
  upstream?.received.splice(0)
})

const IS_GONE = "is gone"
const HAS_NO_LEDGER = "has no ledger"

const SUPPORT = "spiffe://example.org/agent/support"

test.skip.each(GATEWAYS.filter((row) => !installed(row)))("$name is not installed", () => undefined)

for (const row of GATEWAYS.filter(installed)) {
  const entry = entryOf(row.page)
  const expectedOf = (name: string, expected: Outcome): Outcome => row.differs[name] ?? expected
  const outcomeAt = ({ name, expected, unseen, mcp }: Case): Outcome =>
    expectedOf(name, (entry["body"] !== true ? unseen : entry["denials"] === "mcp" ? mcp : undefined) ?? expected)

  describe(row.name, () => {
    let gateway: RunningGateway
    let tokens: Tokens
    beforeAll(async () => {
      gateway = await startGateway(row, { authorizer: stage.origin, upstream: upstream.origin, key: stage.key(row) })
      tokens = await stage.tokens()
    })
    afterAll(async () => gateway.close())

    const sending = async (sent: Sent, talk?: Conversation): Promise<Answer> => send(gateway.port, sent, talk)

    test.each([...CASES, ...BODIES])("$name", async (each) => {
      const sent = await each.sent(tokens)
      const answer = await sending(sent)
      expect(outcomeOf(answer), answer.body).toBe(outcomeAt(each))
      if (outcomeOf(answer) === "allowed") expectPassed(sent, each, answer)
      else expectRefused(answer)
    })

    test("a proof counts once", async () => {
      const target = "/crm/tickets/43"
      const proof = await tokens.bound.prove("GET", target)
      const sent: Sent = {
        target,
        headers: [
          ["Authorization", `DPoP ${tokens.bound.token}`],
          ["DPoP", proof],
        ],
      }
      expect(outcomeOf(await sending(sent))).toBe("allowed")
      const again = await sending(sent)
      expect(outcomeOf(again)).toBe("401 invalid_token")
      expect(again.headers.get("www-authenticate")).toMatch(/^DPoP error=/)
      expect(upstream.received).toHaveLength(1)
    })

    test.each(SERVED)("%s: where to get a token, without one (RFC 9728)", async (target, _below, resource) => {
      const answer = await sending({ target })
      expect([answer.status, JSON.parse(answer.body)]).toMatchObject([
        200,
        { resource, authorization_servers: [stage.origin] },
      ])
      expect(answer.headers.get("access-control-allow-origin")).toBe("*")
      expect((await sending({ method: "HEAD", target })).status).toBe(200)
      expect(upstream.received).toEqual([])
    })

    test("an MCP client's refusal names the document of its server", async () => {
      const { headers } = await sending({
        method: "POST",
        target: "/desk/mcp",
        headers: [["Content-Type", "application/json"]],
        body: "{}",
      })
      const metadata = "https://api.example/.well-known/oauth-protected-resource/desk/mcp"
      expect(headers.get("www-authenticate")).toBe(`Bearer resource_metadata="${metadata}"`)
    })

    test("`narrowgate doctor` sees that it asks", async () => {
      const { id, dialect } = gatewaysEntry.parse(entry)
      for (const [sent, metadata] of [
        [LIST_TOOLS, "https://api.example/.well-known/oauth-protected-resource/desk/mcp"],
        [{ target: "/crm/tickets/0" }, `${stage.origin}/.well-known/oauth-protected-resource/${id}`],
      ] as const) {
        expect(judgeAnswer(seenByDoctor(sent, await sending(sent)), { id, dialect }, [metadata])).toMatchObject({
          level: "ok",
        })
      }
      const resuming: Sent = { target: "/desk/mcp", headers: Object.entries(RESUME_STREAM.headers) }
      const resumed = await sending(resuming)
      expect(outcomeOf(resumed)).toBe("400 malformed_call")
      expect(judgeResumption(seenByDoctor(resuming, resumed), id)).toMatchObject({ level: "ok" })
    })

    test("a token that has expired", async () => {
      const sent: Sent = { target: "/crm/tickets/42", headers: [["Authorization", `Bearer ${await stage.expired()}`]] }
      const answer = await sending(sent)
      expect(outcomeOf(answer)).toBe("401 invalid_token")
      expectRefused(answer)
    })

    test("what a refused client needs reaches it", async () => {
      const headers: Sent["headers"] = [["Authorization", `Bearer ${tokens.reading}`]]
      const nobody = await sending({ target: "/crm/tickets/42" })
      const metadata = `${stage.origin}/.well-known/oauth-protected-resource/${entry.id}`
      expect(nobody.headers.get("www-authenticate")).toBe(`Bearer resource_metadata="${metadata}"`)
      const reply: Sent = { method: "POST", target: "/crm/tickets/42/replies", headers }
      const outside = await sending(reply)
      expect(outside.headers.get("www-authenticate")).toMatch(
        /error="insufficient_scope".*scope="[^"]*crm\.tickets\.\*:read [^"]*crm\.tickets\.reply:write"/,
      )
      await sending({ target: "/crm/once", headers })
      const full = await sending({ target: "/crm/once", headers })
      expect(full.headers.get("retry-after")).toMatch(/^\d+$/)
      expect(full.headers.get("ratelimit")).toMatch(/"once";r=0;t=\d+/)
      expect(full.headers.get("ratelimit-policy")).toContain('"once";q=1;w=1800')
      for (const answer of [outside, full]) {
        const told: unknown = JSON.parse(answer.body)
        const code = answer.headers.get("x-narrowgate-code")
        const decision = answer.headers.get("x-narrowgate-decision")
        expect(told).toMatchObject({ error: code, decision_id: decision })
        if (row.carries.body) expect(told).toHaveProperty("error_description")
      }
    })

    test.runIf(entry["denials"] === "mcp")("a denied call of MCP is a result that the session survives", async () => {
      const headers: Sent["headers"] = [
        ["Authorization", `Bearer ${tokens.reading}`],
        ["Content-Type", "application/json"],
      ]
      const target = "/everything/mcp"
      const post = async (body: string) => sending({ method: "POST", target, headers, body })
      const params = { name: "nothing", arguments: {} }
      const told = await post(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }))
      expect(told.headers.get("content-type")).toMatch(/^application\/json/)
      expect(JSON.parse(told.body)).toMatchObject({
        id: 1,
        result: {
          isError: true,
          content: [{ text: expect.stringMatching(/^Narrowgate denied the call of "nothing"/) }],
        },
      })
      const unknown = await post('{"jsonrpc":"2.0","id":1,"method":"no/such"}')
      expect(JSON.parse(unknown.body)).toMatchObject({ id: 1, error: { code: -32_601 } })
      expect((await post('{"jsonrpc":"2.0","method":"no/such"}')).body).toBe("")
      expect(upstream.received).toEqual([])
    })

    test("an upstream states no status in Narrowgate's name", async () => {
      const sent: Sent = { target: REFUSING, headers: [["Authorization", `Bearer ${tokens.reading}`]] }
      const answer = await sending(sent)
      expect([answer.status, answer.body]).toEqual([403, '{"from":"upstream"}'])
      expect([answer.headers.get("x-narrowgate-status"), answer.headers.get("x-narrowgate-code")]).toEqual([null, null])
      expect(answer.headers.get("www-authenticate")).toBeNull()
      expectUpstream(sent, {})
    })

    test("a WebSocket opens with a token, and not without", async () => {
      const opening: Sent["headers"] = [
        ["Connection", "Upgrade, X-Narrowgate-Agent"],
        ["Upgrade", "websocket"],
        ["Sec-WebSocket-Version", "13"],
        ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="],
      ]
      const refused = await sending({ target: "/crm/socket", headers: opening })
      expect(outcomeOf(refused)).toBe("401 missing_token")
      expect(upstream.received).toEqual([])
      const sent: Sent = { target: "/crm/socket", headers: [["Authorization", `Bearer ${tokens.reading}`], ...opening] }
      const opened = await sending(sent, { then: "hello", until: (text) => text.includes("heard hello") })
      expect(opened.status).toBe(101)
      expect(opened.body).toContain("heard hello")
      expectUpstream(sent, {})
    })

    test("an event arrives while its stream is open", async () => {
      const sent: Sent = { target: "/crm/events", headers: [["Authorization", `Bearer ${tokens.reading}`]] }
      const answer = await sending(sent, { until: (text) => text.includes("data: first\n\n") })
      expect(answer.body).toContain("data: first\n\n")
      expectUpstream(sent, {})
    })

    test("two requests on one connection are two questions", async () => {
      const token = `Bearer ${tokens.reading}`
      const second = `\r\n\r\nGET /crm/customers/7 HTTP/1.1\r\nHost: api.example\r\nAuthorization: ${token}`
      const headers: Sent["headers"] = [["Authorization", token + second]]
      const answer = await sending(
        { target: "/crm/tickets/42", headers },
        { until: (text) => text.includes("insufficient_scope") },
      )
      expect(answer.status).toBe(200)
      expect(upstream.received.map(({ target }) => target)).toEqual(["/crm/tickets/42"])
    })

    test("a request id is the gateway's own, and another for each request", async () => {
      const headers: Sent["headers"] = [
        ["Authorization", `Bearer ${tokens.reading}`],
        ["X-Request-Id", "evil"],
      ]
      for (let count = 0; count < 2; count++) await sending({ target: "/crm/tickets/42", headers })
      const ids = upstream.received.map((received) => valuesOf(received, "x-request-id"))
      if (entry["request_id_header"] === undefined) return
      expect(ids).toEqual([[expect.stringMatching(/^[\w@-]{20,}$/)], [expect.stringMatching(/^[\w@-]{20,}$/)]])
      expect(new Set(ids.flat()).size).toBe(2)
    })

    test("a client resumes no stream of an upstream whose lists are filtered", async () => {
      const headers: Sent["headers"] = [
        ["Authorization", `Bearer ${tokens.reading}`],
        ["Last-Event-ID", "7"],
      ]
      await sending({ target: "/crm/tickets/42", headers })
      const seen = upstream.received.map((received) => valuesOf(received, "last-event-id"))
      expect(seen).toEqual([entry["filters_lists"] === undefined ? ["7"] : []])
    })

    function expectPassed(sent: Sent, { name, arrives = row.arrives?.[name] }: Case, answer: Answer): void {
      const decision = expectUpstream(sent, arrives === undefined ? {} : { arrives })
      for (const [name, value] of Object.entries(FORGED)) expect(answer.headers.get(name), name).not.toBe(value)
      expect(answer.headers.get("x-narrowgate-decision")).toBe(row.carries.decisionOfAllow ? decision : null)
      expect(answer.headers.has("ratelimit")).toBe(row.carries.rateLimitOfAllow)
    }

    /** @returns the decision that it was told */
    function expectUpstream(
      { method = "GET", target, body }: Sent,
      { arrives }: { readonly arrives?: string },
    ): string {
      expect(upstream.received).toHaveLength(1)
      const [received] = upstream.received
      if (!received) throw new Error("nothing arrived")
      expect(received).toMatchObject({ method, target: arrives ?? target })
      if (body !== undefined && !received.headers.some(([, value]) => value === "chunked")) {
        expect(body).toContain(received.body)
        expect(received.body).not.toBe("")
      }
      const [decision = ""] = valuesOf(received, "x-narrowgate-decision")
      expect(decision).toMatch(/^dec_[0-9A-Z]{26}$/)
      expect(valuesOf(received, "x-narrowgate-agent")).toEqual([SUPPORT])
      expect(valuesOf(received, "x-narrowgate-user")).toEqual([expect.stringMatching(/alice$/)])
      expect(valuesOf(received, "x-narrowgate-task")).toEqual([expect.stringMatching(/^tsk_/)])
      expect(valuesOf(received, "x-narrowgate-purpose")).toEqual([
        expect.stringMatching(/^(?:triage-ticket|answer-customer)$/),
      ])
      expect(valuesOf(received, "x-narrowgate-tool")).toEqual([
        expect.stringMatching(/^(?:crm|mail|desk|everything)\./),
      ])
      expect(received.headers.filter(isNotForUpstreams)).toEqual([])
      return decision
    }
  })

  describe(`${row.name}, other keys`, () => {
    const running: RunningGateway[] = []
    afterAll(async () => {
      for (const each of running) await each.close()
    })
    const start = async (key: string): Promise<RunningGateway> => {
      const gateway = await startGateway(row, { authorizer: stage.origin, upstream: upstream.origin, key })
      running.push(gateway)
      upstream.received.length = 0
      return gateway
    }

    test("with preflights, one passes without a token, and nothing else does", async () => {
      const { port } = await start(stage.key(row, "preflights"))
      expect((await send(port, preflight)).status).toBe(200)
      const [received] = upstream.received
      expect(received).toMatchObject({ method: "OPTIONS", target: preflight.target })
      expect(received?.headers.filter(([name, value]) => /narrowgate-agent|txn/i.test(name) && value !== "")).toEqual(
        [],
      )
      const { headers = [] } = preflight
      for (const sent of [
        { ...preflight, method: "GET" },
        { ...preflight, headers: headers.slice(1) },
        { ...preflight, headers: headers.slice(0, 1) },
        { ...preflight, target: "/crm/../crm/customers/7" },
        // There the catalog knows a tool.
        { ...preflight, target: "/crm/tickets/42" },
      ]) {
        expect((await send(port, sent)).status, JSON.stringify(sent)).toBeGreaterThanOrEqual(400)
      }
      expect(upstream.received).toHaveLength(1)
    })

    test("with a wrong one, nothing passes", async () => {
      const { port } = await start(`ngk_${randomUUID()}`)
      const answer = await send(port, { target: "/crm/tickets/42" })
      expect(outcomeOf(answer)).toBe("403 unknown_gateway")
      expect(upstream.received).toEqual([])
    })
  })

  describe(`${row.name}, where the authorizer`, () => {
    let stub: StubAuthorizer
    let gateway: RunningGateway
    beforeAll(async () => {
      stub = await startStub()
      gateway = await startGateway(row, { authorizer: stub.origin, upstream: upstream.origin, key: "key" })
    })
    afterAll(async () => {
      await gateway.close()
      await stub.close()
    })
    const ask = async (sent: Sent = { target: "/crm/tickets/42" }): Promise<Answer> => {
      stub.asked.length = 0
      return send(gateway.port, sent)
    }

    test.each(FAILURES)("$name", async ({ name, answer, expected }) => {
      stub.answer = answer
      const got = await ask()
      expect(outcomeOf(got), got.body).toBe(expectedOf(name, expected))
      if (got.status !== 200) expect(upstream.received).toEqual([])
      // Where it asks again it says of which request, so that one call stays one.
      if (entry["request_id_header"] === undefined) return
      expect(new Set(stub.asked.flatMap((asked) => valuesOf(asked, "x-request-id"))).size).toBe(1)
    })

    test.each(SERVED)("is asked for the document of %s, and for nothing of the client's", async (target, below) => {
      stub.answer = { status: 200, headers: { "Content-Type": "application/json" }, body: '{"resource":"x"}' }
      const headers = SECRETS.map((name) => [name, "evil"] as const)
      for (const method of ["GET", "HEAD"]) {
        const got = await ask({ method, target, headers })
        expect([got.status, got.body]).toEqual([200, method === "GET" ? '{"resource":"x"}' : ""])
        const [asked, ...others] = stub.asked
        if (!asked) throw new Error("nothing was asked")
        expect(others).toEqual([])
        const place = `/.well-known/oauth-protected-resource/${entry.id}${below}`
        expect(asked).toMatchObject({ target: place, body: "" })
        expect(valuesOf(asked, "host")).toEqual([new URL(stub.origin).host])
        expect(SECRETS.flatMap((name) => valuesOf(asked, name)).filter((value) => value !== "")).toEqual([])
      }
    })

    test("is asked for a document with a query of the client's, it gets none of that", async () => {
      stub.answer = { status: 200, headers: { "Content-Type": "application/json" }, body: "{}" }
      await ask({ target: "/.well-known/oauth-protected-resource/desk/mcp?origin=https://evil.example" })
      // Either the document is served without the query, or the request is authorized like any other.
      expect(stub.asked).not.toEqual([])
      const documents = stub.asked.filter(({ target }) => target.startsWith("/.well-known/"))
      expect(documents.filter(({ target }) => target.includes("?"))).toEqual([])
    })

    test.each(Object.entries(NOT_SERVED))("is asked for no document by %s", async (_what, sent) => {
      stub.answer = {
        status: 403,
        headers: {
          "X-Narrowgate-Code": "unknown_tool",
          "X-Narrowgate-Decision": "dec_3",
          "X-Narrowgate-Status": "403",
        },
        body: "{}",
      }
      const got = await ask(sent)
      const documents = stub.asked.filter(({ target }) => !target.startsWith("/authz/"))
      // nginx reads what it was sent in another spelling: what it asks for is a document nevertheless, and in one spelling.
      const [place = ""] = documents.map(({ method, target }) => `${method} ${target}`)
      if (sent.method === undefined && place !== "") expect(place).toMatch(DOCUMENT)
      else expect([got.status >= 400, documents]).toEqual([true, []])
      expect(upstream.received).toEqual([])
    })

    test("names no identity, nobody's is taken instead", async () => {
      const empty = Object.fromEntries(Object.keys(IDENTITY).map((name) => [name, ""]))
      stub.answer = { status: 200, headers: { ...empty, "X-Narrowgate-Decision": "dec_2" } }
      await ask({ target: "/crm/tickets/42", headers: Object.keys(IDENTITY).map((name) => [name, "evil"]) })
      const [received] = upstream.received
      if (!received) throw new Error("nothing arrived")
      const told = Object.keys(IDENTITY).flatMap((name) => valuesOf(received, name.toLowerCase()))
      expect(told.filter((value) => value !== "")).toEqual(["dec_2"])
    })

    test("gives a transaction token, the upstream gets it", async () => {
      stub.answer = ALLOW
      await ask({ target: "/crm/tickets/42", headers: [["Txn-Token", "evil"]] })
      const [received] = upstream.received
      expect(received && valuesOf(received, "txn-token")).toEqual([IDENTITY["Txn-Token"]])
    })

    test("is asked about a traced call, it learns of the trace; the upstream has the client's own", async () => {
      const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
      stub.answer = { ...ALLOW, headers: { ...ALLOW.headers, traceparent: traceparent.replace("00f0", "ffff") } }
      await ask({ target: "/crm/tickets/42", headers: [["traceparent", traceparent]] })
      const [question] = stub.asked
      expect(question && valuesOf(question, "traceparent")).toEqual([traceparent])
      const [received] = upstream.received
      expect(received && valuesOf(received, "traceparent")).toEqual([traceparent])
    })

    test("asks for a proof with a nonce, the client gets the nonce", async () => {
      const challenge = 'DPoP error="use_dpop_nonce", algs="ES256"'
      const told = {
        "X-Narrowgate-Code": "invalid_token",
        "X-Narrowgate-Decision": "dec_3",
        "X-Narrowgate-Status": "401",
      }
      stub.answer = { status: 401, headers: { ...told, "WWW-Authenticate": challenge, "DPoP-Nonce": "n1" }, body: "{}" }
      const got = await ask()
      expect(outcomeOf(got)).toBe("401 invalid_token")
      expect(got.headers.get("dpop-nonce")).toBe("n1")
      expect(got.headers.get("www-authenticate")).toBe(challenge)
    })

    test("has no ledger, the client learns so", async () => {
      const told = {
        "X-Narrowgate-Code": "unavailable",
        "X-Narrowgate-Decision": "dec_3",
        "X-Narrowgate-Status": "503",
      }
      stub.answer = { status: row.carries.unavailableAs, headers: { ...told, "Retry-After": "5" }, body: "{}" }
      const got = await ask()
      expect(outcomeOf(got)).toBe(expectedOf(HAS_NO_LEDGER, "503 unavailable"))
      expect(got.headers.get("x-narrowgate-status")).toBe("503")
      expect(got.headers.get("retry-after")).toBe("5")
      expect(upstream.received).toEqual([])
    })

    test("hears nothing that a client says in the gateway's name", async () => {
      const id = entry["request_id_header"]
      stub.answer = ALLOW
      const own = ["X-Narrowgate-Key", "X-Narrowgate-Agent", ...(id === undefined ? [] : ["X-Request-Id"])]
      await ask({ target: "/crm/tickets/42?x=1", headers: own.map((name) => [name, "evil"]) })
      const [asked] = stub.asked
      if (!asked) throw new Error("nothing was asked")
      expect(valuesOf(asked, "x-narrowgate-key")).toEqual(["key"])
      expect(
        asked.headers.filter(([name, value]) => value === "evil" && own.some((each) => isNamed(each, name))),
      ).toEqual([])
    })

    test.runIf(row.broken)("is never asked, as the script fails, nothing passes", async () => {
      const [from, to] = row.broken ?? ["", ""]
      const options = { authorizer: stub.origin, upstream: upstream.origin, key: "key" }
      const broken = await startGateway(row, { ...options, spoil: (_name, text) => text.replace(from, to) })
      try {
        stub.answer = ALLOW
        stub.asked.length = 0
        const got = await send(broken.port, { target: "/crm/tickets/42" })
        expect([got.status, upstream.received, stub.asked]).toEqual([500, [], []])
      } finally {
        await broken.close()
      }
    })

    test("is gone, and comes back", async () => {
      await stub.close()
      const unasked = await ask()
      expect(outcomeOf(unasked)).toBe(expectedOf(IS_GONE, "500"))
      expect(
        judgeAnswer(seenByDoctor({ target: "/crm/tickets/42" }, unasked), gatewaysEntry.parse(entry), []),
      ).toMatchObject({
        level: "problem",
        text: expect.not.stringContaining("PASSES CALLS"),
      })
      expect(upstream.received).toEqual([])
      stub = await startStub(Number(new URL(stub.origin).port))
      stub.answer = ALLOW
      for (const until = Date.now() + 20_000; Date.now() < until && (await ask()).status !== 200;);
      expect(upstream.received).toHaveLength(1)
    })
  })
}

const LIST_TOOLS: Sent = {
  method: "POST",
  target: "/desk/mcp",
  headers: [["Content-Type", "application/json"]],
  body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/list" }),
}
const gatewaysEntry = z.looseObject({ id: z.string(), dialect: z.enum(DIALECT_NAMES) })

const seenByDoctor = ({ target }: Sent, { status, headers }: Answer) => ({
  url: new URL(target, ORIGIN),
  status,
  headers,
  json: null,
  ahead: null,
})

function outcomeOf({ status, headers }: Answer): Outcome {
  const code = headers.get("x-narrowgate-code")
  return code ? `${status} ${code}` : status === 200 ? "allowed" : `${status}`
}

function expectRefused({ status, headers }: Answer): void {
  expect(upstream.received).toEqual([])
  if (!headers.has("x-narrowgate-code")) return
  expect(headers.get("x-narrowgate-decision")).toMatch(/^dec_[0-9A-Z]{26}$/)
  expect(headers.get("x-narrowgate-status")).toBe(String(status))
}

const isNamed = (name: string, other: string): boolean => name.toLowerCase() === other.toLowerCase()

function valuesOf({ headers }: Received, name: string): string[] {
  return headers.filter(([other]) => isNamed(other, name)).map(([, value]) => value)
}

/** Credentials, and what a client said in the name of Narrowgate or of the gateway, in any spelling. */
function isNotForUpstreams([name, value]: readonly [string, string]): boolean {
  const spelled = name.toLowerCase().replaceAll(/[_.]/g, "-")
  if (["authorization", "dpop", "x-narrowgate-key"].includes(spelled)) return true
  return value === "evil" && /^(?:x-narrowgate-|txn-token$|x-request-id$)/.test(spelled)
}
