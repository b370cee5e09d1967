/** A log that cannot be reached: no call whose class a sink wants denied without its record is allowed without it. */
import { runDurableObjectAlarm } from "cloudflare:test"
import { expect, test, vi } from "vitest"
import { RecordLog } from "../../src/audit/record-log.ts"
import { Journal } from "../../src/ledger/journal.ts"
import { forgetReads } from "../../src/ledger/record-outbox.ts"
import { openTask } from "../harness/agents.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { ledgerOf } from "../harness/ledgers.ts"
import { recordOf } from "../harness/records.ts"
import { LAKE, sinkNetwork, withSinks } from "../harness/sinks.ts"

const SINK = { ...LAKE, denies: ["read"] } as const

freshIsolateForEach()

const broken = (): never => {
  throw new Error("taken down by a test")
}

test.each<[string, RecordLog["append"]]>([
  ["throws", broken],
  ["hangs", async () => new Promise<never>(() => undefined)],
])("a log that %s: reads go on, and their records outlive the isolate and its objects", async (_how, answer) => {
  sinkNetwork()
  await withSinks(SINK)
  const { token, task } = await openTask("first")
  const down = vi.spyOn(RecordLog.prototype, "append")
  down.mockImplementation(answer)
  const reads = [
    await callWith(token, "/files/a"),
    await callWith(token, "/files/b"),
    await callWith(token, "/files/c"),
  ]
  expect(reads.map(({ code }) => code)).toEqual(["ok", "ok", "ok"])
  await killObjects()
  forgetReads()
  down.mockRestore()
  expect(await runDurableObjectAlarm(ledgerOf(task))).toBe(true)
  for (const { decision } of reads) expect(await recordOf(decision)).toMatchObject({ id: decision, decision: "allow" })
})

test("a read whose record cannot be stored is denied with a retry, and allowed where no sink wants that", async () => {
  sinkNetwork()
  await withSinks({ ...LAKE, denies: ["write", "execute"] })
  const { token } = await openTask("first")
  expect((await callWith(token, "/files/a")).code).toBe("ok")
  vi.spyOn(Journal.prototype, "keep").mockImplementation(broken)
  expect((await callWith(token, "/files/b")).code).toBe("ok")
  await withSinks(SINK)
  forgetCaches()
  const denied = await callWith(token, "/files/c")
  expect([denied.code, denied.headers.get("Retry-After")]).toEqual(["unavailable", "5"])
})
