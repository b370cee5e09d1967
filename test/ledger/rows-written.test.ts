/**
 * How many rows a ledger writes, as the platform counts them, indexes included: for calls that come alone, for a loop,
 * for a token and for a waking. The ledger is the real one, behind the Worker.
 */
import { runInDurableObject } from "cloudflare:test"
import { beforeEach, expect, test, vi, type MockInstance } from "vitest"
import { LedgerStorage } from "../../src/ledger/storage.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { callsOf, evict, ledgerOf } from "../harness/ledgers.ts"
import { freshProofs } from "../harness/trees.ts"

freshIsolateForEach()

const WINDOWS = [
  window({ id: "all", tools: ["*"], per: "tree", limit: 100_000, seconds: 10 }),
  window({ id: "each", tools: ["files.*"], per: "task", limit: 60_000, seconds: 60 }),
  window({ id: "most", tools: ["files.*"], per: "tree", limit: 1_000_000, seconds: 3600 }),
]
const WRITE = { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }
const CALLS = { read: { path: "/files/a" }, write: { path: "/files/b", ...WRITE } } as const
let now = Date.now()

beforeEach(async () => {
  now = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now })
  await publish({ ...(await yard()), guardrails: WINDOWS })
})

function wait(ms: number): void {
  now += ms
  vi.setSystemTime(now)
}

/** The rows that its ledger writes in the meantime. */
async function rowsOf(task: string, work: () => Promise<void>): Promise<number> {
  const cursors: { readonly rowsWritten: number }[] = []
  let watched: MockInstance | undefined
  let alarms: MockInstance | undefined
  await runInDurableObject(ledgerOf(task), (_ledger, { storage }) => {
    // oxlint-disable-next-line typescript/unbound-method -- bound below
    const exec = storage.sql.exec.bind(storage.sql)
    watched = vi.spyOn(storage.sql, "exec").mockImplementation((...given: Parameters<SqlStorage["exec"]>) => {
      const cursor = exec(...given)
      cursors.push(cursor)
      return cursor
    })
    alarms = vi.spyOn(storage, "setAlarm")
  })
  await work()
  // Records are sent, and whatever else a timer does is done.
  await new Promise((resolve) => setTimeout(resolve, 3_000))
  const written = cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, 0) + (alarms?.mock.calls.length ?? 0)
  watched?.mockRestore()
  alarms?.mockRestore()
  return written
}

async function call(token: string, kind: keyof typeof CALLS): Promise<void> {
  const { path, ...more } = CALLS[kind]
  expect((await callWith(token, path, more)).code).toBe("ok")
}

test.each(["read", "write"] as const)("a %s that comes alone writes one row", async (kind) => {
  const { token, task } = await openTask()
  wait(60_000)
  const rows = await rowsOf(task, async () => {
    for (let turn = 0; turn < 20; turn++) {
      wait(5_000)
      await call(token, kind)
    }
    wait(600_000)
  })
  expect(rows / 20).toBeLessThanOrEqual(1)
})

test.each(["read", "write"] as const)("so does the first %s after a waking", async (kind) => {
  const { token, task } = await openTask()
  await call(token, kind)
  await evict(task)
  wait(60_000)
  expect(await rowsOf(task, async () => call(token, kind))).toBe(1)
})

test.each([
  ["read", 0.05],
  ["write", 1.05],
] as const)(
  "a %s in a loop writes %f rows at most",
  async (kind, most) => {
    const { token, task } = await openTask()
    const loop = async (calls: number): Promise<void> => {
      for (let turn = 0; turn < calls; turn++) {
        wait(2)
        await call(token, kind)
        // Timers get their turn.
        if (turn % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    await loop(600)
    expect((await rowsOf(task, async () => loop(2_000))) / 2_000).toBeLessThanOrEqual(most)
    // Thousands of calls by a clock of the test's own: on a busy machine they take their time.
  },
  180_000,
)

test("a token writes six rows at most", async () => {
  const { task } = await openTask()
  const rows = await rowsOf(task, async () => {
    for (let turn = 0; turn < 5; turn++) {
      wait(5_000)
      await openTask()
    }
  })
  expect(rows / 5).toBeLessThanOrEqual(6)
})

test("a waking writes nothing", async () => {
  const { token, task } = await openTask()
  for (const kind of ["read", "write", "read"] as const) await call(token, kind)
  const counted = await callsOf(task)
  const written: number[] = []
  await evict(task)
  await runInDurableObject(ledgerOf(task), (_ledger, { storage }) => {
    const exec = vi.spyOn(storage.sql, "exec")
    new LedgerStorage(storage.sql).load(now, freshProofs)?.memories.of(task)
    for (const { value } of exec.mock.results) written.push(value.rowsWritten)
    exec.mockRestore()
  })
  expect(written.length).toBeGreaterThan(5)
  expect(written.filter((rows) => rows > 0)).toEqual([])
  expect(await callsOf(task)).toBe(counted)
})
