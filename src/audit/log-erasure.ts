/**
 * Erases a person's fields from the records of a log: what was said of them, and the salt without which their commitment
 * confirms no guess. The commitment stays, so every proof holds. What operators did to a person stays theirs to answer for.
 */
import { headOf } from "../core/proof/leaf.ts"
import { BETWEEN, textsOf } from "../core/record/record.ts"
import { saltAt, saltTexts } from "./salts.ts"

export interface ErasedRecords {
  readonly erased: number
  /** Records of what operators did to the person. */
  readonly kept: number
}

interface Row extends Record<string, SqlStorageValue> {
  readonly first: number
  readonly low: number
  readonly high: number
  readonly skipped: string
  readonly salts: ArrayBuffer
}

interface BatchRow extends Record<string, SqlStorageValue> {
  readonly id: number
  readonly count: number
  readonly body: string
}

/** Segments that are searched at a time: some 50 MB at most. */
const SEARCHED_AT_ONCE = 50

interface SegmentPlace extends Record<string, SqlStorageValue>, Pick<Row, "first" | "low" | "high"> {}

/**
 * The first positions of the segments before `end` whose batches have this text.
 * @yields those of some segments
 */
export function* segmentsWith(sql: SqlStorage, text: string, end: number): Generator<readonly number[], void> {
  const query = `SELECT first, low, high FROM segments
    WHERE salts NOT NULL AND first > ? AND first < ? ORDER BY first LIMIT ${SEARCHED_AT_ONCE}`
  for (let after = -1; ;) {
    const segments = sql.exec<SegmentPlace>(query, after, end).toArray()
    const [begin, last] = [segments[0], segments.at(-1)]
    if (!begin || !last) return
    const ids = sql
      .exec<{ id: number }>(
        "SELECT id FROM batches WHERE id BETWEEN ? AND ? AND instr(body, ?) > 0",
        begin.low,
        last.high,
        text,
      )
      .toArray()
    yield segments.filter(({ low, high }) => ids.some(({ id }) => low <= id && id <= high)).map(({ first }) => first)
    after = last.first
  }
}

/** One segment, in one transaction. @param user issuer and subject, joined by `|` */
export function eraseInSegment(storage: DurableObjectStorage, first: number, user: string): ErasedRecords {
  const { sql } = storage
  const query = "SELECT first, low, high, skipped, salts FROM segments WHERE first = ? AND salts NOT NULL"
  const [segment] = sql.exec<Row>(query, first).toArray()
  if (!segment) return { erased: 0, kept: 0 }
  const skipped = new Set<number>(JSON.parse(segment.skipped))
  const salts = new Uint8Array(segment.salts)
  const texts = saltTexts(salts)
  const batches = "SELECT id, count, body FROM batches WHERE id BETWEEN ? AND ? ORDER BY id"
  let [place, index, erased, kept] = [0, 0, 0, 0]
  storage.transactionSync(() => {
    for (const { id, count, body } of sql.exec<BatchRow>(batches, segment.low, segment.high).toArray()) {
      const before = textsOf(body, count)
      const left = before.map((text) => {
        const isDouble = skipped.has(place++)
        if (!isDouble) index += 1
        const record: Readonly<Record<string, unknown>> = text.includes(JSON.stringify(user)) ? JSON.parse(text) : {}
        const { user: of, operator } = record
        if (of !== user && operator !== user) return text
        if (operator !== user && typeof operator === "string") {
          kept += isDouble ? 0 : 1
          return text
        }
        if (isDouble) return "{}"
        erased += 1
        const head = JSON.stringify(headOf(record, texts[index - 1] ?? null))
        saltAt(salts, index - 1).fill(0)
        sql.exec("UPDATE records SET user = NULL, body = ? WHERE arrival = ?", head, first + index)
        return head
      })
      if (left.some((text, at) => text !== before[at])) {
        sql.exec("UPDATE batches SET count = ?, body = ? WHERE id = ?", left.length, `[${left.join(BETWEEN)}]`, id)
      }
    }
    if (erased > 0) sql.exec("UPDATE segments SET salts = ? WHERE first = ?", salts, first)
  })
  return { erased, kept }
}
