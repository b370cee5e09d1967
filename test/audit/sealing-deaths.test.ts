/** The object of a log dies between any two steps. */
import { expect, test } from "vitest"
import { RecordLog } from "../../src/audit/record-log.ts"
import { LogQueries } from "../../src/audit/log-queries.ts"
import { SealedIds } from "../../src/audit/sealed-ids.ts"
import { LogSinks } from "../../src/audit/log-sinks.ts"
import { bury, dyingAt, watchSteps } from "../harness/deaths.ts"
import { freshIsolate, killObjects } from "../harness/isolate.ts"
import { log, records, sent, texts } from "../harness/record-log.ts"

test("whenever the object dies, no record is lost or has two positions, and readers see one order", async () => {
  const all = records(60)
  const parts = [all.slice(0, 20), all.slice(20, 40), all.slice(40)]
  const seen = new Map<number, string>()
  const scenario = async (): Promise<void> => {
    for (const part of parts) {
      for (let isSent = false; !isSent;) {
        // As senders do: again, until it was answered.
        isSent = await sent([part]).then(
          () => true,
          () => false,
        )
        await bury()
      }
      await log()
        .seal()
        .catch(() => undefined)
      await bury()
      const { records: read } = await log()
        .read(0, 1_000_000)
        .catch(async () => {
          await bury()
          return log().read(0, 1_000_000)
        })
      for (const { index, body } of read) {
        expect(seen.get(index) ?? body).toBe(body)
        seen.set(index, body)
      }
    }
  }
  const restore = watchSteps({ RecordLog, SealedIds, LogSinks, LogQueries })
  try {
    const steps = await dyingAt(null, scenario)
    await freshIsolate()
    expect(steps.length).toBeGreaterThan(30)
    for (let deadly = 0; deadly < steps.length; deadly++) {
      seen.clear()
      await dyingAt(deadly, scenario)
      await log().seal()
      const { records: read } = await log().read(0, 1_000_000)
      expect(texts(read), steps[deadly]).toEqual(texts(all))
      await killObjects()
      await freshIsolate()
    }
  } finally {
    restore()
  }
}, 60_000)
