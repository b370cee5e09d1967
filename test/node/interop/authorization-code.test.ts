/**
 * Programs that nobody here wrote, whose user is at the browser: MCP clients of both generations with a document of their
 * own and a loopback redirect, and two OAuth libraries. The person signs in at the development identity provider.
 */
import { readFile, writeFile } from "node:fs/promises"
import { createServer } from "node:https"
import { join } from "node:path"
import {
  Client,
  StreamableHTTPClientTransport,
  UnauthorizedError,
  type OAuthClientProvider as NewProvider,
} from "@modelcontextprotocol/client"
import {
  UnauthorizedError as OldUnauthorizedError,
  type OAuthClientProvider as OldProvider,
} from "@modelcontextprotocol/sdk/client/auth.js"
import { Client as OldClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OldTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { decodeJwt } from "jose"
import * as oauth from "oauth4webapi"
import * as openid from "openid-client"
import { afterAll, beforeAll, expect, test } from "vitest"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { listen, type Listening } from "../../../dev/loopback.ts"
import { startParts, type Parts } from "../../../dev/demo/parts.ts"
import { allowsAll, walkTo, type Asked } from "./at-browser.ts"
import { makeRobot, ROBOT, type Robot } from "./robot.ts"

/** The local stack has no TLS, and needs none: it does not leave the machine. */
const PLAIN = { [oauth.allowInsecureRequests]: true }
const REDIRECT = "http://127.0.0.1:53211/callback"

let parts: Parts
let robot: Robot
let documents: Listening
/** Of the document by which the MCP clients are known. */
let notes: string

const agentsFile = z.looseObject({ agents: z.array(z.looseObject({ id: z.string() })) })

beforeAll(async () => {
  const { LOOPBACK_KEY: key = "", LOOPBACK_CERTIFICATE: cert = "" } = process.env
  const server = createServer({ key, cert }, (_request, response) => {
    const document = { client_id: notes, client_name: "Notes", redirect_uris: ["http://127.0.0.1/callback"] }
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(document))
  })
  documents = await listen(server, 0)
  notes = `${documents.origin.replace("http:", "https:")}/notes.json`
  robot = await makeRobot((entries) => entries.map((each) => ({ ...each, audience: each.origins[0] })))
  const agents = join(robot.policies, "agents.yaml")
  const { agents: known, ...rest } = agentsFile.parse(parse(await readFile(agents, "utf8")))
  const clients = known.map((agent) =>
    agent.id === ROBOT ? { ...agent, client: { redirect_uris: [REDIRECT] } } : agent,
  )
  const ceiling = { tools: ["everything.*:read", "desk.*:read"], max_sensitivity: "internal" }
  const client = { metadata: true, authentication: "none" }
  const laptop = { id: notes, owner: "interop", groups: ["support"], ceiling, purposes: ["triage-ticket"], client }
  await writeFile(agents, stringify({ ...rest, agents: [...clients, laptop] }))
  parts = await startParts(robot.policies)
}, 90_000)
afterAll(async () => {
  await parts.close()
  await robot.remove()
  await documents.close()
})

/** What a program on somebody's machine keeps; the same for both generations of the SDK. */
class Kept<Tokens extends { readonly access_token: string }, Information> {
  readonly redirectUrl = REDIRECT
  readonly clientMetadata = { redirect_uris: [REDIRECT], client_name: "Notes", grant_types: ["authorization_code"] }
  readonly clientMetadataUrl = notes
  #information: Information | undefined
  #tokens: Tokens | undefined
  #verifier = ""
  /** Where it sends its user. */
  sent: URL | undefined

  state(): string {
    return "the state"
  }
  clientInformation(): Information | undefined {
    return this.#information
  }
  saveClientInformation(information: Information): void {
    this.#information = information
  }
  tokens(): Tokens | undefined {
    return this.#tokens
  }
  saveTokens(tokens: Tokens): void {
    this.#tokens = tokens
  }
  redirectToAuthorization(url: URL): void {
    this.sent = url
  }
  saveCodeVerifier(verifier: string): void {
    this.#verifier = verifier
  }
  codeVerifier(): string {
    return this.#verifier
  }
}

/** The v2 client remembers at which authorization server it began, and checks that the answer is from there. */
class NewKept extends Kept<NewTokens, NewInformation> {
  #discovery: Discovery | undefined

  saveDiscoveryState(discovery: Discovery): void {
    this.#discovery = discovery
  }
  discoveryState(): Discovery | undefined {
    return this.#discovery
  }
}

const leavesEcho = ({ html, form }: Asked): void => {
  expect(html).toContain("This program is not verified.")
  expect(html).toContain("Notes")
  const kept = form.getAll("keep").filter((tool) => tool === "everything.echo" || tool.startsWith("desk."))
  form.delete("keep")
  for (const tool of kept) form.append("keep", tool)
  form.set("decision", "allow")
}

/** A program that can keep no secret ends a token of its own (RFC 7009). */
async function giveUp(token: string): Promise<void> {
  const body = new URLSearchParams({ token, client_id: notes })
  const { status } = await fetch(`${parts.stack.origin}/oauth/revoke`, { method: "POST", body })
  expect(status).toBe(200)
}

type OldTokens = Parameters<OldProvider["saveTokens"]>[0]
type OldInformation = Awaited<ReturnType<OldProvider["clientInformation"]>>
type NewTokens = Parameters<NewProvider["saveTokens"]>[0]
type NewInformation = Awaited<ReturnType<NewProvider["clientInformation"]>>
type Discovery = Parameters<NonNullable<NewProvider["saveDiscoveryState"]>>[0]

test("the v1 MCP client sends its user here, gets what they leave of it, and a fresh token without asking again", async () => {
  const authProvider = new Kept<OldTokens, OldInformation>()
  const server = new URL("/everything/mcp", parts.edge.origin)
  const first = new OldTransport(server, { authProvider })
  const client = new OldClient({ name: "test", version: "1" })
  await expect(client.connect(first)).rejects.toThrow(OldUnauthorizedError)
  const asking = authProvider.sent ?? new URL("about:blank")
  expect(asking.searchParams.get("client_id")).toBe(notes)
  const back = await walkTo(asking, "alice", leavesEcho)
  expect(back.origin + back.pathname).toBe(REDIRECT)
  expect(back.searchParams.get("state")).toBe("the state")
  await first.finishAuth(back.searchParams.get("code") ?? "")
  const again = new OldClient({ name: "test", version: "1" })
  await again.connect(new OldTransport(server, { authProvider }))
  const { content } = await again.callTool({ name: "echo", arguments: { message: "hello" } })
  expect(content).toEqual([{ type: "text", text: "Echo: hello" }])
  await expect(again.callTool({ name: "get-sum", arguments: { a: 1, b: 2 } })).rejects.toThrow()
  const before = authProvider.tokens()?.access_token ?? ""
  expect(decodeJwt(before)).toMatchObject({
    client_id: notes,
    sub: `${parts.stack.provider}|alice`,
    purpose: "triage-ticket",
  })
  // As when it has expired, but now: a 401, upon which the client helps itself.
  await giveUp(before)
  expect(await again.callTool({ name: "echo", arguments: { message: "hello" } })).toMatchObject({ content })
  const after = authProvider.tokens()?.access_token ?? ""
  expect(after).not.toBe(before)
  expect(decodeJwt(after)["task"]).toBe(decodeJwt(before)["task"])
  await again.close()
})

test("the v2 MCP client does so too, and holds us to our name", async () => {
  const authProvider = new NewKept()
  const server = new URL("/desk/mcp", parts.web.origin)
  const first = new StreamableHTTPClientTransport(server, { authProvider })
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
  await expect(client.connect(first)).rejects.toThrow(UnauthorizedError)
  const back = await walkTo(authProvider.sent ?? new URL("about:blank"), "alice", leavesEcho)
  await first.finishAuth(back.searchParams)
  const again = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
  await again.connect(new StreamableHTTPClientTransport(server, { authProvider }))
  const { isError } = await again.callTool({ name: "search", arguments: { query: "printer" } })
  expect(isError ?? false).toBe(false)
  const before = authProvider.tokens()?.access_token ?? ""
  await giveUp(before)
  expect((await again.callTool({ name: "search", arguments: { query: "printer" } })).isError ?? false).toBe(false)
  expect(authProvider.tokens()?.access_token).not.toBe(before)
  await again.close()
})

test("whose user refuses is told so", async () => {
  const authProvider = new Kept<OldTokens, OldInformation>()
  const transport = new OldTransport(new URL("/everything/mcp", parts.edge.origin), { authProvider })
  const client = new OldClient({ name: "test", version: "1" })
  await expect(client.connect(transport)).rejects.toThrow(OldUnauthorizedError)
  const refuses = ({ form }: Asked): void => form.set("decision", "refuse")
  const back = await walkTo(authProvider.sent ?? new URL("about:blank"), "alice", refuses)
  expect(back.searchParams.get("error")).toBe("access_denied")
})

const TICKETS = { scope: "crm.tickets.*:read", purpose: "triage-ticket" }

test("oauth4webapi: PKCE, a key named beforehand, our name in the answer, a token bound to the key, and a refresh", async () => {
  const issuer = new URL(parts.stack.origin)
  const as = await oauth.processDiscoveryResponse(
    issuer,
    await oauth.discoveryRequest(issuer, { ...PLAIN, algorithm: "oauth2" }),
  )
  const client: oauth.Client = { client_id: ROBOT }
  const DPoP = oauth.DPoP(client, await oauth.generateKeyPair("ES256"))
  const [verifier, state] = [oauth.generateRandomCodeVerifier(), oauth.generateRandomState()]
  const url = new URL(as.authorization_endpoint ?? "")
  url.search = new URLSearchParams({
    client_id: ROBOT,
    response_type: "code",
    redirect_uri: REDIRECT,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    dpop_jkt: await DPoP.calculateThumbprint(),
    resource: parts.edge.origin,
    ...TICKETS,
  }).toString()
  const back = await walkTo(url, "alice", allowsAll)
  const parameters = oauth.validateAuthResponse(as, client, back, state)
  const authentication = oauth.PrivateKeyJwt(robot.privateKey)
  const options = { ...PLAIN, DPoP }
  const response = await oauth.authorizationCodeGrantRequest(
    as,
    client,
    authentication,
    parameters,
    REDIRECT,
    verifier,
    options,
  )
  const said = await oauth.processAuthorizationCodeResponse(as, client, response)
  expect([said.token_type, said.scope]).toEqual(["dpop", TICKETS.scope])
  const called = async (token: string): Promise<number> => {
    const tickets = new URL("/crm/tickets", parts.edge.origin)
    const answer = await oauth.protectedResourceRequest(token, "GET", tickets, new Headers(), null, options)
    return answer.status
  }
  expect(await called(said.access_token)).toBe(200)
  const renewed = await oauth.refreshTokenGrantRequest(as, client, authentication, said.refresh_token ?? "", options)
  const { access_token } = await oauth.processRefreshTokenResponse(as, client, renewed)
  expect(await called(access_token)).toBe(200)
})

test("openid-client: the same, by itself", async () => {
  const config = await openid.discovery(
    new URL(parts.stack.origin),
    ROBOT,
    undefined,
    openid.PrivateKeyJwt(robot.privateKey),
    { algorithm: "oauth2", execute: [openid.allowInsecureRequests] },
  )
  const verifier = openid.randomPKCECodeVerifier()
  const state = openid.randomState()
  const url = openid.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT,
    state,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    resource: parts.edge.origin,
    ...TICKETS,
  })
  const back = await walkTo(url, "alice", allowsAll)
  const checks = { pkceCodeVerifier: verifier, expectedState: state }
  const tokens = await openid.authorizationCodeGrant(config, back, checks)
  const tickets = new URL("/crm/tickets", parts.edge.origin)
  expect((await openid.fetchProtectedResource(config, tokens.access_token, tickets, "GET")).status).toBe(200)
  const renewed = await openid.refreshTokenGrant(config, tokens.refresh_token ?? "")
  expect((await openid.fetchProtectedResource(config, renewed.access_token, tickets, "GET")).status).toBe(200)
  await openid.tokenRevocation(config, renewed.refresh_token ?? "")
  const ended = openid.fetchProtectedResource(config, renewed.access_token, tickets, "GET")
  await expect(ended).rejects.toMatchObject({ status: 401 })
})
