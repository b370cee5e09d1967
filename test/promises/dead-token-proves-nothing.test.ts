/**
 * Promise 6: nobody who has not proven an identity writes a record in its name. A token that was revoked, whose task has
 * ended, or that comes with a proof used before, proves nothing, wherever its call is denied.
 */
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { agentsSeen } from "../../src/audit/agents-seen.ts"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import { findRecords, unidentifiedLog } from "../../src/audit/record-logs.ts"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { provenAs } from "../harness/browser.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, callWith, ORIGIN, type GatewayAnswer } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { agentId, US } from "../harness/issuers.ts"
import { knock } from "../harness/door.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

yardForEach()

const asOperator = async (path: string, body: Readonly<Record<string, string>> = {}): Promise<void> => {
  const { status } = await manage("POST", path, await bearerOf("operator"), {}, body)
  expect(status).toBe(200)
}

const DEAD: Readonly<Record<string, (task: OpenTask) => Promise<unknown>>> = {
  "a revoked token": async ({ token }) => asOperator("/v1/revocations", { token }),
  "a token of an ended task": async ({ task }) => asOperator(`/v1/tasks/${task}/abort`),
  "a token of a frozen task": async ({ task }) => asOperator(`/v1/tasks/${task}/quarantine`),
  "a token of a stopped agent": async () => stop({ kind: "agent", agent: agentId("first") }),
}

const MAIL = { method: "POST", body: JSON.stringify({ to: "a@example.org" }) }
const CALLS: Readonly<Record<string, (token: string) => Promise<GatewayAnswer>>> = {
  "an unknown tool": async (token) => callWith(token, "/nowhere"),
  "a tool outside its scope": async (token) => callWith(token, "/mail", MAIL),
  "an ambiguous path": async (token) => callWith(token, "/vault/%2e%2e/1"),
  "a tool of its grant": async (token) => callWith(token, "/vault/1"),
}

const ATTACKS = Object.entries(DEAD).flatMap(([dead, kill]) =>
  Object.entries(CALLS).map(([called, call]) => [dead, called, kill, call] as const),
)

describe("a token that opens nothing writes no record in its agent's name", () => {
  test.each(ATTACKS)("%s, %s", async (_dead, _called, kill, call) => {
    const task = await openTask("first", { scope: "vault.*:read" })
    await kill(task)
    // Its own token request is one.
    const before = await vi.waitFor(async () => {
      const found = await seen()
      if (!found) throw new Error("not seen yet")
      return found
    }, 4_000)
    const { decision } = await call(task.token)
    const record = await recordOf(decision)
    expect(record).toMatchObject({ decision: "deny", chain: [], user: null, task: task.task })
    expect(record.denial).toMatchObject({ claimed_client: agentId("first") })
    expect((await unidentifiedLog(env).get(record.id))?.id).toBe(record.id)
    expect(await seen()).toEqual(before)
  })

  test("is not taken for its agent's, however many calls it makes, and crowds out none of theirs", async () => {
    const dead = await openTask("first")
    await asOperator("/v1/revocations", { token: dead.token })
    const alive = await openTask("first")
    const flood = Array.from({ length: 1_500 }, async (_, at) => callWith(dead.token, `/nowhere/${at}`))
    const own = callWith(alive.token, "/nowhere")
    await Promise.all(flood)
    expect(await recordOf((await own).decision)).toMatchObject({ chain: [agentId("first")], task: alive.task })
    const kept = await vi.waitFor(async () => {
      const records = await findRecords(env, { task: dead.task, code: "unknown_tool", limit: 1_000 })
      expect(records.length).toBeGreaterThan(0)
      return records
    }, 4_000)
    expect(kept.filter(({ chain }) => chain.length > 0)).toEqual([])
    expect(kept.length).toBeLessThan(500)
  })
})

const seen = async () => (await agentsSeen(env)).agents.get(historyKeyOf(agentId("first")))

test("a live token's denied calls are its agent's", async () => {
  const { token, task } = await openTask("first", { scope: "vault.*:read" })
  for (const [called, call] of Object.entries(CALLS)) {
    const { decision } = await call(token)
    expect(await recordOf(decision), called).toMatchObject({ chain: [agentId("first")], task })
  }
})

describe("a denied call is its agent's although its token ends at once", () => {
  const ENDS: Readonly<Record<string, (task: OpenTask) => Promise<unknown>>> = {
    "its agent completes the task": async ({ task, token }) =>
      manage("POST", `/v1/tasks/${task}/complete`, `Bearer ${token}`),
    "its agent revokes the token": async ({ token }) => {
      const body = new URLSearchParams({ token, ...(await provenAs("first")) })
      expect((await knock(new Request(`${US}/oauth/revoke`, { method: "POST", body }))).status).toBe(200)
    },
    "an operator freezes the task": async ({ task }) => asOperator(`/v1/tasks/${task}/quarantine`),
  }

  test.each(Object.entries(ENDS))("%s", async (_how, end) => {
    const task = await openTask("first", { scope: "vault.*:read" })
    const { decision } = await callWith(task.token, "/mail", MAIL)
    await end(task)
    expect((await callWith(task.token, "/vault/1")).status).not.toBe(200)
    expect(await recordOf(decision)).toMatchObject({ chain: [agentId("first")], task: task.task })
  })
})

test("what no ledger can confirm is in nobody's name", async () => {
  const { token, task } = await openTask("first")
  vi.spyOn(env.LEDGER, "getByName").mockImplementation(() => {
    throw new Error("it is out of reach, by a test")
  })
  const { decision } = await callWith(token, "/nowhere")
  expect(await recordOf(decision)).toMatchObject({ chain: [], task, denial: { claimed_client: agentId("first") } })
})

describe("a request about a task", () => {
  const about = async (task: string, authorization: string): Promise<DecisionRecord> => {
    const { headers } = await manage("GET", `/v1/tasks/${task}`, authorization)
    return recordOf(headers.get("x-narrowgate-decision") ?? "")
  }

  test.each(Object.entries(DEAD))("with %s is in nobody's name", async (_dead, kill) => {
    const other = await openTask("second")
    const dead = await openTask("first")
    await kill(dead)
    expect(await about(other.task, `Bearer ${dead.token}`)).toMatchObject({ decision: "deny", chain: [], user: null })
  })

  test("with a live token is its agent's, allowed or not", async () => {
    const other = await openTask("second")
    const { token, task } = await openTask("first")
    for (const each of [task, other.task]) {
      expect(await about(each, `Bearer ${token}`)).toMatchObject({ chain: [agentId("first")] })
    }
  })
})

describe("a request to end a task that has ended", () => {
  const ENDED: Readonly<Record<string, (task: OpenTask) => Promise<unknown>>> = {
    "by its agent": async ({ task, token }) => manage("POST", `/v1/tasks/${task}/complete`, `Bearer ${token}`),
    "by an operator": async ({ task }) => asOperator(`/v1/tasks/${task}/abort`),
    "by a revocation": async ({ task }) => asOperator("/v1/revocations", { task }),
  }
  const ends = ["complete", "abort"] as const

  test.each(Object.entries(ENDED))("%s is answered as before, and is in nobody's name", async (_how, kill) => {
    const opened = await openTask("first")
    const { task, token } = opened
    await kill(opened)
    const before = await vi.waitFor(async () => {
      const records = await findRecords(env, { task, kind: "end", limit: 100 })
      expect(records).toHaveLength(1)
      return records.map(({ id }) => id)
    }, 4_000)
    for (const end of ends) {
      const { status, json, headers } = await manage("POST", `/v1/tasks/${task}/${end}`, `Bearer ${token}`)
      expect([status, json]).toMatchObject([200, { task, ended: [] }])
      const record = await recordOf(headers.get("x-narrowgate-decision") ?? "")
      expect(record).toMatchObject({ kind: "end", chain: [], user: null, task, number: null, life: null })
      expect(record.token_hash).not.toBeNull()
      expect((await unidentifiedLog(env).get(record.id))?.id).toBe(record.id)
    }
    await killObjects()
    const kept = await findRecords(env, { task, kind: "end", limit: 100 })
    expect(kept.filter(({ chain, operator }) => chain.length > 0 || operator !== null).map(({ id }) => id)).toEqual(
      before,
    )
  })

  test("has no more records than other calls with its token", async () => {
    const { task, token } = await openTask("first")
    await asOperator(`/v1/tasks/${task}/abort`)
    const flood = Array.from({ length: 300 }, async () =>
      manage("POST", `/v1/tasks/${task}/complete`, `Bearer ${token}`),
    )
    await Promise.all(flood)
    const kept = await vi.waitFor(async () => {
      const records = await findRecords(env, { task, kind: "end", limit: 1_000 })
      expect(records.length).toBeGreaterThan(1)
      return records
    }, 4_000)
    expect(kept.length).toBeLessThan(200)
    // The operator's own end names the agent, whose name nobody else writes.
    expect(kept.filter(({ chain, operator }) => chain.length > 0 && operator === null)).toEqual([])
  })

  test("by the live agent above it is that agent's", async () => {
    const above = await openTask("first")
    const below = await openChild(above.token, "second")
    for (let at = 0; at < 2; at++) {
      const { headers } = await manage("POST", `/v1/tasks/${below.task}/complete`, `Bearer ${above.token}`)
      const record = await recordOf(headers.get("x-narrowgate-decision") ?? "")
      expect(record).toMatchObject({ kind: "end", decision: "allow", chain: [agentId("first")], task: below.task })
    }
  })

  test("is in nobody's name either if a frozen one is in the way", async () => {
    const above = await openTask("first")
    const below = await openChild(above.token, "second")
    await asOperator(`/v1/tasks/${below.task}/quarantine`)
    const { status, headers } = await manage("POST", `/v1/tasks/${below.task}/complete`, `Bearer ${below.token}`)
    expect(status).toBe(409)
    expect(await recordOf(headers.get("x-narrowgate-decision") ?? "")).toMatchObject({
      chain: [],
      denial: { reason: "task_quarantined", claimed_client: agentId("second") },
    })
  })
})

describe("a proof shown again", () => {
  const bound = async () => {
    const holder = await newProofKey()
    return { holder, ...(await openTask("first", { scope: "vault.*:read" }, await proofForToken(holder))) }
  }
  const show = async (token: string, path: string, proof: string): Promise<GatewayAnswer> =>
    askAs("envoy", { path, headers: { Authorization: `DPoP ${token}`, DPoP: proof } })

  test("with a call that is denied at the edge is a replay, and its record in nobody's name", async () => {
    const { holder, token } = await bound()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/nowhere`, token)
    const first = await show(token, "/nowhere", proof)
    expect(await recordOf(first.decision)).toMatchObject({
      code: "unknown_tool",
      chain: [agentId("first")],
      bound: true,
    })
    for (let at = 0; at < 2; at++) {
      const again = await show(token, "/nowhere", proof)
      expect(again.code).toBe("invalid_token")
      const denial = { reason: "proof_replayed", claimed_client: agentId("first") }
      expect(await recordOf(again.decision)).toMatchObject({ denial, chain: [], bound: false })
    }
  })

  test("after its ledger has died proves nothing either", async () => {
    const { holder, token } = await bound()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/nowhere`, token)
    await show(token, "/nowhere", proof)
    await killObjects()
    const { decision } = await show(token, "/nowhere", proof)
    expect(await recordOf(decision)).toMatchObject({ denial: { reason: "nonce_required" }, chain: [] })
  })
})
