/**
 * Agents whose identity comes from a real SPIRE: JWT-SVIDs of its agent's Workload API, verified by the bundle that its
 * server publishes, exchanged at the real Worker for tokens that a gateway's question is then answered by.
 */
import { decodeProtectedHeader } from "jose"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { openTask } from "../../client/index.ts"
import { callHttp } from "../../dev/demo/agent.ts"
import { type Parts, startParts } from "../../dev/demo/parts.ts"
import { login } from "../../cli/remote/local-stack-login.ts"
import { fromWorkloadApi } from "../../spiffe/index.ts"
import { type BundleEndpoint, publishBundle } from "./bundle-endpoint.ts"
import { findCommands } from "./commands.ts"
import { policiesBelieving } from "./policies.ts"
import { openRun } from "./run.ts"
import { type Spire, startSpire } from "./spire.ts"

const SUPPORT = "spiffe://example.org/agent/support"
const NIGHTLY = "spiffe://example.org/agent/nightly"
/** SPIRE knows it, agents.yaml does not. */
const STRANGER = "spiffe://example.org/agent/stranger"
const ELSEWHERE = "https://elsewhere.example"

const found = findCommands()
const name = "missing" in found ? `SPIRE: skipped, ${found.missing}` : "SPIRE"

test.runIf(process.env["SPIRE_REQUIRED"] === "yes")("SPIRE is installed", () =>
  expect(found).not.toHaveProperty("missing"),
)

describe.skipIf("missing" in found)(name, () => {
  const parting = new AsyncDisposableStack()
  let spire: Spire
  let endpoint: BundleEndpoint
  let parts: Parts
  /** Alice's access token. */
  let session: string
  /** What an SVID for us must have as its audience. */
  let issuer: string

  beforeAll(async () => {
    if ("missing" in found) return
    parting.use(await openRun())
    spire = parting.use(await startSpire(found, [SUPPORT, NIGHTLY, STRANGER]))
    endpoint = parting.adopt(await publishBundle(spire.bundle), async (each) => each.close())
    const policies = parting.use(await policiesBelieving(endpoint.url))
    parts = parting.adopt(await startParts(policies.path), async (each) => each.close())
    issuer = parts.stack.origin
    session = (await login({ origin: parts.stack.provider, user: "alice" })).access_token
  })
  afterAll(async () => parting.disposeAsync())

  test("an SVID and a user's session become a token, and the token makes a call", async () => {
    // Keys for X.509 stand beside those for JWTs.
    const uses = bundleSchema.parse(JSON.parse(await spire.bundle())).keys.map(({ use }) => use)
    expect(new Set(uses)).toEqual(new Set(["x509-svid", "jwt-svid"]))
    const granted = await exchange(await spire.svid(SUPPORT, [issuer]))
    expect(granted).toMatchObject({ status: 200, denial: null })
    expect(await callHttp("GET", `${parts.edge.origin}/crm/tickets/42`, granted.token)).toMatchObject({ status: 200 })
    const headers = { "x-narrowgate-agent": SUPPORT, "x-narrowgate-user": `${parts.stack.provider}|alice` }
    expect(parts.api.received().at(-1)).toMatchObject({ method: "GET", name: "/crm/tickets/42", headers })
  })

  test("an agent gets its SVID by the socket of the Workload API, as itself alone", async () => {
    const identity = fromWorkloadApi({ socket: spire.socket, spiffeId: NIGHTLY })
    await using task = await openTask({ issuer, identity, resource: "https://api.example" })
    expect((await task.fetch(`${parts.edge.origin}/crm/tickets`)).status).toBe(200)
    const unknown = fromWorkloadApi({ socket: spire.socket, spiffeId: "spiffe://example.org/agent/another" })
    await expect(openTask({ issuer, identity: unknown })).rejects.toMatchObject({
      code: "identity_failed",
      message: expect.stringMatching(/the Workload API failed: status 7, /),
    })
    const nowhere = fromWorkloadApi({ socket: "unix:///nowhere/api.sock" })
    await expect(openTask({ issuer, identity: nowhere })).rejects.toMatchObject({ code: "identity_failed" })
  })

  test("an agent with nobody behind it gets what its purpose allows", async () => {
    const granted = await actAlone(await spire.svid(NIGHTLY, [issuer]))
    expect(granted).toMatchObject({ status: 200, denial: null })
    expect(await callHttp("GET", `${parts.edge.origin}/crm/tickets`, granted.token)).toMatchObject({ status: 200 })
    expect(await callHttp("GET", `${parts.edge.origin}/crm/tickets/42`, granted.token)).toMatchObject({ status: 403 })
  })

  test("an SVID for another audience, or for us and another, is refused", async () => {
    for (const audiences of [[ELSEWHERE], [issuer, ELSEWHERE]]) {
      const because = { reason: "audience_mismatch", got: audiences }
      expect(await exchange(await spire.svid(SUPPORT, audiences))).toMatchObject(unauthenticated(because))
    }
  })

  test("an SVID of an agent that is not registered is refused", async () => {
    const denial = { reason: "agent_unregistered", agent: STRANGER }
    expect(await exchange(await spire.svid(STRANGER, [issuer]))).toMatchObject({ ...REFUSED, denial })
  })

  // What follows changes SPIRE's keys, each from where the one before has left them.

  test("an SVID by a new key is accepted at once: the bundle is fetched again for it", async () => {
    const before = await spire.svid(SUPPORT, [issuer])
    expect(await exchange(before)).toMatchObject({ status: 200 })
    const { oldKid, newKid } = await spire.rotateKey()
    expect(kidOf(before)).toBe(oldKid)
    const svid = await svidBy(newKid)
    const asked = endpoint.asked()
    expect(await exchange(svid)).toMatchObject({ status: 200 })
    expect(endpoint.asked()).toBe(asked + 1)
    // It is still in the bundle.
    expect(await exchange(before)).toMatchObject({ status: 200 })
  })

  test("an SVID by a revoked key is refused once the bundle was fetched again", async () => {
    const before = await spire.svid(SUPPORT, [issuer])
    expect(await exchange(before)).toMatchObject({ status: 200 })
    const { oldKid, newKid } = await spire.rotateKey()
    const svid = await svidBy(newKid)
    await spire.revokeKey(oldKid)
    await expect.poll(async () => exchange(svid), PATIENCE).toMatchObject({ status: 200 })
    expect(await exchange(before)).toMatchObject(unauthenticated({ reason: "key_unknown", kid: oldKid }))
  })

  test("an emptied bundle revokes everything once it was fetched", async () => {
    const before = await spire.svid(SUPPORT, [issuer])
    expect(await exchange(before)).toMatchObject({ status: 200 })
    const { oldKid, newKid } = await spire.rotateKey()
    const svid = await svidBy(newKid)
    endpoint.replace(async () => emptied(await spire.bundle()))
    const bothPresented = async () => {
      // Refused in any case, but the bundle is fetched for it, unless that was done a moment ago.
      await exchange(svid)
      return exchange(before)
    }
    const refused = unauthenticated({ reason: "key_unknown", kid: oldKid })
    await expect.poll(bothPresented, PATIENCE).toMatchObject(refused)
    expect(await exchange(svid)).toMatchObject(unauthenticated({ reason: "key_unknown", kid: newKid }))
    expect(await actAlone(await spire.svid(NIGHTLY, [issuer]))).toMatchObject(
      unauthenticated({ reason: "key_unknown" }),
    )
  })

  /** Alice's session and an agent's identity, for what her purpose grants unasked. */
  async function exchange(svid: string) {
    return ask({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: session,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      actor_token: svid,
      actor_token_type: "urn:ietf:params:oauth:token-type:jwt",
    })
  }

  async function actAlone(svid: string) {
    return ask({
      grant_type: "client_credentials",
      client_assertion: svid,
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    })
  }

  async function ask(form: Record<string, string>) {
    const response = await fetch(`${issuer}/oauth/token`, { method: "POST", body: new URLSearchParams(form) })
    const { access_token: token = "", error = null } = answerSchema.parse(await response.json())
    const denial = await denialOf(response.headers.get("x-narrowgate-decision") ?? "")
    return { status: response.status, token, error, denial }
  }

  /** What the record says, which follows the answer within a second: why it was refused is told nowhere else. */
  async function denialOf(decision: string): Promise<unknown> {
    const headers = { authorization: `Bearer ${parts.operator}` }
    const record = await vi.waitUntil(async () => {
      const response = await fetch(`${issuer}/v1/decisions/${decision}`, { headers })
      return response.ok ? recordSchema.parse(await response.json()) : null
    }, PATIENCE)
    return record.denial
  }

  /** The agent answers from its cache until it has heard that the old key is tainted. */
  async function svidBy(kid: string): Promise<string> {
    return vi.waitUntil(async () => {
      const svid = await spire.svid(SUPPORT, [issuer])
      return kidOf(svid) === kid ? svid : null
    }, PATIENCE)
  }
})

/** Longer than the Worker waits between two refreshes because of unknown keys. */
const PATIENCE = { timeout: 15_000, interval: 200 }

const answerSchema = z.object({ access_token: z.string().optional(), error: z.string().optional() })
const bundleSchema = z.object({ keys: z.array(z.object({ use: z.string() })), spiffe_sequence: z.number() })
const recordSchema = z.object({ denial: z.unknown() })

const REFUSED = { status: 401, error: "invalid_client", token: "" }
const unauthenticated = (because: Record<string, unknown>) => ({
  ...REFUSED,
  denial: { reason: "agent_unauthenticated", because },
})

function kidOf(svid: string): string | undefined {
  return decodeProtectedHeader(svid).kid
}

/** The next bundle of the trust domain, without keys. */
function emptied(bundle: string): string {
  const { spiffe_sequence: sequence } = bundleSchema.parse(JSON.parse(bundle))
  return JSON.stringify({ keys: [], spiffe_sequence: sequence + 1 })
}
