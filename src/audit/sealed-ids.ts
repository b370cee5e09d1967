/**
 * Which records a log has already, by their ids: a batch that a sender repeats, perhaps in other cuts and much later, must
 * not give a record a second position. Each segment has the tails of its records' ids: fifty of the eighty random bits of
 * a ULID. What is written here stays when the records go.
 */
import { timeOf } from "../core/encoding/ids.ts"

/** How far the clock that made an id may be ahead of the log's. */
const CLOCKS_MS = 60_000
/** Segments whose ids stay in memory, the latest: repetitions come soon, if they come. */
const MOST_IN_MEMORY = 40
/** What fits exactly into a number, and is all random. */
const TAIL_CHARACTERS = 10

interface SegmentIds {
  /** Least and greatest id. */
  readonly lowest: string
  readonly highest: string
  readonly tails: Float64Array
}

interface IdRow extends Record<string, SqlStorageValue> {
  readonly first: number
  readonly lowest: string
  readonly highest: string
}

/** Its tails are in ascending order: a set of them would take several times the memory. */
type Remembered = SegmentIds

export class SealedIds {
  readonly #sql: SqlStorage
  /** By the first position of their segment, in order. */
  readonly #recent = new Map<number, Remembered>()
  /** The greatest id of all. Null if not read yet. */
  #highest: string | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Whether the log does not have each of these yet, nor this list before it. */
  fresh(ids: readonly string[]): readonly boolean[] {
    const here = new Set<string>()
    const segments = this.#segmentsSince(ids.reduce((least, id) => (id < least ? id : least), ids[0] ?? ""))
    return ids.map((id) => {
      const tail = tailOf(id)
      const isSealed = segments.some(
        ({ lowest, highest, tails }) => lowest <= id && id <= highest && isAmong(tails, tail),
      )
      const isFresh = !isSealed && !here.has(id)
      here.add(id)
      return isFresh
    })
  }

  /** Those that can have this id, or a later one. */
  #segmentsSince(id: string): readonly Remembered[] {
    this.#highest ??=
      this.#sql.exec<{ highest: string | null }>("SELECT max(highest) AS highest FROM segments").one().highest ?? ""
    if (id > this.#highest) return []
    const since = (timeOf(id) ?? 0) - CLOCKS_MS
    const [before] = this.#sql
      .exec<{ first: number }>("SELECT first FROM segments WHERE sealed_at < ? ORDER BY first DESC LIMIT 1", since)
      .toArray()
    return this.#sql
      .exec<IdRow>(
        "SELECT first, lowest, highest FROM segments WHERE first > ? AND highest >= ?",
        before?.first ?? -1,
        id,
      )
      .toArray()
      .map((row) => this.#recent.get(row.first) ?? this.#read(row))
  }

  #read({ first, lowest, highest }: IdRow): Remembered {
    const { tails } = this.#sql.exec<{ tails: ArrayBuffer }>("SELECT tails FROM segments WHERE first = ?", first).one()
    return { lowest, highest, tails: new Float64Array(tails).toSorted() }
  }

  rowOf(ids: readonly string[]): SegmentIds {
    const sorted = ids.toSorted()
    return { lowest: sorted[0] ?? "", highest: sorted.at(-1) ?? "", tails: Float64Array.from(ids, tailOf) }
  }

  /** Once the segment is stored. */
  add(first: number, { lowest, highest, tails }: SegmentIds): void {
    this.#recent.set(first, { lowest, highest, tails: tails.toSorted() })
    const [oldest] = this.#recent.keys()
    if (this.#recent.size > MOST_IN_MEMORY && oldest !== undefined) this.#recent.delete(oldest)
    if (this.#highest !== null && highest > this.#highest) this.#highest = highest
  }
}

const tailOf = (id: string): number => Number.parseInt(id.slice("dec_".length).slice(-TAIL_CHARACTERS), 36)

/** @param sorted ascending */
function isAmong(sorted: Float64Array, value: number): boolean {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if ((sorted[middle] ?? value) < value) low = middle + 1
    else high = middle
  }
  return sorted[low] === value
}
