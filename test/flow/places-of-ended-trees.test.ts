/** A tree that has ended leaves its place to another, whatever becomes of the way there. */
import { runDurableObjectAlarm } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { Openings } from "../../src/ledger/task-quota.ts"
import { exchangeForm, openTask, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { crash } from "../harness/ledgers.ts"
import { bearerOf, complete, viewOf } from "../harness/management.ts"

beforeEach(async () => {
  await publish(await yard())
})
afterEach(async () => {
  vi.restoreAllMocks()
  await freshIsolate()
})

const opens = async (): Promise<string> => (await postForm(await exchangeForm("crowded"))).refused?.error ?? "ok"

/** As many as the agent may have, and one of them has ended while its place could not be given back. */
async function crowded(): Promise<string> {
  const { task } = await openTask("crowded")
  await openTask("crowded")
  const lost = vi.spyOn(Openings.prototype, "releaseSlot").mockImplementation(() => {
    throw new Error("out of reach, by a test")
  })
  await complete(task, await bearerOf("operator"))
  await vi.waitFor(() => expect(lost).toHaveBeenCalled())
  expect(await opens()).toBe("rate_limited")
  lost.mockRestore()
  return task
}

test("a place that could not be given back is given back by the alarm", async () => {
  const task = await crowded()
  expect(await opens()).toBe("rate_limited")
  expect(await runDurableObjectAlarm(env.LEDGER.getByName(task))).toBe(true)
  expect(await opens()).toBe("ok")
})

test("a ledger that died before it could gives it back when it wakes", async () => {
  const task = await crowded()
  await crash()
  await viewOf(task)
  await vi.waitFor(async () => expect(await opens()).toBe("ok"), 4_000)
})
