import { runInDurableObject, runDurableObjectAlarm } from "cloudflare:test"
import { z } from "zod"
import { describe, expect, test, vi } from "vitest"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, callWith, ORIGIN } from "../harness/gateways.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { ledgerOf, rowsKept } from "../harness/ledgers.ts"

const storm = (more: Partial<Storm> = {}): Storm => ({
  kind: "storm",
  id: "prober",
  of: { tools: ["*"] },
  consequence: "quarantine",
  limit: 3,
  seconds: 60,
  per: "task",
  ...more,
})

async function lookOut(more: Partial<Storm> = {}): Promise<void> {
  const body = await yard()
  await publish({ ...body, guardrails: [...body.guardrails, storm(more)] })
}

yardForEach()

const shown = z.object({ tasks: z.array(z.object({ status: z.string() })) })

async function statusOf(task: string): Promise<string | undefined> {
  const { json } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
  return shown.parse(json).tasks[0]?.status
}

describe("a storm of denials", () => {
  test("by rules freezes the task, and a person lets it go on", async () => {
    await lookOut()
    const { token, task } = await openTask("first")
    for (let index = 0; index < 3; index++) expect((await callWith(token, "/forbidden")).code).toBe("policy_denied")
    expect((await callWith(token, "/files")).code).toBe("ok")
    expect((await callWith(token, "/forbidden")).code).toBe("policy_denied")
    expect((await callWith(token, "/files")).code).toBe("invalid_token")
    expect(await statusOf(task)).toBe("quarantined")
    await manage("POST", `/v1/tasks/${task}/release`, await bearerOf("operator"))
    // A person has looked: what it was denied before says nothing about what it does now.
    expect((await callWith(token, "/files")).code).toBe("ok")
    expect((await callWith(token, "/forbidden")).code).toBe("policy_denied")
    expect(await statusOf(task)).toBe("active")
  })

  test("of what never reaches the ledger counts as well: tools that are not there, or not granted", async () => {
    await lookOut({ consequence: "revoke" })
    const { token, task } = await openTask("first", { scope: "files.list:read" })
    for (const path of ["/nowhere", "/files/a", "/vault/x", "/nowhere"]) await callWith(token, path)
    await vi.waitFor(async () => expect(await statusOf(task)).toBe("revoked"))
    expect((await callWith(token, "/files")).code).toBe("invalid_token")
    const records = (await recordsOf(task, 7)).filter(({ kind }) => kind === "end")
    expect(records.map(({ kind, code, denial }) => ({ kind, code, denial }))).toContainEqual({
      kind: "end",
      code: "loop_detected",
      denial: { reason: "denial_storm", guardrail: "prober", limit: 3, seconds: 60, consequence: "revoke" },
    })
  })

  test("is nothing that who saw a used proof can bring about for its owner", async () => {
    await lookOut({ consequence: "revoke" })
    const holder = await newProofKey()
    const { token, task } = await openTask("bound", {}, await proofForToken(holder))
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files`, token)
    const headers = { Authorization: `DPoP ${token}`, DPoP: proof }
    expect((await askAs("envoy", { path: "/files", headers })).code).toBe("ok")
    // A query is no part of what a proof is for: this reads in two ways, and would be refused before the ledger sees it.
    for (let index = 0; index < 9; index++) {
      expect((await askAs("envoy", { path: "/files?a=1&a=2", headers })).code).toBe("invalid_token")
    }
    expect(await statusOf(task)).toBe("active")
    // With proofs of its own it is.
    for (let index = 0; index < 4; index++) {
      const own = await proofOf(holder, "GET", `${ORIGIN}/files`, token)
      await askAs("envoy", { path: "/files?a=1&a=2", headers: { ...headers, DPoP: own } })
    }
    await vi.waitFor(async () => expect(await statusOf(task)).toBe("revoked"))
  })

  test("leaves no proof unused of a call that never reaches the ledger", async () => {
    await lookOut()
    const holder = await newProofKey()
    const { token } = await openTask("bound", {}, await proofForToken(holder))
    const headers = { Authorization: `DPoP ${token}`, DPoP: await proofOf(holder, "GET", `${ORIGIN}/files`, token) }
    expect((await askAs("envoy", { path: "/files?a=1&a=2", headers })).code).toBe("malformed_call")
    // Whoever saw it must not be admitted by it.
    expect((await askAs("envoy", { path: "/files", headers })).code).toBe("invalid_token")
  })

  const DENIED = [
    ["by its ledger", { purpose: "work" }, "policy_denied"],
    ["before it gets there", { scope: "files.*:read" }, "insufficient_scope"],
  ] as const
  test.each(DENIED)("counts a retry of a call denied %s as the one denial that it is", async (_where, wanted, code) => {
    await lookOut()
    const { token, task } = await openTask("first", wanted)
    const start = Date.now()
    vi.useFakeTimers({ toFake: ["Date"] })
    const mail = async (id: string, to: string, after: number): Promise<void> => {
      vi.setSystemTime(start + after)
      const headers = { "Content-Type": "application/json", "X-Request-Id": id }
      const asked = { method: "POST", body: JSON.stringify({ to }), headers }
      expect((await callWith(token, "/mail", asked)).code).toBe(code)
      // Behind its answer the ledger may still be told of it.
      await statusOf(task)
    }
    await mail("r1", "a@b.c", 0)
    for (let index = 0; index < 9; index++) await mail("r1", "a@b.c", 4_999)
    // Another call, another id, and, five seconds after the first, the same again.
    await mail("r1", "x@b.c", 4_999)
    await mail("r2", "a@b.c", 4_999)
    expect(await statusOf(task)).toBe("active")
    await mail("r2", "a@b.c", 9_999)
    await vi.waitFor(async () => expect(await statusOf(task)).toBe("quarantined"))
  })

  test("with no consequence but denial passes by itself", async () => {
    await lookOut({ consequence: "deny", seconds: 60 })
    const { token } = await openTask("first")
    vi.useFakeTimers({ toFake: ["Date"] })
    for (let index = 0; index < 4; index++) await callWith(token, "/forbidden")
    expect((await callWith(token, "/files")).code).toBe("loop_detected")
    vi.setSystemTime(Date.now() + 60_000)
    expect((await callWith(token, "/files")).code).toBe("ok")
  })

  test.each(DENIED)("through a gateway that only observes has no consequence, denied %s", async (_where, wanted) => {
    await lookOut()
    const { token, task } = await openTask("first", wanted)
    const asked = { method: "POST", body: '{"to":"a@b.c"}', headers: { "Content-Type": "application/json" } }
    for (let index = 0; index < 9; index++) {
      const { decision } = await callWith(token, "/mail", asked, "watch")
      expect(await recordOf(decision)).toMatchObject({ mode: "observe", decision: "deny" })
    }
    expect(await statusOf(task)).toBe("active")
    expect((await callWith(token, "/files")).code).toBe("ok")
  })
})

describe("a tree that has ended", () => {
  test("keeps nothing of what guardrails had in mind", async () => {
    await lookOut()
    const { token, task } = await openTask("first")
    for (const path of ["/thrice", "/burst", "/forbidden"]) await callWith(token, path)
    const rows = async (): Promise<number> => {
      const tables = ["blocks", "counters", "marks", "cells", "flights"]
      const kept = await Promise.all(tables.map(async (table) => rowsKept(task, table)))
      return kept.flat().length
    }
    expect(await rows()).toBeGreaterThan(2)
    await complete(task, `Bearer ${token}`)
    expect(await rows()).toBe(0)
  })

  test("by its expiry as well, by the alarm", async () => {
    const { token, task } = await openTask("first")
    await callWith(token, "/thrice")
    const ledger = ledgerOf(task)
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(Date.now() + 86_400_000)
    await runDurableObjectAlarm(ledger)
    await runInDurableObject(ledger, (_ledger, { storage }) => {
      const known = storage.sql.exec("SELECT name FROM sqlite_master WHERE name = 'blocks'").toArray()
      expect(known.length === 0 || storage.sql.exec("SELECT COUNT(*) AS n FROM blocks").one()["n"]).toBeTruthy()
    })
  })
})
