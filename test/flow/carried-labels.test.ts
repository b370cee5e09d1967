/** For how long an agent carries a label into its other tasks for the same user, as the policies state it. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { describe, expect, test } from "vitest"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { at } from "../harness/clock.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { ledgerOf, rowsKept } from "../harness/ledgers.ts"
import { CONFIDENTIAL, read, send } from "../harness/labelled-calls.ts"
import { complete } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Seconds that the label states, and purposes. */
interface Times {
  readonly label?: number
  readonly work?: number
  readonly errand?: number
}

async function withTimes(times: Times): Promise<BundleBody> {
  const body = await yard()
  return {
    ...body,
    labels: times.label === undefined ? [] : [{ name: CONFIDENTIAL, carry: times.label }],
    purposes: body.purposes.map((purpose) => {
      const carry = purpose.name === "work" ? times.work : purpose.name === "errand" ? times.errand : undefined
      return carry === undefined ? purpose : { ...purpose, carry }
    }),
  }
}

/** A task that has read at the beginning, and what another one of the agent gets to hear so much later. */
async function carriedFor(milliseconds: number): Promise<readonly [before: string, after: string]> {
  const start = Date.now()
  at(start)
  expect(await read(await openTask())).toBe("ok")
  at(start + milliseconds - 1)
  const before = await send(await openTask())
  // A pick-up within a minute is not stored again.
  at(start + milliseconds + MINUTE)
  return [before, await send(await openTask())]
}

const CARRIED = ["policy_denied", "ok"]

describe("an agent carries a label", () => {
  test.each<readonly [string, Times, number]>([
    ["for an hour if nothing states another time", {}, HOUR],
    ["for as long as the label states", { label: 600 }, 10 * MINUTE],
    ["for as long as the purpose of the task states", { work: 7_200 }, 2 * HOUR],
    ["for the longer of both, if it is the label's", { label: 5_400, work: 600 }, 90 * MINUTE],
    ["for the longer of both, if it is the purpose's", { label: 600, work: 5_400 }, 90 * MINUTE],
    ["for less than an hour if both state less", { label: 600, work: 300 }, 10 * MINUTE],
    ["not for longer by a purpose of which its tree has no task", { label: 600, errand: 5_400 }, 10 * MINUTE],
  ])("%s", async (_what, times, expected) => {
    await publish(await withTimes(times))
    expect(await carriedFor(expected)).toEqual(CARRIED)
  })

  test("for the longest time that a purpose of its tree states, whichever of its tasks has read", async () => {
    await publish(await withTimes({ work: 60, errand: 7_200 }))
    const start = Date.now()
    at(start)
    const root = await openTask()
    await openChild(root.token, "second", { purpose: "errand" })
    expect(await read(root)).toBe("ok")
    at(start + 2 * HOUR - 1)
    expect(await send(await openTask())).toBe("policy_denied")
  })

  test("no shorter because a later bundle states less, and longer once it picks it up again under one that states more", async () => {
    await publish(await withTimes({ label: 7_200 }))
    const start = Date.now()
    at(start)
    expect(await read(await openTask())).toBe("ok")
    await publish(await withTimes({ label: 60 }))
    forgetCaches()
    at(start + MINUTE)
    // This pick-up alone would count for a minute.
    expect(await read(await openTask())).toBe("ok")
    at(start + 2 * HOUR - 1)
    expect(await send(await openTask())).toBe("policy_denied")
    await publish(await withTimes({ label: 14_400 }))
    forgetCaches()
    expect(await read(await openTask())).toBe("ok")
    at(start + 6 * HOUR - 1)
    expect(await send(await openTask())).toBe("policy_denied")
  })

  test("for its time although no tree is left, and then nothing at all is left", async () => {
    await publish(await withTimes({ label: 86_400 }))
    const start = Date.now()
    at(start)
    const reading = await openTask()
    expect(await read(reading)).toBe("ok")
    await complete(reading.task, `Bearer ${reading.token}`)
    const ledger = ledgerOf(reading.task)
    for (const later of [20 * MINUTE, 2 * HOUR]) {
      at(start + later)
      await runDurableObjectAlarm(ledger)
    }
    const trees = await rowsOf(reading, "trees")
    at(start + 23 * HOUR)
    const sending = await openTask()
    expect([trees, await send(sending)]).toEqual([0, "policy_denied"])
    await complete(sending.task, `Bearer ${sending.token}`)
    for (const later of [24 * HOUR, 25 * HOUR, 26 * HOUR]) {
      at(start + later)
      await runDurableObjectAlarm(ledger)
    }
    expect(await tablesOf(reading)).toEqual([])
  })
})

test("what an agent no longer carries is deleted with its next pick-up", async () => {
  const body = await withTimes({})
  const labelled = (name: string, label: string): BundleBody => ({
    ...body,
    tools: body.tools.map((tool) => (tool.name === name ? { ...tool, labels: [label] } : tool)),
  })
  const start = Date.now()
  at(start)
  await publish(labelled("vault.read", "first"))
  const reading = await openTask()
  expect(await read(reading)).toBe("ok")
  at(start + 2 * HOUR)
  await publish(labelled("vault.read", "second"))
  expect(await read(await openTask())).toBe("ok")
  expect(await rowsOf(reading, "carried")).toBe(1)
})

const rowsOf = async ({ task }: OpenTask, table: string): Promise<number> => (await rowsKept(task, table)).length

const tablesOf = async ({ task }: OpenTask): Promise<readonly unknown[]> =>
  runInDurableObject(ledgerOf(task), (_ledger, { storage }) =>
    storage.sql
      .exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'")
      .toArray(),
  )

test("the record of a call tells what its tree bears from what is carried, and by which decision that was picked up", async () => {
  const [reading, sending] = [await openTask(), await openTask()]
  const picked = await callWith(reading.token, "/vault/1")
  // Again within the minute: the first one counts.
  expect([picked.code, await read(reading)]).toEqual(["ok", "ok"])
  const told = async ({ token }: OpenTask) => {
    const body = JSON.stringify({ to: "a@example.org" })
    const headers = { "Content-Type": "application/json" }
    const { code, decision } = await callWith(token, "/mail", { method: "POST", body, headers })
    const { labels, carried } = await recordOf(decision)
    return { code, labels, carried }
  }
  const denied = { code: "policy_denied", labels: [CONFIDENTIAL] }
  const carried = [{ label: CONFIDENTIAL, decision: picked.decision }]
  expect(await told(sending)).toEqual({ ...denied, carried })
  expect(await told(reading)).toEqual({ ...denied, carried: [] })
  expect(await told(await openChild(sending.token, "sender"))).toEqual({ ...denied, carried })
  await killObjects()
  expect(await told(sending)).toEqual({ ...denied, carried })
})
