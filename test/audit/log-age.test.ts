/** A log that grows old: what it has stored stays as much, and nobody sends it a record twice. */
import { runInDurableObject } from "cloudflare:test"
import { beforeEach, expect, test, vi } from "vitest"
import { Segments } from "../../src/audit/log-segments.ts"
import { LogCheckpoints } from "../../src/audit/log-checkpoints.ts"
import { LogSinks } from "../../src/audit/log-sinks.ts"
import { SENT_WITHIN_MS } from "../../src/audit/sealed-ids.ts"
import { hashOfText } from "../../src/core/encoding/hash.ts"
import { EMPTY_TREE, grown, rootOfGrowth } from "../../src/core/proof/growing-tree.ts"
import { isSame, rootByInclusion, inclusionPath, rootOf, type Hash } from "../../src/core/proof/merkle.ts"
import { base64ToBytes } from "../../src/core/encoding/base64.ts"
import { batchOf, type StoredRecord } from "../../src/core/record/record.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { BEGIN, log, records } from "../harness/record-log.ts"

beforeEach(freshIsolate)

const DAY_MS = 86_400_000

/** A log whose sink takes everything at once, so that it keeps the newest segment alone; one checkpoint of each. */
class Aging {
  readonly #storage: DurableObjectStorage
  readonly #sinks: LogSinks
  readonly #checkpoints: LogCheckpoints
  readonly segments: Segments
  readonly leaves: Hash[] = []

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage
    this.segments = new Segments(storage)
    this.#sinks = new LogSinks(storage, this.segments)
    this.#checkpoints = new LogCheckpoints(storage, this.segments, "records-0")
  }

  /** @param now milliseconds after BEGIN */
  seal(batch: readonly StoredRecord[], now: number): void {
    const { segments } = this
    for (let at = 0; at < batch.length; at += 500) {
      const part = batch.slice(at, at + 500)
      segments.append(part.length, batchOf(part))
    }
    while (segments.seal(BEGIN + now, segments.newest, hashOfText, () => undefined)) {
      const end = segments.segmentAt(segments.end - 1)
      this.leaves.push(...(end?.records ?? []).map(({ leaf }) => base64ToBytes(leaf) ?? new Uint8Array()))
      this.#storage.sql.exec("INSERT INTO checkpoints VALUES (?, ?, '')", segments.end, BEGIN + now)
      this.#sinks.trim(0, segments.end - 1)
      segments.forget()
      this.#checkpoints.dropBefore(segments.oldest)
    }
  }

  /** Of each table. */
  get rows(): readonly number[] {
    return ["segments", "batches", "tiles", "checkpoints"].map(
      (table) => this.#storage.sql.exec<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`).one().rows,
    )
  }
}

const aging = async (work: (log: Aging) => void): Promise<void> =>
  runInDurableObject(log(), (_, { storage }) => work(new Aging(storage)))

test("a log has no more rows in the second half of a year than in the first, and still the hashes that its proofs need", async () => {
  await aging((old) => {
    const sizes: (readonly number[])[] = []
    for (let day = 0; day < 365; day += 1 / 4) {
      old.seal(records(1, day * DAY_MS), day * DAY_MS)
      // They fill tiles.
      if (day === 20) old.seal(records(70_000, day * DAY_MS + 1), day * DAY_MS + 60_000)
      if (day % 30 === 0) sizes.push(old.rows)
    }
    const most = (of: readonly (readonly number[])[], table: number): number =>
      Math.max(...of.map((rows) => rows[table] ?? 0))
    for (const table of [0, 1, 2, 3])
      expect(most(sizes.slice(6), table)).toBeLessThanOrEqual(most(sizes.slice(0, 6), table))
    const { segments } = old
    const tree = grown(EMPTY_TREE, old.leaves)
    expect(isSame(rootOf(tree.size, segments.nodes()), rootOfGrowth(tree))).toBe(true)
    const last = tree.size - 1
    const path = inclusionPath(last, tree.size, segments.nodes())
    const root = rootByInclusion(last, tree.size, old.leaves[last] ?? new Uint8Array(), path)
    expect(root).toEqual(rootOfGrowth(tree))
  })
}, 120_000)

test("a record that is sent again within the time has one position; one that may have been forgotten gets none, and the Worker's log says so", async () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => undefined)
  await aging((old) => {
    const early = records(3)
    old.seal(early, 1_000)
    const end = (): number => old.segments.end
    // An hour at a time: more of a pause does not count.
    let now = 0
    const pass = (time: number): void => {
      for (const until = now + time; now < until; now += 3_600_000) old.seal(records(5, now), now + 1_000)
    }
    pass(SENT_WITHIN_MS - DAY_MS)
    const before = end()
    old.seal([...early.slice(1), ...records(1, now)], now)
    expect(end()).toBe(before + 1)
    pass(2 * DAY_MS)
    const after = end()
    said.mockClear()
    old.seal([...early, ...records(1, now)], now)
    expect(end()).toBe(after + 1)
    const dropped = said.mock.calls.map(([line]) => Object(JSON.parse(String(line))))
    expect(dropped.map(({ event, id, reason }) => ({ event, id, reason }))).toEqual(
      early.map(({ id }) => ({ event: "record_dropped", id, reason: "too_old" })),
    )
    // Of another clock, which is behind everything that the log has seen.
    old.seal(records(1, -400 * DAY_MS), -399 * DAY_MS)
    expect(end()).toBe(after + 2)
  })
  said.mockRestore()
}, 60_000)

test("an outage of weeks forgets nothing: what a ledger could not send meanwhile is stored, and what it had sent is not stored twice", async () => {
  await aging((old) => {
    const [early, unsent] = [records(3), records(2, 100_000)]
    old.seal(early, 1_000)
    for (let batch = 0; batch < 20; batch++) old.seal(records(1, 2_000 + batch), 2_000 + batch)
    const now = 50 * DAY_MS
    for (let batch = 0; batch < 20; batch++) old.seal(records(1, now + batch), now + batch)
    const before = old.segments.end
    old.seal([...early, ...unsent], now + 1_000)
    expect(old.segments.end).toBe(before + 2)
  })
})

test("one record of a month ago is looked for without all that was sealed since", async () => {
  await aging((old) => {
    const [early] = [records(1)]
    old.seal(early, 1_000)
    const read = vi.spyOn(Float64Array.prototype, "toSorted")
    for (let hour = 1; hour < 100; hour++) old.seal(records(5, hour * 3_600_000), hour * 3_600_000)
    read.mockClear()
    old.seal([...early, ...records(1, 99 * 3_600_000)], 100 * 3_600_000)
    // Its own segment is read, and the new one is remembered.
    expect(read.mock.calls.length).toBeLessThanOrEqual(3)
    read.mockRestore()
  })
})
