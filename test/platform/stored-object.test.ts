/** Alarms of Durable Objects: the platform drops one that throws several times in a row. */
import { runInDurableObject } from "cloudflare:test"
import { DurableObject, env } from "cloudflare:workers"
import { expect, test } from "vitest"
import * as worker from "../../src/index.ts"
import { STEPS } from "../../src/platform/storage/steps.ts"
import { StoredObject } from "../../src/platform/storage/stored-object.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { logged } from "../harness/worker-log.ts"

freshIsolateForEach()

test("an alarm of a ledger that throws is set again, later each time", async () => {
  await publish(await yard())
  const { task } = await openTask()
  await runInDurableObject(ledgerOf(task), async (ledger, { storage }) => {
    storage.sql.exec("ALTER TABLE trees RENAME TO gone")
    const pauses: number[] = []
    for (let failure = 0; failure < 10; failure++) {
      await storage.deleteAlarm()
      const now = Date.now()
      await ledger.alarm()
      pauses.push(Math.round(((await storage.getAlarm()) ?? now) - now) / 1_000)
    }
    expect(pauses.map(Math.round)).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600, 600])
    storage.sql.exec("ALTER TABLE gone RENAME TO trees")
  })
  expect(logged("alarm_failed")).toContainEqual({
    event: "alarm_failed",
    object: "Ledger",
    error: expect.stringContaining("no such table"),
  })
})

test("every object has the guard, and one with an alarm of its own does not start", async () => {
  const names = Object.entries(worker).flatMap(([name, each]) => {
    const made: unknown = typeof each === "function" ? Object.create(Reflect.get(each, "prototype")) : null
    if (made instanceof DurableObject) expect([name, made instanceof StoredObject]).toEqual([name, true])
    return made instanceof DurableObject ? [name] : []
  })
  expect(names.toSorted()).toEqual(Object.keys(STEPS).toSorted())
  class Unguarded extends StoredObject {
    constructor(state: DurableObjectState) {
      super(state, env, "Inbox")
    }
    override async alarm(): Promise<void> {
      await this.ctx.storage.deleteAll()
    }
  }
  await runInDurableObject(env.INBOX.getByName("nobody"), (_inbox, state) => {
    expect(() => new Unguarded(state)).toThrow("Inbox has an alarm of its own")
  })
})
