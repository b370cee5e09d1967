/** A provider that wants a secret of our client gets it, and another one gets nobody in. Against a real provider. */
import { decodeJwt } from "jose"
import { afterAll, beforeAll, expect, test } from "vitest"
import { startIdentityProvider } from "../../../dev/identity-provider.ts"
import { walk } from "../../../cli/remote/local-stack-login.ts"
import type { Listening } from "../../../dev/loopback.ts"
import { tokenFor, authorizationUrl, CALLBACK, type SignInIssuer } from "../../../src/web/provider.ts"

const US = "http://127.0.0.1:8787"
const SECRET = "s+/ecret: with what has to be encoded"

let provider: Listening
beforeAll(async () => {
  const client = {
    client_id: "web",
    client_secret: SECRET,
    redirect_uris: [US + CALLBACK],
    grant_types: ["authorization_code"],
    response_types: ["code"],
  }
  provider = await startIdentityProvider({ port: 0, audience: US, clients: [client] })
})
afterAll(async () => provider.close())

async function signInWith(secrets: ReadonlyMap<string, string>): Promise<string> {
  const issuer: SignInIssuer = {
    id: "idp",
    issuer: provider.origin,
    keys: { kind: "discovery" },
    algorithms: ["ES256"],
    sign_in: { client: "web", scope: "openid groups narrowgate", token: "access_token", resource: "resource" },
  }
  const asker = { config: { issuer: US, signInSecrets: secrets }, fetchContext: { now: Date.now(), local: true } }
  const { url, pending } = await authorizationUrl(issuer, asker)
  const answer = await walk(url, US + CALLBACK, { origin: provider.origin, user: "olivia" })
  return tokenFor(issuer, answer, pending, asker)
}

test("with the secret of that issuer there is a token for us", async () => {
  const claims = decodeJwt(await signInWith(new Map([["idp", SECRET]])))
  expect(claims).toMatchObject({ iss: provider.origin, sub: "olivia", aud: US, client_id: "web" })
})

test.each([
  ["another", new Map([["idp", "another"]])],
  ["none", new Map<string, string>()],
  ["that of another issuer", new Map([["other", SECRET]])],
] as const)("with %s there is none", async (_name, secrets) => {
  await expect(signInWith(secrets)).rejects.toThrow(/^server responded with (?:an error|a challenge)/)
})
