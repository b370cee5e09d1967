/** Tasks that outlive a short session: extended by a fresher one, over HTTP, in storage, and in what ends them. */
import { runDurableObjectAlarm } from "cloudflare:test"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { exchangeForm, openChild, openTask, postForm, type Form, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { askAs } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { agentId, IDP, idToken, secondProvidersToken } from "../harness/issuers.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { handoverOf, newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"

freshIsolateForEach()

const holder = await newProofKey()
const start = Date.now()
const seconds = Math.floor(start / 1000)
const at = (ms: number): void => {
  vi.useFakeTimers({ now: start + ms, toFake: ["Date"] })
}

beforeEach(async () => {
  const body = await yard()
  const purposes = body.purposes.map((purpose) => ({ ...purpose, session: { refresh: true } }))
  const issuers = body.issuers.map(({ users, ...issuer }) =>
    users ? { ...issuer, users: { ...users, clients: [...users.clients, "other"] } } : issuer,
  )
  await publish({ ...body, purposes, issuers })
  at(0)
})
afterEach(() => {
  vi.useRealTimers()
})

/** A session of the same login, which lasts from `iat` to `exp`: seconds from the start. */
const session = async (iat: number, exp: number, more: Readonly<Record<string, unknown>> = {}, user = "alice") =>
  idToken(user, { claims: { auth_time: seconds - 600, iat: seconds + iat, exp: seconds + exp, ...more } })

const begun = async (): Promise<OpenTask> =>
  openTask("first", { subject_token: await session(-30, 120) }, await proofForToken(holder))

async function bring({ task }: OpenTask, subject_token: string, more: Form = {}, by = holder) {
  const form = { ...(await exchangeForm("first")), subject_token, task, ...more }
  const { issued, refused, headers } = await postForm(form, { DPoP: await proofForToken(by) })
  return { issued, error: refused?.error, decision: headers.get("X-Narrowgate-Decision") ?? "" }
}

/** A ledger that has woken wants its nonce in the proof. */
async function codeOf(token: string, nonce?: string): Promise<string> {
  const DPoP = await proofOf(
    holder,
    "GET",
    "https://api.test/files",
    token,
    nonce === undefined ? {} : { claims: { nonce } },
  )
  const { code, headers } = await askAs("envoy", { path: "/files", headers: { Authorization: `DPoP ${token}`, DPoP } })
  const wanted = headers.get("DPoP-Nonce")
  return nonce === undefined && code === "invalid_token" && wanted !== null ? codeOf(token, wanted) : code
}

test("a fresher session extends the task in all that depends on its end", async () => {
  const task = await begun()
  expect(await viewOf(task.task)).toMatchObject({ expires_at: (seconds + 120) * 1000, limited_by: "session" })
  at(60_000)
  const { issued, decision } = await bring(task, await session(50, 300))
  expect(issued).toMatchObject({ task: task.task, limited_by: "task", task_limited_by: "session" })
  expect(await recordOf(decision)).toMatchObject({
    expires: { task: { at: (seconds + 300) * 1000, limited_by: "session" } },
  })
  // Of the session before, nothing remains: neither in memory, nor in storage, nor where the alarm looks.
  at(130_000)
  expect(await codeOf(issued?.access_token ?? "")).toBe("ok")
  await killObjects()
  await runDurableObjectAlarm(ledgerOf(task.task))
  expect(await codeOf(issued?.access_token ?? "")).toBe("ok")
  expect(await viewOf(task.task)).toMatchObject({ status: "active", expires_at: (seconds + 300) * 1000 })
  const later = await bring(task, await session(120, 100_000))
  expect(later.issued).toMatchObject({ task: task.task, task_limited_by: "purpose_life" })
  expect(await viewOf(task.task)).toMatchObject({ expires_at: expect.closeTo(start + 600_000, -4) })
  at(601_500)
  expect(await codeOf(later.issued?.access_token ?? "")).toBe("invalid_token")
})

test("the same request continues the task with the fresher session, and extends it", async () => {
  const task = await begun()
  at(30_000)
  const again = await openTask("first", { subject_token: await session(20, 300) }, await proofForToken(holder))
  expect(again.task).toBe(task.task)
  expect(await viewOf(task.task)).toMatchObject({ expires_at: (seconds + 300) * 1000 })
})

/** Each would extend the task, but for what is changed. */
const ATTACKS: Readonly<Record<string, (task: OpenTask) => Promise<{ readonly error: string | undefined }>>> = {
  "another key": async (task) => bring(task, await session(50, 300), {}, await newProofKey()),
  "another client": async (task) => bring(task, await session(50, 300, { aud: "other" })),
  "another subject": async (task) => bring(task, await session(50, 300, {}, "bob")),
  "another issuer": async (task) => bring(task, await secondProvidersToken("alice")),
  "an older session": async (task) => bring(task, await session(-60, 100)),
  "an older session that lasts longer": async (task) => bring(task, await session(-60, 300)),
  "the agent of a child": async (task) => {
    const key = await newProofKey()
    const handover = await handoverOf(holder, { agent: agentId("second"), jkt: key.jkt, token: task.token })
    const child = await openChild(task.token, "second", { handover }, await proofForToken(key))
    const form = { ...(await exchangeForm("second")), task: child.task }
    const { refused } = await postForm(
      { ...form, subject_token: await session(50, 300) },
      { DPoP: await proofForToken(key) },
    )
    return { error: refused?.error }
  },
  "a completed task": async (task) => {
    const DPoP = await proofOf(holder, "POST", `https://authz.example/v1/tasks/${task.task}/complete`, task.token)
    await manage("POST", `/v1/tasks/${task.task}/complete`, `DPoP ${task.token}`, { DPoP })
    return bring(task, await session(50, 300))
  },
  "a frozen task": async (task) => {
    await manage("POST", `/v1/tasks/${task.task}/quarantine`, await bearerOf("operator"))
    return bring(task, await session(50, 300))
  },
  "a suspended user": async (task) => {
    await stop({ kind: "user", user: `${IDP}|alice` })
    return bring(task, await session(50, 300))
  },
  "a user whose earlier sessions are revoked": async (task) => {
    await stop({ kind: "user", user: `${IDP}|alice` }, start + 40_000)
    return bring(task, await session(50, 300))
  },
}

describe("no session extends a task for", () => {
  test.each(Object.entries(ATTACKS))("%s", async (_name, attack) => {
    const task = await begun()
    at(60_000)
    expect((await attack(task)).error).toMatch(/^(?:invalid_request|unauthorized_client)$/)
    expect((await viewOf(task.task)).expires_at).toBe((seconds + 120) * 1000)
  })
})
