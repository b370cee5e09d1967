import { runDurableObjectAlarm } from "cloudflare:test"
import { expect, test, vi } from "vitest"
import { RecordLog } from "../../src/audit/record-log.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { recordOf } from "../harness/records.ts"
import { ledgerOf } from "../harness/ledgers.ts"

const HOUR_MS = 3_600_000
const HOURS = 26

freshIsolateForEach()

test("the record tells: of a write, also if the record log was down for more than a day, and the ledger died meanwhile", async () => {
  await publish(await yard())
  const { token, task } = await openTask("first", { scope: "files.*:write" })
  const down = vi.spyOn(RecordLog.prototype, "append").mockImplementation(() => {
    throw new Error("taken down by a test")
  })
  const write = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
  const decisions = [await callWith(token, "/files/a", write), await callWith(token, "/files/b", write)]
  expect(decisions.map(({ code }) => code)).toEqual(["ok", "ok"])
  await killObjects()
  const ledger = ledgerOf(task)
  const start = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: start })
  for (let hour = 1; hour <= HOURS; hour++) {
    vi.setSystemTime(start + hour * HOUR_MS)
    expect(await runDurableObjectAlarm(ledger)).toBe(true)
  }
  expect(down).toHaveBeenCalled()
  down.mockRestore()
  vi.setSystemTime(start + (HOURS + 1) * HOUR_MS)
  expect(await runDurableObjectAlarm(ledger)).toBe(true)
  for (const { decision } of decisions) expect(await recordOf(decision)).toMatchObject({ id: decision, task })
})
