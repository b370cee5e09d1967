/**
 * OAuth clients that nobody here wrote, against the running Worker over HTTP: discovery, `client_credentials` by
 * `private_key_jwt`, token exchange, consent (CIBA), DPoP with a nonce, introspection, revocation.
 */
import { execFile } from "node:child_process"
import { randomUUID } from "node:crypto"
import { join } from "node:path"
import { promisify } from "node:util"
import * as oauth from "oauth4webapi"
import * as openid from "openid-client"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { login } from "../../../cli/remote/local-stack-login.ts"
import { ROBOT, startStage, type Stage } from "./robot.ts"

const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
/** The local stack has no TLS, and needs none: it does not leave the machine. */
const PLAIN = { [oauth.allowInsecureRequests]: true }

let stage: Stage
beforeAll(async () => {
  stage = await startStage()
}, 60_000)
afterAll(async () => stage.close())

/** What an app hands to the robot: alice's session, for the tickets. */
async function forAlice(): Promise<Record<string, string>> {
  const { access_token } = await login({ origin: stage.stack.provider, user: "alice" })
  const purpose = { purpose: "triage-ticket", scope: "crm.tickets.*:read", resource: stage.edge.origin }
  return { subject_token: access_token, subject_token_type: ACCESS_TOKEN, ...purpose }
}
const tickets = (): URL => new URL("/crm/tickets", stage.edge.origin)

const client: oauth.Client = { client_id: ROBOT }
const auth = (): oauth.ClientAuth => oauth.PrivateKeyJwt(stage.privateKey)

async function discovered(): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(stage.stack.origin)
  const response = await oauth.discoveryRequest(issuer, { ...PLAIN, algorithm: "oauth2" })
  return oauth.processDiscoveryResponse(issuer, response)
}

async function exchanged(as: oauth.AuthorizationServer, DPoP?: oauth.DPoPHandle): Promise<oauth.TokenEndpointResponse> {
  const options = { ...PLAIN, ...(DPoP ? { DPoP } : {}) }
  const form = await forAlice()
  const response = await oauth.genericTokenEndpointRequest(as, client, auth(), TOKEN_EXCHANGE, form, options)
  return oauth.processGenericTokenEndpointResponse(as, client, response)
}

const called = async (token: string, DPoP?: oauth.DPoPHandle): Promise<Response> =>
  oauth.protectedResourceRequest(token, "GET", tickets(), new Headers(), null, {
    ...PLAIN,
    ...(DPoP ? { DPoP } : {}),
  })

const configured = async (): Promise<openid.Configuration> =>
  openid.discovery(new URL(stage.stack.origin), ROBOT, undefined, openid.PrivateKeyJwt(stage.privateKey), {
    algorithm: "oauth2",
    execute: [openid.allowInsecureRequests],
  })

describe("oauth4webapi", () => {
  test("discovers, gets a token of its own, asks about it, and ends it", async () => {
    const as = await discovered()
    expect(as).toMatchObject({ issuer: stage.stack.origin, token_endpoint: `${stage.stack.origin}/oauth/token` })
    const parameters = { resource: stage.edge.origin }
    const granted = await oauth.clientCredentialsGrantRequest(as, client, auth(), parameters, PLAIN)
    const { access_token: token, token_type } = await oauth.processClientCredentialsResponse(as, client, granted)
    expect(token_type).toBe("bearer")
    const introspect = async () =>
      oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, auth(), token, PLAIN))
    expect(await introspect()).toMatchObject({ active: true, client_id: ROBOT, purpose: "errand" })
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth(), token, PLAIN))
    expect(await introspect()).toEqual({ active: false })
  })

  test("exchanges a session, and what it gets opens what it is for", async () => {
    const as = await discovered()
    const { access_token, issued_token_type, scope } = await exchanged(as)
    expect([issued_token_type, scope]).toEqual([ACCESS_TOKEN, "crm.tickets.*:read"])
    expect((await called(access_token)).status).toBe(200)
  })

  test("is told what is wrong in OAuth's words", async () => {
    const as = await discovered()
    const form = { ...(await forAlice()), resource: "https://elsewhere.example" }
    const response = await oauth.genericTokenEndpointRequest(as, client, auth(), TOKEN_EXCHANGE, form, PLAIN)
    const refused = await oauth
      .processGenericTokenEndpointResponse(as, client, response)
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ error: "invalid_target", status: 400 })
  })
})

describe("openid-client", () => {
  test("discovers, gets a token of its own, asks about it, and ends it", async () => {
    const config = await configured()
    const { access_token: token } = await openid.clientCredentialsGrant(config, { resource: stage.edge.origin })
    expect(await openid.tokenIntrospection(config, token)).toMatchObject({ active: true, client_id: ROBOT })
    await openid.tokenRevocation(config, token)
    expect(await openid.tokenIntrospection(config, token)).toEqual({ active: false })
  })

  test("is told that its assertion is not taken, and that an assertion for a person is none", async () => {
    const config = await configured()
    const grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    const { access_token: assertion } = await login({ origin: stage.stack.provider, user: "alice" })
    const refused = await openid.genericGrantRequest(config, grant, { assertion }).catch((error: unknown) => error)
    expect(refused).toMatchObject({ error: "invalid_target" })
    const parameters = { assertion, resource: stage.edge.origin, id: randomUUID() }
    const again = await openid.genericGrantRequest(config, grant, parameters).catch((error: unknown) => error)
    expect(again).toMatchObject({ error: "invalid_grant" })
  })
})

test("openid-client asks for consent and fetches its token once alice, logged in herself, has agreed", async () => {
  const config = await configured()
  const asked = await openid.initiateBackchannelAuthentication(config, {
    login_hint: `${stage.stack.provider}|alice`,
    scope: "openid crm.tickets.*:read",
    purpose: "triage-ticket",
    resource: stage.edge.origin,
    binding_message: "W4SCT",
  })
  const token = openid.pollBackchannelAuthenticationGrant(config, asked)
  const cli = async (...args: readonly string[]): Promise<string> => {
    const where = ["--url", stage.stack.origin, "--idp", stage.stack.provider, "--login", "alice"]
    const command = [join(import.meta.dirname, "../../../bin/narrowgate.ts"), "approvals", ...args, ...where]
    return (await promisify(execFile)(process.execPath, command, { env: { NO_COLOR: "1" } })).stdout
  }
  const shown = await cli()
  expect(shown).toMatch(/triage-ticket: W4SCT\n +may then +crm\.tickets\.\*:read/)
  const [task = ""] = shown.split(" ", 1)
  expect(await cli("approve", task)).toBe(`${task}: approve\n`)
  const { access_token, scope } = await token
  expect(scope).toBe("crm.tickets.*:read")
  expect((await called(access_token)).status).toBe(200)
  expect(await cli()).toBe("Nothing waits for you.\n")
})

test("both bind to a key, and answer a gateway's challenge with the nonce that it gives", async () => {
  const as = await discovered()
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"))
  const one = await exchanged(as, DPoP)
  const config = await configured()
  const handle = openid.getDPoPHandle(config, await openid.randomDPoPKeyPair("ES256"))
  const other = await openid.genericGrantRequest(config, TOKEN_EXCHANGE, await forAlice(), { DPoP: handle })
  expect([one.token_type, other.token_type]).toEqual(["dpop", "dpop"])
  const byOther = async (): Promise<Response> =>
    openid.fetchProtectedResource(config, other.access_token, tickets(), "GET", null, new Headers(), { DPoP: handle })
  expect([(await called(one.access_token, DPoP)).status, (await byOther()).status]).toEqual([200, 200])
  // Their ledgers sleep, and then know no longer which proofs they have admitted.
  await new Promise((resolve) => setTimeout(resolve, 13_000))
  const challenged = await called(one.access_token, DPoP).catch((error: unknown) => error)
  expect(oauth.isDPoPNonceError(challenged)).toBe(true)
  expect((await called(one.access_token, DPoP)).status).toBe(200)
  // This one answers by itself.
  expect((await byOther()).status).toBe(200)
})
