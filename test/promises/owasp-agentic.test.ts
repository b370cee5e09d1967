/**
 * Three of the OWASP Top 10 for Agentic Applications (2026), each as an attack on the Worker over HTTP: tools that are
 * misused one harmless call at a time (ASI02), failures that run through a tree of agents (ASI08), an agent that goes
 * its own way (ASI10). A guardrail stops each, its task is frozen or ended where that says so, and the record tells
 * why. The same steps come through where it is taken out of the bundle: nothing else stops them.
 */
import { env } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { findRecords } from "../../src/audit/record-logs.ts"
import type { Concurrency } from "../../src/core/guardrails/concurrency.ts"
import type { Cycle } from "../../src/core/guardrails/cycle.ts"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import type { Sequence } from "../../src/core/guardrails/sequence.ts"
import type { Storm } from "../../src/core/guardrails/storm.ts"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

freshIsolateForEach()

const COUNTRY = "x-client-country"
const ADDRESS = "x-client-ip"
let published = 0

/**
 * The yard with these guardrails alone, without the rule that keeps mail from who has read something confidential, and
 * a gateway that tells of its clients.
 */
async function guardedBy(...guardrails: readonly Guardrail[]): Promise<void> {
  const body = await yard()
  const rules = body.rules.filter(({ id }) => id !== "no-external-after-confidential")
  const gateways = body.gateways.map((each) =>
    each.id === "envoy" ? { ...each, asserts: { country: COUNTRY, client_ip: ADDRESS } } : each,
  )
  await publish({ ...body, rules, gateways, guardrails }, ++published)
  forgetCaches()
}

/** What an attack came to: with the guardrails, and before that without. Whoever was frozen would open no other task. */
async function twice<Came>(
  guardrails: readonly Guardrail[],
  attack: () => Promise<Came>,
): Promise<{ readonly guarded: Came; readonly unguarded: Came }> {
  await guardedBy()
  const unguarded = await attack()
  await guardedBy(...guardrails)
  const guarded = await attack()
  await guardedBy()
  return { guarded, unguarded }
}

type From = Readonly<Record<string, string>>
const HOME: From = { [COUNTRY]: "DE", [ADDRESS]: "192.0.2.7" }

const read = async ({ token }: OpenTask, path: string, from = HOME) => callWith(token, path, { headers: from })
const mail = async ({ token }: OpenTask, to: string) =>
  callWith(token, "/mail", {
    method: "POST",
    headers: { ...HOME, "Content-Type": "application/json" },
    body: JSON.stringify({ to }),
  })

const codesOf = (answers: readonly GatewayAnswer[]): readonly string[] => answers.map(({ code }) => code)
const decisionOf = (answers: readonly GatewayAnswer[], code: string): string =>
  answers.find((answer) => answer.code === code)?.decision ?? ""

const tree = z.object({ tasks: z.array(z.object({ id: z.string(), status: z.string(), ended_by: z.unknown() })) })
async function statusOf({ task }: OpenTask): Promise<string> {
  const { json } = await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))
  return tree.parse(json).tasks.find(({ id }) => id === task)?.status ?? "unknown"
}

async function release({ task }: OpenTask): Promise<number> {
  return (await manage("POST", `/v1/tasks/${task}/release`, await bearerOf("operator"))).status
}

/** The record of the end that a storm made: it arrives within a second. */
async function endOf({ task }: OpenTask): Promise<unknown> {
  return vi.waitFor(
    async () => {
      const records = await findRecords(env, { task, limit: 1000 })
      const end = records.find(({ kind }) => kind === "end")
      if (!end) throw new Error("no record of its end")
      return end
    },
    { timeout: 4_000, interval: 50 },
  )
}

const stormEnd = ({ id: guardrail, limit, consequence }: Storm) => ({
  decision: "deny",
  code: "loop_detected",
  denial: { reason: "denial_storm", guardrail, limit, consequence },
})

describe("ASI02 Tool Misuse and Exploitation", () => {
  /** Whoever wrote the mail that the first agent reads has it done by two that are harmless each. */
  const noLeak: Sequence = {
    kind: "sequence",
    id: "nothing-out-after-confidential",
    of: { tools: ["*"], labels: ["sink:external"] },
    consequence: "quarantine",
    require: {
      kind: "not",
      of: {
        kind: "formerly",
        event: { tools: ["*"], labels: ["reads:confidential"], where: [] },
        seconds: 86_400,
      },
    },
  }

  test("confidential data that one agent reads does not leave by another", async () => {
    const attack = async () => {
      const root = await openTask("first")
      const [reader, sender] = [await openChild(root.token, "reader"), await openChild(root.token, "sender")]
      const answers = [
        await mail(sender, "ann@example.org"),
        await read(reader, "/vault/customers"),
        await mail(sender, "ann@example.org"),
        await mail(sender, "bob@example.org"),
        await read(reader, "/vault/customers"),
      ]
      return {
        answers,
        sender,
        reader,
        statuses: [await statusOf(root), await statusOf(reader), await statusOf(sender)],
      }
    }
    const { guarded, unguarded } = await twice([noLeak], attack)
    expect(codesOf(guarded.answers)).toEqual(["ok", "ok", "sequence_denied", "invalid_token", "ok"])
    expect(guarded.statuses).toEqual(["active", "active", "quarantined"])
    expect(await recordOf(decisionOf(guarded.answers, "sequence_denied"))).toMatchObject({
      decision: "deny",
      code: "sequence_denied",
      denial: { reason: "sequence_broken", guardrail: noLeak.id, consequence: "quarantine" },
      guardrails: [{ guardrail: noLeak.id, kind: "sequence", holds: false }],
      tool: "mail.send",
      task: guarded.sender.task,
    })
    expect(await recordOf(decisionOf(guarded.answers, "invalid_token"))).toMatchObject({
      denial: { reason: "task_ended", task: guarded.sender.task, state: "quarantined" },
    })
    expect(new Set(codesOf(unguarded.answers))).toEqual(new Set(["ok"]))
    expect(unguarded.statuses).toEqual(["active", "active", "active"])
  })

  test("a mailing list is not worked off by one task after the other", async () => {
    const recipients: Limit = {
      kind: "limit",
      topic: "budget",
      id: "recipients-a-day",
      of: { tools: ["mail.send"] },
      consequence: "deny",
      per: ["user"],
      measure: { kind: "distinct", field: "arguments.to" },
      limit: 3,
      span: { kind: "fixed", seconds: 86_400 },
    }
    const attack = async () => {
      const answers: GatewayAnswer[] = []
      for (let each = 0; each < 5; each++) answers.push(await mail(await openTask("first"), `user${each}@example.org`))
      // Who was written to before is nobody new.
      answers.push(await mail(await openTask("first"), "user0@example.org"))
      return answers
    }
    const { guarded, unguarded } = await twice([recipients], attack)
    expect(codesOf(guarded)).toEqual(["ok", "ok", "ok", "budget_exhausted", "budget_exhausted", "ok"])
    expect(await recordOf(decisionOf(guarded, "budget_exhausted"))).toMatchObject({
      denial: { reason: "budget_spent", budget: recipients.id, limit: 3, used: 3, asked: 1 },
    })
    expect(new Set(codesOf(unguarded))).toEqual(new Set(["ok"]))
  })
})

describe("ASI08 Cascading Failures", () => {
  const rate = window({ id: "whole-tree", tools: ["*"], per: "tree", limit: 20, seconds: 3_600 })
  const retries: Storm = {
    kind: "storm",
    id: "retries",
    of: { tools: ["*"] },
    consequence: "quarantine",
    limit: 3,
    seconds: 3_600,
    per: "task",
    codes: ["rate_limited"],
  }

  test("sub-agents that fan out and retry use up what the tree has, and no more; whoever goes on is frozen", async () => {
    const attack = async () => {
      const root = await openTask("first")
      const workers = await Promise.all(Array.from({ length: 6 }, async () => openChild(root.token, "second")))
      // Each tries the same again whatever it is told, as one that is stuck does.
      const answers = await Promise.all(
        workers.map(async (worker) => {
          const all: GatewayAnswer[] = []
          for (let time = 0; time < 12; time++) all.push(await read(worker, "/files/a"))
          return all
        }),
      )
      const elsewhere = await read(await openTask("first"), "/files/a")
      const statuses = await Promise.all(workers.map(statusOf))
      return { answers: answers.flat(), root: await read(root, "/files/a"), statuses, elsewhere, workers }
    }
    const { guarded, unguarded } = await twice([rate, retries], attack)
    const count = (code: string): number => guarded.answers.filter((answer) => answer.code === code).length
    expect(count("ok")).toBe(20)
    // Four each: then they are frozen, and stop asking the ledger for anything that costs.
    expect(count("rate_limited")).toBe(6 * 4)
    expect(count("invalid_token")).toBe(6 * 12 - 20 - 6 * 4)
    expect(guarded.statuses).toEqual(Array.from({ length: 6 }, () => "quarantined"))
    // The one above them has hammered at nothing, and another tree has nothing to do with it.
    expect(guarded.root.code).toBe("rate_limited")
    expect(guarded.elsewhere.code).toBe("ok")
    expect(await recordOf(decisionOf(guarded.answers, "rate_limited"))).toMatchObject({
      denial: { reason: "window_full", window: rate.id, limit: 20 },
    })
    const [worker] = guarded.workers
    if (worker) expect(await endOf(worker)).toMatchObject(stormEnd(retries))
    expect(new Set(codesOf([...unguarded.answers, unguarded.root, unguarded.elsewhere]))).toEqual(new Set(["ok"]))
    expect(new Set(unguarded.statuses)).toEqual(new Set(["active"]))

    // The one holds what is admitted, the other who never stops asking.
    for (const each of guarded.workers) expect(await release(each)).toBe(200)
    await guardedBy(rate)
    const held = await attack()
    expect(codesOf(held.answers).filter((code) => code === "rate_limited")).toHaveLength(6 * 12 - 20)
    expect(new Set(held.statuses)).toEqual(new Set(["active"]))
  })

  test("work that piles up is turned away before it is begun", async () => {
    const atOnce: Concurrency = {
      kind: "concurrency",
      id: "at-once",
      of: { tools: ["burst.*"] },
      consequence: "deny",
      per: ["tree"],
      limit: 3,
    }
    const attack = async () => {
      const root = await openTask("first")
      const workers = await Promise.all(Array.from({ length: 8 }, async () => openChild(root.token, "second")))
      return Promise.all(workers.map(async (worker) => read(worker, "/burst")))
    }
    const { guarded, unguarded } = await twice([atOnce], attack)
    expect(codesOf(guarded).toSorted()).toEqual([
      ...Array.from({ length: 3 }, () => "ok"),
      ...Array.from({ length: 5 }, () => "rate_limited"),
    ])
    expect(await recordOf(decisionOf(guarded, "rate_limited"))).toMatchObject({
      denial: { reason: "too_many_at_once", guardrail: atOnce.id, limit: 3 },
    })
    expect(new Set(codesOf(unguarded))).toEqual(new Set(["ok"]))
  })
})

describe("ASI10 Rogue Agents", () => {
  const doors: Storm = {
    kind: "storm",
    id: "doors",
    of: { tools: ["*"] },
    consequence: "quarantine",
    limit: 4,
    seconds: 3_600,
    per: "task",
  }

  test.each([
    ["what it has not, and what nobody has", ["/safe", "/nothing", "/vault/a", "/forbidden", "/admin"]],
    ["what is no tool at all: the edge refuses it", ["/a", "/b", "/c", "/d", "/e"]],
    ["what its token does not cover", ["/vault/a", "/vault/b", "/vault/c", "/vault/d", "/vault/e"]],
  ])("one that tries %s is frozen, until somebody has looked", async (_what, paths) => {
    const attack = async () => {
      const root = await openTask("first")
      const rogue = await openChild(root.token, "second")
      const probes: GatewayAnswer[] = []
      for (const path of paths) probes.push(await read(rogue, path))
      return { root, rogue, probes }
    }
    await guardedBy(doors)
    const { root, rogue, probes } = await attack()
    expect(codesOf(probes)).not.toContain("ok")
    // What the edge refuses the ledger hears of a moment later.
    await vi.waitFor(async () => expect(await statusOf(rogue)).toBe("quarantined"))
    const after = await read(rogue, "/files/a")
    expect(after.code).toBe("invalid_token")
    expect(await recordOf(after.decision)).toMatchObject({ denial: { reason: "task_ended", state: "quarantined" } })
    expect(await endOf(rogue)).toMatchObject(stormEnd(doors))
    expect((await read(root, "/files/a")).code).toBe("ok")
    expect(await release(rogue)).toBe(200)
    // Somebody has looked: what it tried before is forgotten.
    expect((await read(rogue, "/files/a")).code).toBe("ok")

    await guardedBy()
    const free = await attack()
    expect(codesOf(free.probes)).toEqual(codesOf(probes))
    expect((await read(free.rogue, "/files/a")).code).toBe("ok")
    expect(await statusOf(free.rogue)).toBe("active")
  })

  test("one that goes round in a circle is ended, for good", async () => {
    const circle: Cycle = {
      kind: "cycle",
      id: "round-and-round",
      of: { tools: ["*"] },
      consequence: "revoke",
      longest: 4,
      times: 3,
      per: "task",
    }
    const attack = async () => {
      const rogue = await openTask("first")
      const below = await openChild(rogue.token, "second")
      const answers: GatewayAnswer[] = []
      for (let time = 0; time < 3; time++) {
        for (const path of ["/files/a", "/files/b", "/double/1"]) answers.push(await read(rogue, path))
      }
      answers.push(await read(rogue, "/files/c"), await read(below, "/files/c"))
      return { answers, rogue, status: await statusOf(rogue) }
    }
    const { guarded, unguarded } = await twice([circle], attack)
    expect(codesOf(guarded.answers)).toEqual([
      ...Array.from({ length: 8 }, () => "ok"),
      "loop_detected",
      "invalid_token",
      "invalid_token",
    ])
    expect(guarded.status).toBe("revoked")
    expect(await release(guarded.rogue)).toBe(404)
    expect(await recordOf(decisionOf(guarded.answers, "loop_detected"))).toMatchObject({
      denial: { reason: "calls_circle", guardrail: circle.id, length: 3, times: 3, consequence: "revoke" },
    })
    expect(new Set(codesOf(unguarded.answers))).toEqual(new Set(["ok"]))
    expect(unguarded.status).toBe("active")
  })

  test.each([
    ["country", "country", { [COUNTRY]: "NL", [ADDRESS]: "192.0.2.7" }],
    ["network", "network", { [COUNTRY]: "DE", [ADDRESS]: "198.51.100.7" }],
  ] as const)(
    "one that goes on from another %s is frozen, and so is who was there before",
    async (_what, field, other) => {
      const moved: Limit = {
        kind: "limit",
        topic: "deviation",
        id: "moved",
        of: { tools: ["*"] },
        consequence: "quarantine",
        per: ["task"],
        measure: { kind: "distinct", field },
        limit: 1,
        span: { kind: "sliding", seconds: 3_600 },
      }
      const attack = async () => {
        const rogue = await openTask("first")
        const answers = [
          await read(rogue, "/files/a"),
          await read(rogue, "/files/b"),
          await read(rogue, "/files/c", other),
          await read(rogue, "/files/d"),
        ]
        return { answers, rogue, status: await statusOf(rogue) }
      }
      const { guarded, unguarded } = await twice([moved], attack)
      expect(codesOf(guarded.answers)).toEqual(["ok", "ok", "deviation", "invalid_token"])
      expect(guarded.status).toBe("quarantined")
      expect(await recordOf(decisionOf(guarded.answers, "deviation"))).toMatchObject({
        denial: { reason: "origin_changed", guardrail: moved.id, limit: 1, consequence: "quarantine" },
        guardrails: [{ guardrail: moved.id, holds: false, used: 1, asked: 1 }],
      })
      // Somebody has looked: it goes on from where it was.
      expect(await release(guarded.rogue)).toBe(200)
      expect((await read(guarded.rogue, "/files/d")).code).toBe("ok")
      expect(new Set(codesOf(unguarded.answers))).toEqual(new Set(["ok"]))
      expect(unguarded.status).toBe("active")
    },
  )
})
