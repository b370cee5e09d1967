/** Clients of OAuth that know nothing of MCP. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { importJWK, type CryptoKey } from "jose"
import * as oauth from "oauth4webapi"
import * as openid from "openid-client"
import { installation } from "../installed.ts"
import type { Grant, GrantOrder, GrantRow } from "../row.ts"

type Taken = Partial<Record<Grant, string>>

const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
const ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"
/** The local stack has no TLS, and needs none: it does not leave the machine. */
const PLAIN = { [oauth.allowInsecureRequests]: true }

/** The library has nothing for a client with a key. */
const KEYLESS = {
  credentials: {
    reason: "It has no `private_key_jwt`, and Narrowgate accepts no shared secret.",
    says: /neither a client_assertion nor an actor_token that proves the agent/u,
  },
  exchange: { reason: "It has no token exchange.", says: /^the library has none$/u },
}

const runs =
  (command: string, ...args: readonly string[]): GrantRow["take"] =>
  async (order) => {
    const given = JSON.stringify({ ...order, jwk: JSON.stringify(order.key) })
    const { stdout } = await promisify(execFile)(command, [...args, given], { timeout: 60_000 })
    const taken: Taken = JSON.parse(stdout)
    return taken
  }

const python = (program: string): GrantRow["take"] =>
  runs(installation("mcp-2/bin/python"), join(import.meta.dirname, "../python", program))

async function browse(order: GrantOrder, link: URL): Promise<URL> {
  const led = await fetch(order.browser, { method: "POST", body: link.href })
  return new URL(await led.text())
}

async function call({ call: at }: GrantOrder, token: string): Promise<string> {
  return (await fetch(at, { headers: { authorization: `Bearer ${token}` } })).text()
}

const keyOf = async ({ key }: GrantOrder): Promise<CryptoKey> => {
  const imported = await importJWK(key, "ES256")
  if (imported instanceof Uint8Array) throw new Error("no key of ES256")
  return imported
}

const exchangeOf = ({ session, resource }: GrantOrder): Record<string, string> => ({
  subject_token: session,
  subject_token_type: ACCESS_TOKEN,
  resource,
})

export const oauth4webapi: GrantRow = {
  name: "oauth4webapi",
  title: "oauth4webapi",
  version: ["../../package.json", "oauth4webapi"],
  take: async (order) => {
    const issuer = new URL(order.issuer)
    const discovered = await oauth.discoveryRequest(issuer, { ...PLAIN, algorithm: "oauth2" })
    const as = await oauth.processDiscoveryResponse(issuer, discovered)
    const person: oauth.Client = { client_id: order.document }
    const robot: oauth.Client = { client_id: order.robot }
    const key = oauth.PrivateKeyJwt(await keyOf(order))

    const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
    const asking = new URL(as.authorization_endpoint ?? "")
    asking.search = new URLSearchParams({
      client_id: person.client_id,
      response_type: "code",
      redirect_uri: order.redirect,
      state,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      resource: order.resource,
    }).toString()
    const back = oauth.validateAuthResponse(as, person, await browse(order, asking), state)
    const coded = await oauth.authorizationCodeGrantRequest(
      as,
      person,
      oauth.None(),
      back,
      order.redirect,
      verifier,
      PLAIN,
    )
    const code = await oauth.processAuthorizationCodeResponse(as, person, coded)
    const resource = { resource: order.resource }
    const credited = await oauth.clientCredentialsGrantRequest(as, robot, key, resource, PLAIN)
    const credentials = await oauth.processClientCredentialsResponse(as, robot, credited)
    const exchanged = await oauth.genericTokenEndpointRequest(as, robot, key, EXCHANGE, exchangeOf(order), PLAIN)
    const exchange = await oauth.processGenericTokenEndpointResponse(as, robot, exchanged)
    return {
      code: await call(order, code.access_token),
      credentials: await call(order, credentials.access_token),
      exchange: await call(order, exchange.access_token),
    }
  },
  misses: {},
}

export const openidClient: GrantRow = {
  name: "openid-client",
  title: "openid-client",
  version: ["../../package.json", "openid-client"],
  take: async (order) => {
    const issuer = new URL(order.issuer)
    const options: openid.DiscoveryRequestOptions = { algorithm: "oauth2", execute: [openid.allowInsecureRequests] }
    const person = await openid.discovery(issuer, order.document, undefined, openid.None(), options)
    const key = openid.PrivateKeyJwt(await keyOf(order))
    const robot = await openid.discovery(issuer, order.robot, undefined, key, options)

    const verifier = openid.randomPKCECodeVerifier()
    const state = openid.randomState()
    const asking = openid.buildAuthorizationUrl(person, {
      redirect_uri: order.redirect,
      state,
      code_challenge: await openid.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      resource: order.resource,
    })
    const checks = { pkceCodeVerifier: verifier, expectedState: state }
    const code = await openid.authorizationCodeGrant(person, await browse(order, asking), checks)
    const credentials = await openid.clientCredentialsGrant(robot, { resource: order.resource })
    const exchange = await openid.genericGrantRequest(robot, EXCHANGE, exchangeOf(order))
    return {
      code: await call(order, code.access_token),
      credentials: await call(order, credentials.access_token),
      exchange: await call(order, exchange.access_token),
    }
  },
  misses: {},
}

export const authlib: GrantRow = {
  name: "authlib",
  title: "Authlib",
  version: ["python/mcp-2.txt", "Authlib"],
  take: python("authlib_client.py"),
  misses: {},
}

export const requestsOauthlib: GrantRow = {
  name: "requests-oauthlib",
  title: "requests-oauthlib",
  version: ["python/mcp-2.txt", "requests-oauthlib"],
  take: python("requests_oauthlib_client.py"),
  misses: KEYLESS,
}

export const goOauth2: GrantRow = {
  name: "go-oauth2",
  title: "Go `x/oauth2`",
  version: ["go/go.mod", "golang.org/x/oauth2"],
  take: runs(installation("go-client")),
  misses: KEYLESS,
}

export const nimbus: GrantRow = {
  name: "nimbus",
  title: "Nimbus OAuth SDK (Java)",
  version: ["java/pom.xml", "oauth2-oidc-sdk"],
  take: runs("java", "-cp", installation("java/*"), join(import.meta.dirname, "../java/Grants.java")),
  misses: {},
}
