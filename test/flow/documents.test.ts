import { exports } from "cloudflare:workers"
import { calculateJwkThumbprint, importJWK, jwtVerify } from "jose"
import { expect, test } from "vitest"
import { z } from "zod"
import { GRANTS } from "../../src/authorization-server/token/grant-types.ts"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
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

test("alive and ready", async () => {
  expect(await get("/healthz")).toMatchObject({ status: 200, json: { status: "alive" } })
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
