/**
 * A long life of the Worker in a bare workerd: mixed traffic, its process killed again and again in the midst of it, then
 * a quiet last part in which nothing may grow. `LONG_SECONDS` says how long.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { Lab, PACES } from "../../bench/lab.ts"
import { placesOf } from "../harness/places-of-records.ts"
import { randomOf } from "../harness/random.ts"
import { rootOf } from "../../src/core/task/state.ts"
import { readRecords, type RecordSeen } from "./records.ts"
import { median, riseOf, sampleOf, type Sample } from "./measure.ts"
import { APPROVED, PER_TREE, SHARED, startStack, type Stack } from "./stack.ts"
import { IN_MEMORY_MS, Traffic, type Call } from "./traffic.ts"

const SECONDS = Number(process.env["LONG_SECONDS"] ?? 240)
const SEED = Number(process.env["LONG_SEED"] ?? Date.now() % 2 ** 31)
const KILLS = 5
/** Of the whole: kills are spread over the first part, and the rest runs in one process. */
const KILLED_PART = 0.4
/** The rest's first part is warm-up. */
const WARM_UP_PART = 1 / 3
const SAMPLE_MS = 4_000
/** By which a process that was killed has to answer again. */
const SERVES_WITHIN_MS = 10_000
/** How long a record may be on its way (docs/reference/decision-record.md). */
const SETTLED_MS = 5_000

let lab: Lab
let stack: Stack
let traffic: Traffic
const restarts: number[] = []
/** Milliseconds since the epoch. */
const kills: number[] = []
const samples: Sample[] = []
/** Tokens that had been issued at each sample. */
const issued: number[] = []
/** Of allowed writes. */
const records: RecordSeen[] = []
/** Of everything that tasks did and that was done to them. */
const all: RecordSeen[] = []

beforeAll(
  async () => {
    console.log(`LONG_SEED=${SEED} LONG_SECONDS=${SECONDS}`)
    lab = await Lab.open(PACES.quick, () => undefined)
    stack = await startStack(lab)
    const random = randomOf(SEED)
    traffic = new Traffic(stack, random)
    traffic.start()
    const between = (SECONDS * 1000 * KILLED_PART) / KILLS
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(between * (0.5 + random()))
      restarts.push(await killAndRestart())
      await traffic.tryEnded()
    }
    const until = Date.now() + SECONDS * 1000 * (1 - KILLED_PART)
    while (Date.now() < until) {
      samples.push(await sampleOf(stack.narrowgate.workerd))
      issued.push(traffic.log.opened + traffic.log.renewed)
      await sleep(SAMPLE_MS)
    }
    await traffic.stop()
    await traffic.tryEnded()
    await sleep(SETTLED_MS)
    for (const tool of [PER_TREE.tool, SHARED.tool, APPROVED])
      records.push(...(await recordsOf({ tool, decision: "allow", kind: "call" })))
    all.push(...(await recordsOf({})))
    report()
  },
  SECONDS * 1000 + 180_000,
)

afterAll(async () => {
  await stack[Symbol.asyncDispose]()
  await lab[Symbol.asyncDispose]()
})

/** @returns milliseconds until a call is answered with a decision again */
async function killAndRestart(): Promise<number> {
  const { narrowgate } = stack
  const killed = Date.now()
  kills.push(killed)
  process.kill(narrowgate.workerd.pid, "SIGKILL")
  await narrowgate.restart()
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${narrowgate.workerd.port}/readyz`).catch(() => null)
    if (response?.status === 200) return Date.now() - killed
    if (Date.now() - killed > SERVES_WITHIN_MS) return Date.now() - killed
    await sleep(50)
  }
}

const recordsOf = async (of: Readonly<Record<string, string>>): Promise<readonly RecordSeen[]> =>
  readRecords(`http://127.0.0.1:${stack.narrowgate.workerd.port}`, async () => stack.operator(), of)

function report(): void {
  const { opened, ended, renewed, approved, paid, writes } = traffic.log
  const calls = [...writes.values()]
  const of = (answer: Call["answer"]): number => calls.filter((call) => call.answer === answer).length
  console.log(`trees: ${opened} opened, ${ended} ended; ${renewed} tokens renewed; ${approved} approved, ${paid} paid`)
  console.log(`writes: ${of("allowed")} allowed, ${of("denied")} denied, ${of("cut")} cut; ${records.length} records`)
  console.log(`answers: ${[...traffic.log.codes].map(([code, count]) => `${code} ${count}`).join(", ")}`)
  console.log(`milliseconds until each new process served: ${restarts.join(", ")}`)
  const [first, last] = [samples[0], samples.at(-1)]
  const tenths = (bytes: number): string => (bytes / 1_048_576).toFixed(1)
  console.log(`MiB resident: ${samples.map(({ memory }) => tenths(memory)).join(" ")}`)
  console.log(`MiB of heap: ${samples.map(({ heap }) => tenths(heap)).join(" ")}`)
  for (const sample of [first, last]) console.log(`databases: ${JSON.stringify(sample?.databases)}`)
  for (const sample of [first, last]) console.log(`rows: ${JSON.stringify(sample?.rows)}`)
}

const writesThat = (answer: Call["answer"], tool?: string): readonly Call[] =>
  [...traffic.log.writes.values()].filter(
    (call) => call.answer === answer && (tool === undefined || call.tool === tool),
  )

describe("the record tells", () => {
  test("each write that was answered with an allow has exactly one record, by the decision that was answered", () => {
    const recorded = Map.groupBy(records, ({ path }) => path)
    const wrong = writesThat("allowed").filter(({ path, decision }) => {
      const ids = recorded.get(path)?.map(({ id }) => id) ?? []
      return ids.length !== 1 || ids[0] !== decision
    })
    expect(wrong).toEqual([])
  })

  test("each record of an allowed write is of a call that was made, and that was allowed or cut, once", () => {
    const wrong = records.filter(({ path }) => {
      const call = traffic.log.writes.get(path)
      return !call || call.answer === "denied"
    })
    expect(wrong).toEqual([])
    expect(new Set(records.map(({ path }) => path)).size).toBe(records.length)
    expect(new Set(records.map(({ id }) => id)).size).toBe(records.length)
  })
})

test("each read that was answered with an allow has its record, except for those of the last second before a kill", () => {
  const lost = traffic.lostReads(new Set(all.map(({ id }) => id)), kills)
  console.log(`allowed reads without a record, by milliseconds before a kill: ${lost.join(" ")}`)
  expect(lost.filter((before) => before > IN_MEMORY_MS)).toEqual([])
})

/** Of one tree, of which a ledger has made them. */
const trees = (): readonly (readonly RecordSeen[])[] => [
  ...Map.groupBy(
    all.filter(({ number }) => number !== null),
    ({ task }) => rootOf(task ?? ""),
  ).values(),
]

test("a gap in the numbers of a life is a read that was lost, and no two records have one place", () => {
  for (const of of trees()) expect(new Set(of.map(({ life, number }) => `${life}/${number}`)).size).toBe(of.length)
  const gaps = trees().flatMap((of) => placesOf(of).gaps)
  const known = new Set(all.map(({ id }) => id))
  const lost = traffic.log.reads.filter(({ decision }) => !known.has(decision))
  console.log(`records of ledgers: ${gaps.length} gaps, ${lost.length} reads lost, ${traffic.log.cutReads} reads cut`)
  // Of a read that was cut nobody knows whether it was decided.
  expect(gaps.length).toBeLessThanOrEqual(lost.length + traffic.log.cutReads)
  expect(trees().some((of) => of.some(({ life }) => life === 2))).toBe(true)
})

describe("no over-admission", () => {
  test("over all trees, in any span, whatever was killed", () => {
    const calls = writesThat("allowed", SHARED.tool).toSorted((a, b) => a.sent - b.sent)
    // A call was admitted at some moment between its question and its answer: those count that lie within a span whole.
    let most = 0
    for (const [index, { sent }] of calls.entries()) {
      const end = sent + SHARED.seconds * 1000
      let within = 0
      for (let next = index; (calls[next]?.sent ?? end) < end; next++)
        if ((calls[next]?.received ?? end) < end) within++
      most = Math.max(most, within)
    }
    expect(most).toBeLessThanOrEqual(SHARED.limit)
    // A limit that was never near says nothing.
    expect(most).toBeGreaterThan(SHARED.limit / 2)
  })

  test("in each tree", () => {
    const trees = Map.groupBy(writesThat("allowed", PER_TREE.tool), ({ tree }) => tree)
    const counts = Array.from(trees.values(), (calls) => calls.length)
    expect(Math.max(...counts)).toBeLessThanOrEqual(PER_TREE.limit)
    expect(counts.filter((count) => count === PER_TREE.limit).length).toBeGreaterThan(0)
  })

  test("an approval lets one call pass", () => {
    expect(traffic.log.usedTwice).toEqual([])
    expect(traffic.log.paid).toBeGreaterThan(0)
  })
})

test("ended is ended: no token of a task whose end was acknowledged opens anything, in this process or the next", () => {
  expect(traffic.log.outlived).toEqual([])
  expect(traffic.log.ended).toBeGreaterThan(0)
})

test("what was acknowledged is kept: no task that was opened and no approval that was given is lost by a kill", () => {
  expect(traffic.log.lost).toEqual([])
})

test("each process that follows one that was killed serves within seconds", () => {
  expect(restarts).toHaveLength(KILLS)
  for (const milliseconds of restarts) expect(milliseconds).toBeLessThan(SERVES_WITHIN_MS)
  expect(traffic.log.renewed).toBeGreaterThan(0)
  expect(writesThat("cut").length + writesThat("allowed").length).toBeGreaterThan(100)
})

/** The first of those after the warm-up. */
const warm = (): number => Math.floor(samples.length * WARM_UP_PART)
const settled = (): readonly Sample[] => samples.slice(warm())

describe("while as many trees live as before", () => {
  /** Of its level after the warm-up, both. The process has caches of its own, and an allocator that keeps what it has. */
  const HEAP_RISE = 0.1
  const MEMORY_RISE = 0.15
  /** Tokens that were verified are remembered, 5,000 at most (src/credentials/delegation-token.ts). */
  const REMEMBERED = { tokens: 5_000, bytes: 4_096 } as const
  /** Of the level after the warm-up, beside what ended trees leave. */
  const STORAGE_RISE = 0.1
  /** What a new object takes on disk: an empty database has a page for each of its tables. */
  const OBJECT_BYTES = 96 * 1_024
  /** Of a tree that has ended, its task and its tokens stay for an hour. */
  const ENDED_TREE_BYTES = 6 * 1_024

  const levelOf = (values: readonly number[]): number => median(values.slice(0, Math.ceil(values.length / 4)))

  test("the heap does not grow, but by the tokens that it remembers", () => {
    const after = settled()
    const level = levelOf(after.map(({ heap }) => heap))
    const tokens = Math.min(REMEMBERED.tokens, (issued.at(-1) ?? 0) - (issued[warm()] ?? 0))
    const rise = riseOf(after.map(({ at, heap }) => [at, heap]))
    expect(rise - tokens * REMEMBERED.bytes).toBeLessThan(level * HEAP_RISE)
  })

  test("the process does not grow", () => {
    const after = settled()
    const level = levelOf(after.map(({ memory }) => memory))
    expect(riseOf(after.map(({ at, memory }) => [at, memory]))).toBeLessThan(level * MEMORY_RISE)
  })

  test("databases do not grow, but by the little that an ended tree leaves", () => {
    const after = settled()
    const [first, last] = [after[0], after.at(-1)]
    if (!first || !last) throw new Error("there are no samples")
    for (const [className, { bytes, objects }] of Object.entries(last.databases)) {
      // Records are kept, up to a bound of their own.
      if (className === "RecordLog") continue
      const before = first.databases[className] ?? { bytes: 0, objects: 0 }
      const trees = className === "Ledger" ? (last.rows["Ledger.trees"] ?? 0) - (first.rows["Ledger.trees"] ?? 0) : 0
      const left = (objects - before.objects) * OBJECT_BYTES + trees * ENDED_TREE_BYTES
      // The database of an inbox that was empty for a moment begins anew: what counts is what it has had before.
      const earlier = samples.slice(0, warm() + 1).flatMap(({ databases }) => databases[className] ?? [])
      const same = earlier.filter((each) => each.objects === before.objects)
      const had = Math.max(before.bytes, ...same.map((each) => each.bytes))
      const level = Math.max(had, 65_536)
      expect(bytes - had - left, className).toBeLessThan(level * STORAGE_RISE)
    }
  })
})
