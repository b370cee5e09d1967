/** Tasks that go on after the session in which their user has consented to that, and what ends them. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import {
  exchangeForm,
  openChild,
  postForm,
  ACCESS_TOKEN,
  AUDIENCE,
  type OpenTask,
  type TokenAnswer,
} from "../harness/agents.ts"
import {
  allow,
  provenAs,
  query,
  redeem,
  refreshBy,
  sentTo,
  shown,
  signedIn,
  taskOf,
  visit,
} from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { askAs } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { accessToken, agentId, IDP, idToken, US } from "../harness/issuers.ts"
import { manage, viewOf } from "../harness/management.ts"
import { handoverOf, newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { lift, stop } from "../harness/switches.ts"
import { OFFLINE_IN_WORDS } from "../../src/core/task/grant-words.ts"
import type { PurposeDefinition } from "../../src/core/policy/definition/agents.ts"

freshIsolateForEach()

const holder = await newProofKey()
const start = Math.floor(Date.now() / 1000) * 1000
/** Milliseconds from the start, and seconds since the epoch. */
const SESSION_MS = 120_000
const exp = (start + SESSION_MS) / 1000
const USER = `${IDP}|alice`
const at = (ms: number): void => {
  vi.useFakeTimers({ now: start + ms, toFake: ["Date"] })
}

/** A policy in which tasks live for an hour, and this is said of their sessions. */
async function rule(
  sequence: number,
  session: PurposeDefinition["session"],
  ofPurpose: (name: string) => boolean = () => true,
): Promise<void> {
  await ruled(sequence, session, ofPurpose, await yard())
}

async function ruled(
  sequence: number,
  session: PurposeDefinition["session"],
  ofPurpose: (name: string) => boolean,
  body: Awaited<ReturnType<typeof yard>>,
): Promise<void> {
  const purposes = body.purposes.map((purpose) => ({
    ...purpose,
    life: 3_600,
    ...(session && ofPurpose(purpose.name) && { session }),
  }))
  await publish({ ...body, purposes }, sequence)
  forgetCaches()
}

beforeEach(async () => {
  await rule(1, { offline: true })
  at(0)
})
afterEach(() => {
  vi.useRealTimers()
})

const proof = async () => ({ DPoP: await proofForToken(holder) })

async function consented(): Promise<string> {
  const alice = await signedIn("alice", { claims: { exp } })
  return sentTo(await allow(query(), alice)).searchParams.get("code") ?? ""
}

interface Begun extends OpenTask {
  readonly refresh: string
}

const begunBy = (task: string, { issued, refused }: TokenAnswer): Begun => {
  if (!issued) throw new Error(refused?.error_description)
  return { task, token: issued.access_token, scope: issued.scope, refresh: issued.refresh_token ?? "" }
}

async function begun(): Promise<Begun> {
  const code = await consented()
  return begunBy(taskOf(code), await redeem(code, {}, await proof()))
}

const renewed = async ({ refresh }: Begun): Promise<TokenAnswer> => refreshBy(refresh, {}, await proof())

/** A ledger that has woken wants its nonce in the proof. */
async function codeOf(token: string, nonce?: string): Promise<string> {
  const claims = nonce === undefined ? {} : { claims: { nonce } }
  const DPoP = await proofOf(holder, "GET", "https://api.test/files", token, claims)
  const { code, headers } = await askAs("envoy", { path: "/files", headers: { Authorization: `DPoP ${token}`, DPoP } })
  const wanted = headers.get("DPoP-Nonce")
  return nonce === undefined && code === "invalid_token" && wanted !== null ? codeOf(token, wanted) : code
}

describe("a task whose user consents that it goes on after the session", () => {
  test("does so, by its refresh tokens and by its own, until its life ends", async () => {
    const page = await visit(query(), await signedIn("alice", { claims: { exp } }))
    expect((await shown(page)).html).toContain(OFFLINE_IN_WORDS)
    const task = await begun()
    expect(await viewOf(task.task)).toMatchObject({ offline: true, limited_by: "purpose_life" })
    at(SESSION_MS + 30_000)
    await killObjects()
    expect(await codeOf(task.token)).toBe("ok")
    const answer = await renewed(task)
    expect(answer.issued).toMatchObject({ limited_by: "agent_life", task_limited_by: "purpose_life" })
    const next = begunBy(task.task, answer)
    const form = { ...(await exchangeForm("first")), subject_token: next.token, subject_token_type: ACCESS_TOKEN }
    const exchanged = await postForm(form, await proof())
    expect(await codeOf(exchanged.issued?.access_token ?? "")).toBe("ok")
    at(3_601_000)
    expect(await codeOf(exchanged.issued?.access_token ?? "")).toBe("invalid_token")
    expect((await renewed(next)).refused?.error).toBe("invalid_grant")
  })

  test("hands that on to tasks below it whose purpose allows it, and to no others", async () => {
    await rule(2, { offline: true }, (name) => name === "work")
    const task = await begun()
    const key = await newProofKey()
    const below = async (purpose: string) => {
      const handover = await handoverOf(holder, { agent: agentId("second"), jkt: key.jkt, token: task.token })
      return openChild(task.token, "second", { handover, purpose }, await proofForToken(key))
    }
    const [like, other] = [await below("work"), await below("errand")]
    expect(await viewOf(like.task)).toMatchObject({ offline: true, expires_at: expect.any(Number) })
    expect(await viewOf(other.task)).toMatchObject({
      offline: false,
      expires_at: start + SESSION_MS,
      limited_by: "session",
    })
    at(SESSION_MS)
    const { refused } = await postForm(
      { ...(await exchangeForm("second")), subject_token: other.token, subject_token_type: ACCESS_TOKEN },
      { DPoP: await proofForToken(key) },
    )
    expect(refused?.error).toBeDefined()
    await expect(below("errand")).rejects.toThrow()
  })
})

describe("a task ends with the session", () => {
  const endsWithIt = async (task: Begun): Promise<void> => {
    expect(await viewOf(task.task)).toMatchObject({ offline: false, expires_at: start + SESSION_MS })
    at(SESSION_MS)
    expect((await renewed(task)).refused?.error).toBe("invalid_grant")
  }

  test("if its agent proves no key", async () => {
    const code = await consented()
    const task = begunBy(taskOf(code), await redeem(code))
    expect(await viewOf(task.task)).toMatchObject({ offline: false, limited_by: "session" })
    at(SESSION_MS)
    expect((await refreshBy(task.refresh)).refused?.error).toBe("invalid_grant")
  })

  test("if the user has not consented, whatever its purpose", async () => {
    const subject_token = await idToken("alice", { claims: { exp } })
    const { issued } = await postForm({ ...(await exchangeForm("first")), subject_token }, await proof())
    expect(issued).toMatchObject({ task_limited_by: "session" })
  })

  test("if the purpose did not say so when the user consented", async () => {
    await rule(2, undefined)
    const alice = await signedIn("alice", { claims: { exp } })
    expect((await shown(await visit(query(), alice))).html).not.toContain(OFFLINE_IN_WORDS)
    const code = await consented()
    await rule(3, { offline: true })
    await endsWithIt(begunBy(taskOf(code), await redeem(code, {}, await proof())))
  })

  test("if the purpose no longer says so when the program comes for its token", async () => {
    const code = await consented()
    await rule(2, undefined)
    await endsWithIt(begunBy(taskOf(code), await redeem(code, {}, await proof())))
  })

  test("once its purpose no longer says so: no token is renewed", async () => {
    const task = await begun()
    at(SESSION_MS + 1_000)
    await rule(2, undefined)
    expect((await renewed(task)).refused?.error).toBe("invalid_grant")
  })

  test("once the purpose of a task above it no longer says so", async () => {
    const task = await begun()
    const key = await newProofKey()
    const handover = await handoverOf(holder, { agent: agentId("second"), jkt: key.jkt, token: task.token })
    const child = await openChild(task.token, "second", { handover, purpose: "errand" }, await proofForToken(key))
    expect(await viewOf(child.task)).toMatchObject({ offline: true })
    at(SESSION_MS + 1_000)
    const renewal = async (): Promise<TokenAnswer> => {
      const form = { ...(await exchangeForm("second")), subject_token: child.token, subject_token_type: ACCESS_TOKEN }
      return postForm(form, { DPoP: await proofForToken(key) })
    }
    expect((await renewal()).status).toBe(200)
    await rule(2, { offline: true }, (name) => name !== "work")
    expect((await renewal()).refused?.error).toBe("invalid_request")
  })

  test("once people of its user's identity provider are no longer accepted", async () => {
    const task = await begun()
    at(SESSION_MS + 1_000)
    const body = await yard()
    const issuers = body.issuers.map(({ users: _users, operators: _operators, sign_in: _signIn, ...rest }) => rest)
    await ruled(2, { offline: true }, () => true, { ...body, issuers })
    expect((await renewed(task)).refused?.error).toBe("invalid_grant")
  })
})

test("a page that did not say so is shown again before anything is allowed", async () => {
  await rule(2, undefined)
  const alice = await signedIn("alice", { claims: { exp } })
  const { digest, html } = await shown(await visit(query(), alice))
  expect(html).not.toContain(OFFLINE_IN_WORDS)
  await rule(3, { offline: true })
  const again = await allow(query(), alice, (form) => form.set("shown", digest))
  expect(again.status).toBe(200)
  expect(await again.text()).toContain(OFFLINE_IN_WORDS)
})

describe("after its session, a task ends for good", () => {
  const ENDS: Readonly<Record<string, () => Promise<void>>> = {
    "when its user is suspended, and when that is lifted": async () => {
      await lift(await stop({ kind: "user", user: USER }))
    },
    "when the provider of its user is suspended, and when that is lifted": async () => {
      await lift(await stop({ kind: "issuer", issuer: IDP }))
    },
    "when what its user gave before is revoked": async () => {
      await stop({ kind: "user", user: USER }, start + SESSION_MS + 1_000)
    },
  }
  test.each(Object.entries(ENDS))("%s", async (_name, end) => {
    const task = await begun()
    at(SESSION_MS + 30_000)
    expect(await codeOf(task.token)).toBe("ok")
    await end()
    at(SESSION_MS + 60_000)
    forgetCaches()
    expect(await codeOf(task.token)).toBe("invalid_token")
    const { refused } = await renewed(task)
    expect(refused?.error).toBe("unauthorized_client")
    expect(await recordOf(refused?.decision_id ?? "")).toMatchObject({ denial: { reason: "stopped" } })
  })
})

test("a person who is asked elsewhere (CIBA) reads it, and their task goes on", async () => {
  const form = { ...(await provenAs("first")), audience: AUDIENCE, login_hint: USER, scope: "openid files.*:read" }
  const request = new Request(`${US}/oauth/bc-authorize`, { method: "POST", body: new URLSearchParams(form) })
  const { auth_req_id } = z.looseObject({ auth_req_id: z.string() }).parse(await (await knock(request)).json())
  const by = `Bearer ${await accessToken("alice", "cli", { claims: { exp } })}`
  const approval = `/v1/approvals/${taskOf(auth_req_id)}`
  expect((await manage("GET", approval, by)).json).toMatchObject({ kind: "task", offline: true, life: 3_600 })
  expect((await manage("POST", approval, by, {}, { decision: "approve" })).status).toBe(200)
  const poll = { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id, ...(await provenAs("first")) }
  const { issued } = await postForm({ ...poll, audience: AUDIENCE }, await proof())
  expect(issued).toMatchObject({ task_limited_by: "purpose_life" })
  at(SESSION_MS + 30_000)
  expect(await codeOf(issued?.access_token ?? "")).toBe("ok")
})
