import { exports } from "cloudflare:workers"
import { calculateJwkThumbprint, importJWK, jwtVerify } from "jose"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { GRANTS } from "../../src/authorization-server/token/grant-types.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, ORIGIN } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"

yardForEach()

async function get(path: string, method = "GET"): Promise<{ status: number; headers: Headers; json: unknown }> {
  const response = await exports.default.fetch(new Request(US + path, { method }))
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text === "" ? null : JSON.parse(text) }
}

const jwks = z.object({ keys: z.array(z.looseObject({ kid: z.string() })) })

test("the JWK set holds public keys only, stable over restarts, and verifies what is issued", async () => {
  const { keys } = jwks.parse((await get("/.well-known/jwks.json")).json)
  expect(keys.map(({ kty, crv, alg, use }) => [kty, crv, alg, use])).toEqual([
    ["EC", "P-256", "ES256", "sig"],
    ["OKP", "Ed25519", "EdDSA", "sig"],
  ])
  for (const key of keys) {
    expect(
      Object.keys(key).filter((member) => !["alg", "crv", "kid", "kty", "use", "x", "y"].includes(member)),
    ).toEqual([])
    expect(await calculateJwkThumbprint(key)).toBeTruthy()
  }
  forgetCaches()
  expect(jwks.parse((await get("/.well-known/jwks.json")).json).keys).toEqual(keys)
  const { token } = await openTask()
  const verified = await jwtVerify(token, await importJWK(keys[0] ?? {}, "ES256"), { issuer: US, typ: "at+jwt" })
  expect(verified.protectedHeader.kid).toBe(keys[0]?.kid)
})

test("many cold isolates at once agree on one first key of each algorithm", async () => {
  const sets = await Promise.all(
    Array.from({ length: 20 }, async () => {
      forgetCaches()
      return jwks.parse((await get("/.well-known/jwks.json")).json).keys.map(({ kid }) => kid)
    }),
  )
  expect(new Set(sets.flat()).size).toBe(2)
})

test("authorization server metadata (RFC 8414) names what there is", async () => {
  const { status, json } = await get("/.well-known/oauth-authorization-server")
  expect(status).toBe(200)
  expect(json).toMatchObject({
    issuer: US,
    authorization_endpoint: `${US}/oauth/authorize`,
    response_types_supported: ["code"],
    response_modes_supported: ["query"],
    code_challenge_methods_supported: ["S256"],
    authorization_response_iss_parameter_supported: true,
    client_id_metadata_document_supported: true,
    token_endpoint_auth_methods_supported: ["spiffe_jwt", "private_key_jwt", "none"],
    token_endpoint: `${US}/oauth/token`,
    jwks_uri: `${US}/.well-known/jwks.json`,
    grant_types_supported: [...GRANTS.keys()],
    authorization_grant_profiles_supported: ["urn:ietf:params:oauth:grant-profile:id-jag"],
    access_token_signing_alg_values_supported: ["ES256", "EdDSA"],
  })
})

test("protected resource metadata (RFC 9728) of each gateway, and of nothing else", async () => {
  const { json } = await get("/.well-known/oauth-protected-resource/envoy")
  expect(json).toMatchObject({ resource: "https://api.test/", authorization_servers: [US] })
  expect((await get("/.well-known/oauth-protected-resource/nobody")).status).toBe(404)
})

describe("protected resource metadata of an MCP server", () => {
  const documentAt = async (place: string): Promise<unknown> =>
    (await get(`/.well-known/oauth-protected-resource/${place}`)).json

  test("names as resource what its clients connect to, and the scopes that a purpose grants there", async () => {
    expect(await documentAt("envoy/desk/mcp")).toEqual({
      resource: "https://api.test/desk/mcp",
      resource_name: "desk",
      authorization_servers: [US],
      bearer_methods_supported: ["header"],
      dpop_signing_alg_values_supported: expect.any(Array),
      scopes_supported: ["desk.*:read", "desk.*:write"],
    })
  })

  test("names no scope that no purpose grants by default, or only to what is less sensitive", async () => {
    const body = await yard()
    const like = body.purposes.find(({ name }) => name === "work")
    if (!like) throw new Error("the yard has changed")
    const purposes = [
      { ...like, grant: { ...like.grant, max_sensitivity: "public" } },
      { ...like, name: "second", grant: like.grant, default: ["desk.pay:write", "files.*:read"] },
    ] as const
    await publish({ ...body, purposes: [purposes[0]] }, 2)
    forgetCaches()
    expect(await documentAt("envoy/desk/mcp")).toMatchObject({ scopes_supported: ["desk.*:read"] })
    await publish({ ...body, purposes: [purposes[1]] }, 3)
    forgetCaches()
    expect(await documentAt("envoy/desk/mcp")).toMatchObject({ scopes_supported: ["desk.*:write"] })
    expect(await documentAt("envoy/shed/mcp")).not.toHaveProperty("scopes_supported")
    expect(await documentAt("envoy")).toMatchObject({ scopes_supported: ["desk.*:write", "files.*:read"] })
    expect((await get("/.well-known/oauth-authorization-server")).json).toMatchObject({
      scopes_supported: ["desk.*:write", "files.*:read"],
    })
  })

  test("is told from that of the same path at another origin of its gateway", async () => {
    const body = await yard()
    const servers = ["https://other.test", ORIGIN].flatMap((origin, index) => [
      { name: `one-${index}`, origin, path: "/mcp", enforces_headers: false },
      { name: `root-${index}`, origin, path: "/", enforces_headers: false },
    ])
    await publish({ ...body, servers }, 2)
    forgetCaches()
    // Its first origin.
    expect(await documentAt("twin/mcp")).toMatchObject({ resource: "https://other.test/mcp" })
    expect(await documentAt(`twin/mcp?origin=${ORIGIN}`)).toMatchObject({ resource: `${ORIGIN}/mcp` })
    expect(await documentAt("twin")).toMatchObject({ resource: "https://other.test", resource_name: "root-0" })
    expect(await documentAt(`twin?origin=${ORIGIN}`)).toMatchObject({ resource: ORIGIN, resource_name: "root-1" })
    expect(await documentAt("envoy/mcp")).toMatchObject({ resource: `${ORIGIN}/mcp` })
    expect((await get("/.well-known/oauth-protected-resource/envoy/mcp?origin=https://other.test")).status).toBe(404)
  })

  test.each([
    "envoy/nothing",
    "envoy/desk",
    "envoy/desk/mcp/",
    "envoy/desk/mcp/more",
    "envoy//desk/mcp",
    "envoy/desk%2Fmcp",
    "nobody/desk/mcp",
    "twin/desk/mcp",
    "envoy/desk/mcp?origin=https://evil.test",
    "envoy?origin=https://evil.test",
  ])("there is none at %s", async (place) => {
    expect((await get(`/.well-known/oauth-protected-resource/${place}`)).status).toBe(404)
  })

  test("is what the challenge of each call there names, at the server's own origin if its gateway serves it there", async () => {
    const body = await yard()
    const gateways = body.gateways.map((gateway) => ({ ...gateway, serves_metadata: true as const }))
    await publish({ ...body, gateways }, 2)
    forgetCaches()
    const metadata = `resource_metadata="${ORIGIN}/.well-known/oauth-protected-resource/desk/mcp"`
    const { token } = await openTask("first", { scope: "files.*:read" })
    const bearer = { Authorization: `Bearer ${token}` }
    const message = (method: string) => JSON.stringify({ jsonrpc: "2.0", id: 1, method, params: { name: "pay" } })
    const json = { "Content-Type": "application/json" }
    const tries = [
      { path: "/desk/mcp" },
      { path: "/desk/mcp", method: "POST", headers: json, body: message("initialize") },
      {
        path: "/desk/mcp",
        method: "POST",
        headers: { ...json, Authorization: "Bearer x" },
        body: message("tools/list"),
      },
      { path: "/desk/mcp", method: "POST", headers: { ...json, ...bearer }, body: message("tools/call") },
    ]
    for (const call of tries) {
      const { code, headers } = await askAs("envoy", call)
      expect(headers.get("WWW-Authenticate"), code).toContain(metadata)
    }
    // Without a place of its own, at ours.
    await publish(body, 3)
    forgetCaches()
    for (const [gateway, query] of [
      ["envoy", ""],
      ["twin", `?origin=${ORIGIN}`],
    ] as const) {
      const { headers } = await askAs(gateway, { path: "/desk/mcp" })
      const place = `/.well-known/oauth-protected-resource/${gateway}/desk/mcp${query}`
      expect(headers.get("WWW-Authenticate")).toBe(`Bearer resource_metadata="${US}${place}"`)
      expect((await get(place)).json).toMatchObject({ resource: `${ORIGIN}/desk/mcp` })
    }
    for (const path of ["/files/a", "/desk", "/desk/mcp/x"]) {
      const { headers } = await askAs("envoy", { path })
      expect(headers.get("WWW-Authenticate"), path).toBe(
        `Bearer resource_metadata="${US}/.well-known/oauth-protected-resource/envoy"`,
      )
    }
  })
})

test("alive and ready", async () => {
  expect(await get("/healthz")).toMatchObject({ status: 200, json: { status: "alive", loopback: expect.any(String) } })
  expect(await get("/readyz")).toMatchObject({ status: 200, json: { status: "ready", bundle: { seq: 1 } } })
  for (const path of ["/healthz", "/readyz", "/nowhere"])
    expect((await get(path)).headers.get("Cache-Control")).toBe("no-store")
})

test.each(["/", "/authz", "/authz/", "/oauth", "/v1/task", "/signin", "/.well-known/", "/HEALTHZ"])(
  "%s: there is nothing here",
  async (path) => {
    expect(await get(path)).toMatchObject({ status: 404, json: { error: "not_found" } })
  },
)
