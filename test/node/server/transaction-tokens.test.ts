/** Verification against an issuer that rotates, fails and lies: a real server, whose requests are counted. */
import { createServer, type ServerResponse } from "node:http"
import canonicalize from "canonicalize"
import fc from "fast-check"
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { listen, type Listening } from "../../../dev/loopback.ts"
import { argumentsHash, canonicalJson } from "../../../server/arguments-hash.ts"
import { CallRejectedError, memoryReplays, rejectionAnswer, transactionTokens } from "../../../server/index.ts"
import { sha256Hex } from "../../../src/core/encoding/hash.ts"

const AUDIENCE = "api.internal.example"

interface Key {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly jwk: JWK
}

async function makeKey(kid: string, alg: "ES256" | "EdDSA" | "RS256" = "ES256"): Promise<Key> {
  const { privateKey, publicKey } = await generateKeyPair(alg)
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } }
}

let issuer: Listening
let asked: number
let answer: (response: ServerResponse) => void
const publish = (...keys: readonly Key[]): void => {
  answer = (response) => void response.end(JSON.stringify({ keys: keys.map(({ jwk }) => jwk) }))
}
beforeEach(async () => {
  asked = 0
  issuer = await listen(
    createServer((request, response) => {
      asked++
      if (request.url === "/.well-known/jwks.json") answer(response)
      else response.writeHead(404).end()
    }),
    0,
  )
})
afterEach(async () => {
  vi.useRealTimers()
  await issuer.close()
})

const TOOL = "crm.tickets.get"
async function sign(
  { kid, jwk, privateKey }: Key,
  claims: Readonly<Record<string, unknown>> = {},
  typ = "txntoken+jwt",
): Promise<string> {
  const iat = Math.floor(Date.now() / 1000)
  const own = {
    ...{ iss: issuer.origin, aud: AUDIENCE, iat, exp: iat + 30, sub: "https://idp.example|alice" },
    ...{ txn: "tsk_1", scope: `${TOOL}:read`, req_wl: "spiffe://example.org/agent/support" },
    tctx: { task: "tsk_1", purpose: "triage", tool: TOOL, decision: "dec_1" },
    rctx: { gateway: "edge", environment: "production" },
  }
  return new SignJWT({ ...own, ...claims }).setProtectedHeader({ alg: jwk.alg ?? "", kid, typ }).sign(privateKey)
}

const tokens = (more: object = {}) => transactionTokens({ issuer: issuer.origin, audience: AUDIENCE, ...more })

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "ok",
    (error: unknown) => (error instanceof CallRejectedError ? error.code : String(error)),
  )
}

describe("the issuer's keys", () => {
  test("are fetched once for many tokens", async () => {
    const key = await makeKey("one")
    publish(key)
    const { verify } = tokens()
    const all = Array.from({ length: 20 }, async () => codeOf(verify(await sign(key))))
    expect(new Set(await Promise.all(all))).toEqual(new Set(["ok"]))
    expect(asked).toBe(1)
  })

  test("are fetched again for a new one, and not for each that nobody has published", async () => {
    const [old, next, foreign] = await Promise.all(["old", "next", "foreign"].map(async (kid) => makeKey(kid)))
    if (!old || !next || !foreign) throw new Error("no keys")
    publish(old)
    const { verify } = tokens()
    vi.useFakeTimers({ toFake: ["Date"] })
    expect(await codeOf(verify(await sign(old)))).toBe("ok")
    publish(old, next)
    // Within ten seconds a stranger's `kid` leads to no request, and nor does a new key.
    for (const key of [foreign, foreign, next]) expect(await codeOf(verify(await sign(key)))).toBe("invalid_token")
    expect(asked).toBe(1)
    vi.setSystemTime(Date.now() + 10_001)
    expect(await codeOf(verify(await sign(next)))).toBe("ok")
    expect(await codeOf(verify(await sign(foreign)))).toBe("invalid_token")
    expect(asked).toBe(2)
    // One that has been pulled is believed for five minutes at most.
    publish(next)
    vi.setSystemTime(Date.now() + 300_001)
    expect(await codeOf(verify(await sign(old)))).toBe("invalid_token")
    expect(await codeOf(verify(await sign(next)))).toBe("ok")
    expect(asked).toBe(3)
  })

  test("are fetched again if the clock was set back, after a failure too", async () => {
    const [old, next] = await Promise.all(["old", "next"].map(async (kid) => makeKey(kid)))
    if (!old || !next) throw new Error("no keys")
    publish(old)
    const { verify } = tokens()
    expect(await codeOf(verify(await sign(old)))).toBe("ok")
    publish(next)
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() - 3_600_000 })
    expect(await codeOf(verify(await sign(old)))).toBe("invalid_token")
    expect(await codeOf(verify(await sign(next)))).toBe("ok")
    expect(asked).toBe(2)
    const failing = tokens()
    answer = (response) => void response.writeHead(500).end()
    expect(await codeOf(failing.verify(await sign(next)))).toBe("unavailable")
    publish(next)
    vi.setSystemTime(Date.now() - 3_600_000)
    expect(await codeOf(failing.verify(await sign(next)))).toBe("ok")
  })

  test.each<[string, (response: ServerResponse) => void]>([
    ["another status", (response) => void response.writeHead(500).end("{}")],
    ["a redirect", (response) => void response.writeHead(302, { Location: "/.well-known/jwks.json" }).end()],
    ["garbage", (response) => void response.end("<html>")],
    ["another document", (response) => void response.end('{"keys":7}')],
    ["no end", (response) => void Array.from({ length: 20 }, () => response.write("x".repeat(4_096)))],
    ["nothing", (response) => void response.destroy()],
  ])("answered with %s: unavailable, and then asked once a second", async (_what, broken) => {
    const key = await makeKey("one")
    answer = broken
    const { verify } = tokens()
    for (let each = 0; each < 3; each++) expect(await codeOf(verify(await sign(key)))).toBe("unavailable")
    expect(asked).toBe(1)
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 1_001 })
    publish(key)
    expect(await codeOf(verify(await sign(key)))).toBe("ok")
  })
})

describe("a token", () => {
  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ["of another issuer", { iss: "https://other.example" }, "invalid_token"],
    ["without an expiry", { exp: undefined }, "invalid_token"],
    ["that has expired", { exp: 1 }, "expired_token"],
    ["that is not valid yet", { nbf: 9_999_999_999 }, "invalid_token"],
    ["for nobody", { aud: undefined }, "wrong_audience"],
    ["for somebody else", { aud: "other.example" }, "wrong_audience"],
    ["of nine kilobytes", { more: "x".repeat(9_000) }, "invalid_token"],
    ["without an agent", { req_wl: "" }, "invalid_token"],
    ["without a user", { sub: "alice" }, "invalid_token"],
    ["without a context", { tctx: null }, "invalid_token"],
    ["without a gateway", { rctx: {} }, "invalid_token"],
    ["without a transaction", { txn: 7 }, "invalid_token"],
    ["whose scope is another tool's", { scope: "crm.tickets.note:write" }, "invalid_token"],
    ["with another hash", { tctx: { ...CONTEXT(), arguments_hash: "abc" } }, "invalid_token"],
    ["with hidden arguments that are no list", { tctx: { ...CONTEXT(), arguments_redacted: "a" } }, "invalid_token"],
    ["with a chain of numbers", { tctx: { ...CONTEXT(), chain: [1] } }, "invalid_token"],
  ])("%s is refused", async (_what, claims, code) => {
    const key = await makeKey("one")
    publish(key)
    expect(await codeOf(tokens().verify(await sign(key, claims)))).toBe(code)
  })

  test("of another type is refused, and by an algorithm that Narrowgate does not use", async () => {
    const [key, rsa, eddsa] = await Promise.all([makeKey("one"), makeKey("rsa", "RS256"), makeKey("ed", "EdDSA")])
    publish(key, rsa, eddsa)
    const { verify } = tokens()
    for (const typ of ["at+jwt", "JWT", ""])
      expect(await codeOf(verify(await sign(key, {}, typ)))).toBe("invalid_token")
    expect(await codeOf(verify(await sign(rsa)))).toBe("invalid_token")
    expect(await codeOf(verify(await sign(eddsa)))).toBe("ok")
    expect(await codeOf(tokens({ algorithms: ["ES256"] }).verify(await sign(eddsa)))).toBe("invalid_token")
  })

  test("is remembered as used for as long as it is accepted", async () => {
    const key = await makeKey("one")
    publish(key)
    const used: unknown[] = []
    const replays = { use: (decision: string, expires: number) => used.push([decision, expires]) > 0 }
    const { verify, use } = tokens({ replays, clockTolerance: 30 })
    const claims = await verify(await sign(key))
    await use(claims)
    expect(used).toEqual([["dec_1", claims.caller.signed.expires + 30]])
  })

  test("of an agent alone names no user", async () => {
    const key = await makeKey("one")
    publish(key)
    const agent = "spiffe://example.org/agent/nightly"
    const { caller } = await tokens().verify(await sign(key, { sub: agent, req_wl: agent }))
    expect([caller.agent, caller.user]).toEqual([agent, null])
  })
})

function CONTEXT() {
  return { task: "tsk_1", purpose: "triage", tool: TOOL, decision: "dec_1" }
}

test.each([
  { issuer: "http://authz.example" },
  { issuer: "https://authz.example/" },
  { issuer: "authz.example" },
  { audience: "" },
  { audience: undefined },
  { audience: [] },
  { clockTolerance: 61 },
  { clockTolerance: -1 },
  { clockTolerance: Number.NaN },
  { algorithms: ["none"] },
  { algorithms: ["HS256"] },
  { algorithms: [] },
])("options that are none: %o", (options) => {
  expect(() => tokens(options)).toThrow(TypeError)
})

test("a store of replays forgets what has expired, and no other", async () => {
  const replays = memoryReplays(3)
  const now = Date.now() / 1000
  expect(["a", "b", "c", "a"].map((id) => replays.use(id, id === "a" ? now + 10 : now + 60))).toEqual([
    ...[true, true, true],
    false,
  ])
  // Full: a further one is refused rather than an old one forgotten.
  expect(replays.use("d", now + 60)).toBe(false)
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 11_000 })
  expect([replays.use("d", now + 60), replays.use("b", now + 60), replays.use("e", now + 60)]).toEqual([
    true,
    false,
    false,
  ])
})

test("arguments are hashed as Narrowgate hashes them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(fc.string({ unit: "binary" }), fc.jsonValue()), async (values) => {
      const text = canonicalize(values) ?? ""
      expect(canonicalJson(JSON.parse(JSON.stringify(values)))).toBe(text)
      expect(await argumentsHash(values)).toBe(Object.keys(values).length === 0 ? null : sha256Hex(text))
    }),
    { numRuns: 500 },
  )
})

test("an error that is no refusal is nobody's answer", () => {
  expect(() => rejectionAnswer(new Error("a defect, by a test"))).toThrow("a defect")
})
