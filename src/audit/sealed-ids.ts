/**
 * Which records a log has already, by their ids: a batch that a sender repeats, perhaps in other cuts and much later, must
 * not give a record a second position. The row of each segment has the tails of its records' ids: fifty of the eighty
 * random bits of a ULID. A row stays for as long as anybody sends its records again.
 */
import { timeOf } from "../core/encoding/ids.ts"
import { MAX_TASK_LIFE } from "../core/policy/definition/agents.ts"

/**
 * A sender may send a record for so long, and a log knows its id for at least as long. Isolates send for minutes. What a
 * ledger could not send, its alarm sends within a day: when its task expires. The log's time stands still while nothing
 * arrives: an outage of weeks, in which nobody sends anything, forgets nothing.
 */
export const SENT_WITHIN_MS = 7 * MAX_TASK_LIFE * 1_000
/** A pause between two segments counts as at most so much of the log's time. */
const LONGEST_PAUSE_MS = 3_600_000

/** How far the clock that made an id may be ahead of the log's. */
const CLOCKS_MS = 600_000
/** Ids that are this far apart are looked for separately: between them are all records of that time. */
const APART_MS = 600_000
/** Segments whose ids stay in memory, the latest: repetitions come soon, if they come. */
const MOST_IN_MEMORY = 40
/** Rows that are deleted at a time; a seal adds one. */
const FORGOTTEN_AT_ONCE = 4
/** What fits exactly into a number, and is all random. */
const TAIL_CHARACTERS = 10

/** "forgotten": it is so old that the log cannot know. */
export type Arrival = "new" | "known" | "forgotten"

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

/** The log's time at a segment, in milliseconds since its first one. @param before that of the segment before */
export function ageAt(sealedAt: number, before: { readonly sealed_at: number; readonly age: number } | null): number {
  return before ? before.age + Math.min(sealedAt - before.sealed_at, LONGEST_PAUSE_MS) : 0
}

export class SealedIds {
  readonly #sql: SqlStorage
  /** By the first position of their segment, in order. The tails are in ascending order: a set takes more memory. */
  readonly #recent = new Map<number, SegmentIds>()
  /** The greatest id of all. Null if not read yet. */
  #highest: string | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** Of each of these: whether the log has it already, or this list before it. */
  arrivals(ids: readonly string[], now: number): readonly Arrival[] {
    const known = this.#known(ids)
    const horizon = this.#horizon(now)
    const here = new Set<string>()
    return ids.map((id) => {
      const isKnown = known.has(id) || here.has(id)
      here.add(id)
      return isKnown ? "known" : (timeOf(id) ?? 0) < horizon ? "forgotten" : "new"
    })
  }

  #known(ids: readonly string[]): ReadonlySet<string> {
    this.#highest ??=
      this.#sql.exec<{ highest: string | null }>("SELECT max(highest) AS highest FROM segments").one().highest ?? ""
    const highest = this.#highest
    const known = new Set<string>()
    let near: string[] = []
    // A batch may have one of a week ago: what was sealed since is never in memory at once.
    for (const id of ids.filter((each) => each <= highest).toSorted()) {
      const first = near[0]
      if (first !== undefined && (timeOf(id) ?? 0) - (timeOf(first) ?? 0) > APART_MS) {
        this.#lookFor(near, known)
        near = []
      }
      near.push(id)
    }
    this.#lookFor(near, known)
    return known
  }

  /** @param ids in ascending order @param known receives those that are there */
  #lookFor(ids: readonly string[], known: Set<string>): void {
    const [first, last] = [ids[0], ids.at(-1)]
    if (first === undefined || last === undefined) return
    const [before] = this.#sql
      .exec<{ first: number }>(
        "SELECT first FROM segments WHERE sealed_at < ? ORDER BY first DESC LIMIT 1",
        (timeOf(first) ?? 0) - CLOCKS_MS,
      )
      .toArray()
    const rows = this.#sql.exec<IdRow>(
      "SELECT first, lowest, highest FROM segments WHERE first > ? AND highest >= ? AND lowest <= ?",
      before?.first ?? -1,
      first,
      last,
    )
    for (const row of rows.toArray()) {
      const { lowest, highest, tails } = this.#recent.get(row.first) ?? this.#read(row)
      for (const id of ids) if (lowest <= id && id <= highest && isAmong(tails, tailOf(id))) known.add(id)
    }
  }

  #read({ first, lowest, highest }: IdRow): SegmentIds {
    const { tails } = this.#sql.exec<{ tails: ArrayBuffer }>("SELECT tails FROM segments WHERE first = ?", first).one()
    return { lowest, highest, tails: new Float64Array(tails).toSorted() }
  }

  /**
   * A record that was made before may be in a segment whose row is gone. A clock that is behind all that the log has seen
   * says nothing of how old a record is.
   */
  #horizon(now: number): number {
    const query = "SELECT first, sealed_at FROM segments ORDER BY first LIMIT 1"
    const [oldest] = this.#sql.exec<{ first: number; sealed_at: number }>(query).toArray()
    if (!oldest || oldest.first === 0 || now < oldest.sealed_at) return Number.NEGATIVE_INFINITY
    return oldest.sealed_at + CLOCKS_MS
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

  /**
   * Deletes the oldest rows whose records are gone and are not sent again. That before the oldest record stays.
   * @param oldest the first position whose record is there
   * @param age the log's time
   */
  forget(oldest: number, age: number): void {
    this.#sql.exec(
      `DELETE FROM segments WHERE first IN (SELECT first FROM segments ORDER BY first LIMIT ${FORGOTTEN_AT_ONCE})
        AND next < ? AND age < ? AND leaves IS NULL`,
      oldest,
      age - SENT_WITHIN_MS,
    )
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
