import { reset, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"
import { findRecord } from "../../src/audit/record-logs.ts"
import { MAX_BATCH_BYTES } from "../../src/audit/record-log.ts"

beforeEach(async () => reset())

test("batches that nobody asks for stay bounded, also where large ones follow small ones", async () => {
  const log = env.RECORD_LOG.getByName("bounded")
  for (let index = 0; index < 3; index++) await log.append(1, "[]")
  await log.append(100_000, "[]")
  const kept = await runInDurableObject(
    log,
    (_object, { storage }) => storage.sql.exec<{ sum: number }>("SELECT total(count) AS sum FROM batches").one().sum,
  )
  expect(kept).toBe(100_000)
})

test("a batch that would be too long a row where it is deployed is refused here too, and spoils nothing", async () => {
  const log = env.RECORD_LOG.getByName("records-0")
  const batch = (id: string, characters: number): string =>
    JSON.stringify([{ id, code: "ok", decision: "allow", kind: "call", path: "é".repeat(characters) }])
  expect(await log.append(1, batch("dec_fits", MAX_BATCH_BYTES / 2 - 100))).toBe("kept")
  expect(await log.append(1, batch("dec_long", MAX_BATCH_BYTES / 2))).toBe("too_long")
  expect(await findRecord(env, "dec_fits")).toMatchObject({ id: "dec_fits" })
  expect(await findRecord(env, "dec_long")).toBeNull()
})
