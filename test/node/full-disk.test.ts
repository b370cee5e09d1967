/**
 * Storage that takes no more: the objects of a bare workerd lie on a small file system of their own, which is filled to
 * its last block while calls go on.
 */
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest"
import { BUILD_WITHIN_MS, START_WITHIN_MS } from "./bare-workerd.ts"
import { smallDisk } from "./small-disk.ts"
import {
  assertion,
  build,
  call,
  complete,
  exchange,
  kill,
  open,
  readRecord,
  remove,
  start,
  startOn,
  type Task,
} from "./two-isolates.ts"

/** Writes that find room in what SQLite has reserved already are few; beyond these the disk is full for certain. */
const MOST_CALLS = 400

const disk = smallDisk()

beforeAll(build, BUILD_WITHIN_MS + 5_000)
let runs = 0
// Each start has a publisher of its own, and objects that know another's bundle would decide by none.
beforeEach(async () => startOn(join(disk.path, `objects-${++runs}`)), START_WITHIN_MS + 5_000)
afterEach(async () => {
  await kill()
  disk.makeRoom()
})
afterAll(async () => {
  disk.remove()
  await remove()
})

const write = { method: "PUT", path: "/files/a" }
const limited = { method: "GET", path: "/blocks" }
/** Of the window over `/blocks`, within an hour. */
const LIMIT = 300

/** Decision ids of the calls that were allowed until one was not. */
async function callUntilDenied(task: Task, request: typeof write): Promise<readonly string[]> {
  const allowed: string[] = []
  while (allowed.length < MOST_CALLS) {
    const { status, headers } = await call("a", task, undefined, request)
    if (status !== 200) {
      expect(status).toBe(503)
      return allowed
    }
    allowed.push(headers.get("X-Narrowgate-Decision") ?? "")
  }
  throw new Error("no call was denied")
}

async function restart(): Promise<void> {
  await kill()
  disk.makeRoom()
  await start()
}

describe.skipIf(!disk.isMounted)("while storage takes no more", () => {
  test("fail closed: writes and new tasks are unavailable, and both go on once there is room", async () => {
    const task = await open("a")
    disk.fill()
    await callUntilDenied(task, write)
    expect((await exchange("b", await assertion())).status).toBe(503)
    disk.makeRoom()
    await expect.poll(async () => (await call("b", task, undefined, write)).status, { timeout: 10_000 }).toBe(200)
    await open("b")
  }, 60_000)

  test("the record tells: each write that was allowed has its record after a kill", async () => {
    const task = await open("a")
    const before = (await call("a", task, undefined, write)).headers.get("X-Narrowgate-Decision") ?? ""
    disk.fill()
    const allowed = [before, ...(await callUntilDenied(task, write))]
    await restart()
    // Records that the killed process had not sent go out when their ledger wakes: by a call, or by its alarm.
    expect((await call("b", task)).status).toBe(200)
    for (const id of allowed) {
      await expect.poll(async () => (await readRecord("b", id)).json, { timeout: 10_000 }).toMatchObject({ id })
    }
  }, 60_000)

  test("no over-admission: what was allowed before counts after a kill", async () => {
    const task = await open("a")
    disk.fill()
    const before = await callUntilDenied(task, limited)
    await restart()
    let after = 0
    while (after <= LIMIT && (await call("b", task, undefined, limited)).status === 200) after += 1
    expect(before.length + after).toBeLessThanOrEqual(LIMIT)
    expect(after).toBeGreaterThan(0)
  }, 60_000)

  test("ended is ended: an end that storage did not take is not acknowledged", async () => {
    const tasks = await Promise.all([open("a"), open("a"), open("b"), open("b")])
    disk.fill()
    await Promise.all(tasks.map(async (task) => callUntilDenied(task, write)))
    const acknowledged = await Promise.all(tasks.map(async (task) => (await complete("b", task)).status))
    for (const status of acknowledged) expect([200, 503]).toContain(status)
    await restart()
    for (const [index, task] of tasks.entries()) {
      const isEnded = acknowledged[index] === 200
      expect((await call("a", task)).status).toBe(isEnded ? 401 : 200)
    }
  }, 60_000)
})
