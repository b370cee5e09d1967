import { afterEach, describe, expect, test, vi } from "vitest"
import { deliver, type RecordSink } from "../../src/audit/delivery.ts"
import { MAX_BATCH_BYTES } from "../../src/audit/record-log.ts"
import type { StoredRecord } from "../../src/core/record/record.ts"
import { byteLength } from "../../src/core/encoding/bytes.ts"

afterEach(() => vi.restoreAllMocks())

/** As a deployed object: a longer row is refused. */
const ROW_BYTES = 2_000_000

const recordOf = (id: string, bytes: number, character = "a"): StoredRecord => {
  const length = Math.floor((bytes - byteLength(JSON.stringify({ id, text: "" }))) / byteLength(character))
  return { id, body: JSON.stringify({ id, text: character.repeat(length) }) }
}
const recordsOf = (count: number, bytes: number, character = "a") =>
  Array.from({ length: count }, (_, at) => recordOf(`dec_${at}`, bytes, character))
const idsOf = (batch: string): string[] => JSON.parse(batch).map(({ id }: { readonly id: string }) => id)

/** A log of which each batch is judged first. */
class Log implements RecordSink {
  readonly ids: string[] = []
  readonly sizes: number[] = []
  asked = 0
  readonly #judge: (ids: readonly string[], bytes: number) => void

  constructor(judge: (ids: readonly string[], bytes: number) => void = () => undefined) {
    this.#judge = judge
  }

  async append(count: number, batch: string): Promise<"kept" | "too_long"> {
    this.asked += 1
    const [ids, bytes] = [idsOf(batch), byteLength(batch)]
    expect(ids).toHaveLength(count)
    if (bytes > ROW_BYTES) return "too_long"
    this.#judge(ids, bytes)
    this.sizes.push(bytes)
    this.ids.push(...ids)
    return "kept"
  }
}

/** Which are not settled, what it threw, and what it logged. */
async function delivered(log: RecordSink, records: readonly StoredRecord[]) {
  const left = new Set(records)
  const logged = vi.spyOn(console, "error").mockImplementation(() => undefined)
  const thrown: unknown = await deliver(log, records, (settled) => {
    for (const record of settled) left.delete(record)
  }).then(
    () => null,
    (error: unknown) => error,
  )
  return { left: Array.from(left, ({ id }) => id), thrown, logged: logged.mock.calls.flat().join("\n") }
}

const refuse = (): never => {
  throw new Error("no reason")
}
const NOTHING_LEFT = { left: [], thrown: null, logged: "" }

describe("records on their way to a log", () => {
  test("go in batches that fit into a row, in their order, however big they are", async () => {
    const records = recordsOf(300, 16_384)
    const log = new Log()
    expect(await delivered(log, records)).toEqual(NOTHING_LEFT)
    expect(log.ids).toEqual(records.map(({ id }) => id))
    expect(Math.max(...log.sizes)).toBeLessThanOrEqual(MAX_BATCH_BYTES)
    expect(log.asked).toBe(Math.ceil(300 / Math.floor(MAX_BATCH_BYTES / 16_385)))
  })

  test("are counted in bytes, and small ones go together", async () => {
    const wide = new Log()
    await delivered(wide, recordsOf(120, 16_384, "€"))
    expect(Math.max(...wide.sizes)).toBeLessThanOrEqual(MAX_BATCH_BYTES)
    const small = new Log()
    expect(await delivered(small, recordsOf(500, 1_000))).toEqual(NOTHING_LEFT)
    expect(small.asked).toBe(1)
  })

  test("go in smaller batches to a log that takes less, and does not say why", async () => {
    const log = new Log((_, bytes) => bytes > 100_000 && refuse())
    expect(await delivered(log, recordsOf(100, 16_384))).toEqual(NOTHING_LEFT)
    expect(log.ids).toHaveLength(100)
  })

  test("are dropped where no log takes them, by their id, and keep no other back", async () => {
    const [before, after] = [recordsOf(3, 500), [recordOf("dec_after", 500)]]
    const log = new Log()
    const { left, thrown, logged } = await delivered(log, [...before, recordOf("dec_big", ROW_BYTES + 1), ...after])
    expect({ left, thrown }).toEqual({ left: [], thrown: null })
    expect(log.ids).toEqual(["dec_0", "dec_1", "dec_2", "dec_after"])
    expect(JSON.parse(logged)).toEqual({ event: "record_dropped", id: "dec_big", reason: "too_long" })
  })

  test("stay, where they are refused without a reason, and keep no other back either", async () => {
    const log = new Log((ids) => (ids.includes("dec_0") || ids.includes("dec_77")) && refuse())
    const { left, thrown, logged } = await delivered(log, recordsOf(500, 1_000))
    expect(left).toEqual(["dec_0", "dec_77"])
    expect(String(thrown)).toBe("Error: no reason")
    expect(logged.match(/dec_\d+/g)).toEqual(["dec_0", "dec_77"])
  })

  test.each([
    ["that refuses everything", {}, 20],
    ["that is overloaded", { overloaded: true }, 1],
    ["that cannot be had at the moment", { retryable: true }, 1],
  ])("stay where the log is one %s, which is not asked over and over", async (_, marks, asked) => {
    const log = new Log(() => {
      throw Object.assign(new Error("out of order"), marks)
    })
    const { left, logged } = await delivered(log, recordsOf(500, 1_000))
    expect(left).toHaveLength(500)
    expect(log.asked).toBe(asked)
    expect(logged).toBe("")
  })
})
