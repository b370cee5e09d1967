/**
 * Promise 6: nobody who has not proven an identity writes a record in its name. Each attack names an agent at an endpoint
 * and proves nothing, or less than it would take.
 */
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { agentsSeen } from "../../src/audit/agents-seen.ts"
import { findRecords, unidentifiedLog } from "../../src/audit/record-logs.ts"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import { AUDIENCE, exchangeForm, JWT_BEARER, openTask, postForm } from "../harness/agents.ts"
import { allow, answer, codeFor, formOf, query, redeem, signedIn, visit } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, IDP, svid, US } from "../harness/issuers.ts"
import { stop } from "../harness/switches.ts"
import { recordOf } from "../harness/records.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

yardForEach()

/** Needs no proof at the token endpoint: it says who it is. */
const PUBLIC = "https://laptop.test/agent"
const LOOPBACK = "http://127.0.0.1/callback"

type Attack = () => Promise<Response>
type Form = Readonly<Record<string, string>>

const post = async (path: string, form: Form): Promise<Response> =>
  knock(new Request(`${US}${path}`, { method: "POST", body: new URLSearchParams(form) }))
const posted =
  (path: string, form: Form): Attack =>
  async () =>
    post(path, form)
const authorize =
  (more: Readonly<Record<string, string | undefined>>): Attack =>
  async () =>
    visit(query(more), null)

const CODE = { grant_type: "authorization_code", code_verifier: "v".repeat(43) }
const REFRESH = { grant_type: "refresh_token", client_id: PUBLIC }
const JUNK_REFRESH = `tsk_01M8815EYFQTG02${"0".repeat(21)}.${"f".repeat(43)}.${"s".repeat(43)}`
const CIBA = { login_hint: `${IDP}|alice`, scope: "openid files.*:read" }

const UNPROVEN: Readonly<Record<string, Attack>> = {
  "authorize: a response type that there is not": authorize({ response_type: "token" }),
  "authorize: no challenge": authorize({ code_challenge: undefined }),
  "authorize: an unknown audience": authorize({ resource: "https://nowhere.test/" }),
  "authorize: a scope that nobody can have": authorize({ scope: "nothing.*:write" }),
  "authorize: a request object": authorize({ request: "e30.e30.e30" }),
  "authorize: as a public client": authorize({ client_id: PUBLIC, redirect_uri: LOOPBACK, response_type: "token" }),
  "authorize: a stopped agent": async () => {
    await stop({ kind: "agent", agent: agentId("first") })
    return visit(query(), null)
  },
  "token: a code that is none": posted("/oauth/token", { ...CODE, client_id: PUBLIC, code: "junk" }),
  "token: no code": posted("/oauth/token", { grant_type: "authorization_code", client_id: PUBLIC }),
  "token: a refresh token that is none": posted("/oauth/token", { ...REFRESH, refresh_token: "junk" }),
  "token: a refresh token of no task": posted("/oauth/token", { ...REFRESH, refresh_token: JUNK_REFRESH }),
  "token: another agent's code": async () => {
    const code = await codeFor()
    return post("/oauth/token", { ...CODE, client_id: PUBLIC, code })
  },
  "token: a code for an unknown audience": posted("/oauth/token", {
    ...CODE,
    client_id: PUBLIC,
    code: "junk",
    resource: "https://nowhere.test/",
  }),
  "token: a client that has to prove itself, and only names itself": posted("/oauth/token", {
    grant_type: "client_credentials",
    client_id: agentId("first"),
  }),
  "token: an assertion that is none": posted("/oauth/token", {
    grant_type: "client_credentials",
    client_id: agentId("first"),
    client_assertion: "e30.e30.e30",
    client_assertion_type: JWT_BEARER,
  }),
  "revoke: a token that is none": posted("/oauth/revoke", { client_id: PUBLIC, token: "junk" }),
  "revoke: no token": posted("/oauth/revoke", { client_id: PUBLIC }),
  "revoke: a refresh token of no task": posted("/oauth/revoke", { client_id: PUBLIC, token: JUNK_REFRESH }),
  "revoke: another agent's token": async () => {
    const { token } = await openTask("second")
    return post("/oauth/revoke", { client_id: PUBLIC, token })
  },
  "introspect: a public client": posted("/oauth/introspect", { client_id: PUBLIC, token: "junk" }),
  "bc-authorize: a public client": posted("/oauth/bc-authorize", { client_id: PUBLIC, ...CIBA }),
}

const decisionOf = (response: Response): string => response.headers.get("x-narrowgate-decision") ?? ""

describe("a request that proves no agent", () => {
  test.each(Object.entries(UNPROVEN))("%s", async (_what, attack) => {
    const response = await attack()
    const record = await recordOf(decisionOf(response))
    expect(record).toMatchObject({ decision: "deny", chain: [], operator: null, user: null })
    // Where anybody's records rest, which push out none of an agent's.
    const own = await unidentifiedLog(env).get(record.id)
    expect(own?.id).toBe(record.id)
    const { agents } = await agentsSeen(env)
    expect(agents.has(historyKeyOf(agentId("first")))).toBe(false)
    expect(agents.has(historyKeyOf(PUBLIC))).toBe(false)
  })

  test("is recorded with the name that it claims, as a claim", async () => {
    const denied = [
      await authorize({ response_type: "token" })(),
      await post("/oauth/token", { ...CODE, client_id: PUBLIC, code: "junk" }),
      await post("/oauth/revoke", { client_id: PUBLIC, token: "junk" }),
    ]
    const records = await Promise.all(denied.map(async (response) => recordOf(decisionOf(response))))
    expect(records.map(({ denial }) => denial)).toEqual([
      { reason: "response_type_unsupported", claimed_client: agentId("first") },
      { reason: "grant_refused", what: "unknown", claimed_client: PUBLIC },
      { reason: "not_found", what: "token", claimed_client: PUBLIC },
    ])
    expect(await findRecords(env, { agent: PUBLIC, limit: 10 })).toEqual([])
  })

  test("pushes out no record of an agent, however many come at once", async () => {
    const { token, task } = await openTask("first")
    const flood = Array.from({ length: 1_500 }, async () => post("/oauth/revoke", { client_id: PUBLIC, token: "junk" }))
    const denied = callWith(token, "/nowhere")
    await Promise.all(flood)
    const { decision } = await denied
    expect(await recordOf(decision)).toMatchObject({ chain: [agentId("first")], task, decision: "deny" })
  })
})

describe("a person who has signed in", () => {
  const bySigned = async (response: Response): Promise<DecisionRecord> => recordOf(decisionOf(response))

  test("writes in their own name, not in that of the program that the URL names", async () => {
    const alice = await signedIn()
    const refusing = await formOf(query(), alice)
    refusing.set("decision", "refuse")
    const forged = new URLSearchParams({ csrf: "x".repeat(43), decision: "allow" })
    for (const form of [refusing, forged]) {
      const record = await bySigned(await answer(query(), alice, form))
      expect(record).toMatchObject({
        chain: [],
        operator: `${IDP}|alice`,
        denial: { claimed_client: agentId("first") },
      })
    }
    expect((await agentsSeen(env)).agents.has(historyKeyOf(agentId("first")))).toBe(false)
  })

  test("who consents is no sign of life of the agent; its own token request is", async () => {
    const alice = await signedIn()
    const consented = await allow(query(), alice)
    expect(await bySigned(consented)).toMatchObject({ kind: "approval", operator: `${IDP}|alice` })
    expect((await agentsSeen(env)).agents.has(historyKeyOf(agentId("first")))).toBe(false)
    const code = new URL(consented.headers.get("location") ?? "").searchParams.get("code") ?? ""
    expect((await redeem(code)).status).toBe(200)
    await vi.waitFor(
      async () => expect((await agentsSeen(env)).agents.has(historyKeyOf(agentId("first")))).toBe(true),
      4_000,
    )
  })
})

test("an agent that has proven itself is recorded by its name when it is refused", async () => {
  const refused = [
    await postForm({ ...(await exchangeForm("first")), audience: "https://nowhere.test/" }),
    await redeem("junk"),
  ]
  for (const { headers } of refused) {
    const record = await recordOf(headers.get("x-narrowgate-decision") ?? "")
    expect(record).toMatchObject({ decision: "deny", chain: [agentId("first")] })
  }
})

test("an assertion that was used before proves nothing to a record, whatever it is shown with; a first use does", async () => {
  const body = await yard()
  const issuers = body.issuers.map((issuer) => (issuer.id === "workloads" ? { ...issuer, single_use: true } : issuer))
  await publish({ ...body, issuers }, 2)
  forgetCaches()
  const chains = async (...forms: readonly Form[]): Promise<readonly unknown[]> => {
    const answers = await Promise.all(forms.map(async (form) => post("/oauth/token", form)))
    return Promise.all(answers.map(async (each) => (await recordOf(decisionOf(each))).chain))
  }
  const assertion = await svid("alone", { claims: { jti: crypto.randomUUID() } })
  const form = { grant_type: "client_credentials", client_assertion: assertion, client_assertion_type: JWT_BEARER }
  const wrong = { ...form, audience: "https://nowhere.test/" }
  expect(await chains(wrong)).toEqual([[agentId("alone")]])
  // What is refused uses the assertion up as well: whoever sees it then writes no further record in the agent's name.
  expect(await chains(wrong)).toEqual([[]])
  expect(await chains({ ...form, audience: AUDIENCE, scope: "mail.*:write" })).toEqual([[]])
  const { status } = await post("/oauth/token", { ...form, audience: AUDIENCE })
  expect(status).toBe(401)
})
