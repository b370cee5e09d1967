import { createLocalJWKSet, createRemoteJWKSet, decodeJwt, jwtVerify } from "jose"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { generateKeys, startIdentityProvider } from "../../../dev/identity-provider.ts"
import { login, operatorToken, workloadIdentity } from "../../../cli/remote/local-stack-login.ts"
import type { Listening } from "../../../dev/loopback.ts"

const AUDIENCE = "https://authz.example"
const AGENT = "spiffe://example.org/agent/support"

let provider: Listening
beforeAll(async () => {
  provider = await startIdentityProvider({ port: 0, audience: AUDIENCE })
})
afterAll(() => provider.close())

/** SPIFFE Trust Domain and Bundle 4.2: `kid` and `use` are required. */
const Bundle = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string(), use: z.literal("jwt-svid") })).min(1),
  spiffe_sequence: z.number(),
})

function keys() {
  return createRemoteJWKSet(new URL("/jwks", provider.origin))
}

describe("login", () => {
  test("yields an ID token and an access token of the user that verify", async () => {
    const { origin } = provider
    const session = await login({ origin, user: "alice" })
    const expected = { sub: "alice", groups: ["support"], email: "alice@example.org", acr: "pwd" }

    const id = await jwtVerify(session.id_token, keys(), { issuer: origin, audience: "narrowgate-app" })
    expect(id.protectedHeader.alg).toBe("ES256")
    expect(id.payload).toMatchObject(expected)
    expect(id.payload["auth_time"]).toBeTypeOf("number")

    const checks = { issuer: origin, audience: AUDIENCE, typ: "at+jwt" }
    const access = await jwtVerify(session.access_token, keys(), checks)
    expect(access.payload).toMatchObject({ ...expected, client_id: "narrowgate-app" })
    expect(access.payload["auth_time"]).toBe(id.payload["auth_time"])
    expect(session.expires_in).toBe(900)
  })

  test("knows a second factor", async () => {
    const session = await login({ origin: provider.origin, user: "olivia", secondFactor: true })
    expect(decodeJwt(session.access_token)).toMatchObject({ acr: "mfa", groups: ["operations"] })
  })

  test.each([
    ["alice", "wrong"],
    ["alice", ""],
    ["mallory", "mallory"],
  ])("refuses %s with the password %j", async (user, password) => {
    await expect(login({ origin: provider.origin, user, password })).rejects.toThrow("401")
  })
})

test("an operator's token is the pipeline's own", async () => {
  const checks = { issuer: provider.origin, audience: AUDIENCE, typ: "at+jwt" }
  const { payload } = await jwtVerify(await operatorToken(provider), keys(), checks)
  expect(payload).toMatchObject({ sub: "narrowgate-cli", client_id: "narrowgate-cli" })
})

describe("workload identity", () => {
  test("verifies with the trust domain's bundle, and no two are the same", async () => {
    const { origin } = provider
    const svid = await workloadIdentity({ origin, id: AGENT, audience: AUDIENCE })
    const bundle = Bundle.parse(await (await fetch(new URL("/workload/keys", origin))).json())
    // jose takes a key for signatures only with `use: sig`, or without any.
    const trusted = createLocalJWKSet({ keys: bundle.keys.map(({ use: _use, ...key }) => key) })
    const { payload, protectedHeader } = await jwtVerify(svid, trusted, { audience: AUDIENCE })
    expect(protectedHeader).toMatchObject({ alg: "ES256", typ: "JWT" })
    expect(payload.sub).toBe(AGENT)
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(300)
    expect(decodeJwt(await workloadIdentity({ origin, id: AGENT, audience: AUDIENCE })).jti).not.toBe(payload.jti)
  })

  test.each([
    "spiffe://other.example/agent/support",
    "spiffe://example.org",
    "spiffe://example.org/",
    "spiffe://example.org/agent/../support",
    "spiffe://example.org/agent//support",
    "spiffe://example.org/agent/%2e",
    "spiffe://example.org.other.example/agent",
    "https://example.org/agent/support",
  ])("is refused to %s", async (id) => {
    await expect(workloadIdentity({ origin: provider.origin, id, audience: AUDIENCE })).rejects.toThrow("example.org")
  })
})

test("tokens outlive a restart with the same keys", async () => {
  const stored = await generateKeys()
  const before = await startIdentityProvider({ port: 0, audience: AUDIENCE, keys: stored })
  const { id_token } = await login({ origin: before.origin, user: "bob" })
  await before.close()
  const port = Number(new URL(before.origin).port)
  const after = await startIdentityProvider({ port, audience: AUDIENCE, keys: stored })
  try {
    const jwks = createRemoteJWKSet(new URL("/jwks", after.origin))
    await expect(jwtVerify(id_token, jwks, { issuer: after.origin })).resolves.toBeDefined()
  } finally {
    await after.close()
  }
})
