/** The order of a log: each record gets one position, however it is sent and whenever its object dies. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { beforeEach, expect, test } from "vitest"
import type { LogPage } from "../../src/audit/log-page.ts"
import { Segments } from "../../src/audit/log-segments.ts"
import { LogSinks } from "../../src/audit/log-sinks.ts"
import { batchOf } from "../../src/core/record/record.ts"
import { freshIsolate, killObjects } from "../harness/isolate.ts"
import { log, records, sent, texts } from "../harness/record-log.ts"

beforeEach(freshIsolate)

async function readAll(from = 0, bytes = 100_000): Promise<LogPage["records"]> {
  const all: LogPage["records"][number][] = []
  for (let next = from; ;) {
    const page = await log().read(next, bytes)
    all.push(...page.records)
    if (page.next === page.end) return all
    next = page.next
  }
}

const indexes = (list: LogPage["records"]): readonly number[] => list.map(({ index }) => index)

test("records are read in the order in which they came, as they were, each with its position and a salt of its own", async () => {
  const all = records(1_234)
  await sent([all.slice(0, 3), all.slice(3, 4), all.slice(4, 504), all.slice(504, 1_000), all.slice(1_000)])
  expect((await log().state()).unsealed).toBe(1_234)
  expect((await log().read(0, 1_000)).records).toEqual([])
  await runDurableObjectAlarm(log())
  const read = await readAll()
  expect(texts(read)).toEqual(texts(all))
  expect(indexes(read)).toEqual(all.map((_, index) => index))
  expect(new Set(read.map(({ salt }) => salt)).size).toBe(1_234)
  expect(texts(await readAll(501))).toEqual(texts(all.slice(501)))
  expect(await log().state()).toMatchObject({ end: 1_234, unsealed: 0, oldest: 0 })
})

test("a record that is sent again, in other cuts, at once or after others, has one position", async () => {
  const all = records(900)
  await sent([all.slice(0, 400), all.slice(200, 300)])
  await log().seal()
  await sent([all.slice(350, 450), all.slice(0, 1), all.slice(445, 900)])
  await log().seal()
  await sent([all.slice(0, 500), records(1, 100_000)])
  await log().seal()
  const read = await readAll()
  expect(texts(read).slice(0, 900)).toEqual(texts(all))
  expect(read).toHaveLength(901)
  expect(indexes(read)).toEqual(read.map((_, index) => index))
})

test("a record that is sent again by the next life of its sender, much later, has one position", async () => {
  const early = records(10, -86_400_000)
  await sent([early])
  await log().seal()
  for (let round = 0; round < 60; round++) {
    await sent([records(5, round * 1_000)])
    await log().seal()
  }
  await killObjects()
  await sent([early])
  await log().seal()
  expect(await log().state()).toMatchObject({ end: 310 })
})

test("an alarm gives positions within a minute, or at once if many wait", async () => {
  await sent([records(1)])
  const due = async (): Promise<number | null> =>
    runInDurableObject(log(), async (_, { storage }) => storage.getAlarm())
  const before = Date.now()
  expect(await due()).toBeGreaterThan(before + 50_000)
  expect(await due()).toBeLessThanOrEqual(before + 60_000)
  for (let batch = 0; batch < 4; batch++) await sent([records(500, batch * 1_000)])
  await expect.poll(async () => (await log().state()).end, { timeout: 20_000 }).toBe(2_001)
})

test("a record that comes while a long row of others gets positions has an alarm, too", async () => {
  await sent([records(400), records(400, 1_000)])
  const due = await runInDurableObject(log(), async (object, { storage }) => {
    await storage.deleteAlarm()
    const sealing = object.alarm()
    expect((await object.state()).unsealed).toBe(400)
    await object.append(1, batchOf(records(1, 2_000)))
    await sealing
    return storage.getAlarm()
  })
  expect(await log().state()).toMatchObject({ end: 800, unsealed: 1 })
  expect(due).toBeLessThanOrEqual(Date.now() + 60_000)
  expect(due).not.toBeNull()
})

test("what a sink has not acknowledged stays; what it lacks in the end is named", async () => {
  await sent([records(10)])
  expect(await log().subscribe("siem", "now")).toEqual({ next: 10 })
  expect(await log().subscribe("archive", "start")).toEqual({ next: 0 })
  await sent([records(10, 1_000)])
  await log().seal()
  await log().acknowledge("siem", 20)
  expect(await log().subscribe("siem", "start")).toEqual({ next: 20 })
  const trim = async (mostBytes: number): Promise<void> =>
    runInDurableObject(log(), (_object, { storage }) => {
      const segments = new Segments(storage)
      new LogSinks(storage, segments).trim(mostBytes, segments.end)
    })
  await trim(1_000_000)
  expect(await readAll()).toHaveLength(20)
  await trim(2_000)
  await killObjects()
  const page = await log().read(0, 100_000)
  expect(page).toMatchObject({ from: 0, next: 20, lost: [{ from: 0, to: 10 }], end: 20 })
  expect(page.records.map(({ index }) => index)).toEqual(Array.from({ length: 10 }, (_, index) => index + 10))
  expect((await log().state()).sinks).toEqual([
    { name: "archive", next: 0, lost: 10 },
    { name: "siem", next: 20, lost: 0 },
  ])
  expect(await log().subscribe("siem", 12)).toEqual({ next: 12 })
  await log().unsubscribe("archive")
  // What it dropped is not taken again.
  await sent([records(3, 5_000)])
  expect((await log().state()).sinks).toEqual([{ name: "siem", next: 12, lost: 0 }])
})
