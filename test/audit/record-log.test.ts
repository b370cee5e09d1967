import { reset, runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, expect, test } from "vitest"

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
