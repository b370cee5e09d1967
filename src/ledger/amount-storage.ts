/**
 * Amounts that guardrails count, in the SQLite of a tree's object: in blocks (credit.ts) that are written down before
 * they are used, so that a crash can only ever have counted too much.
 */
import type { Span } from "../guardrails/definition.ts"
import type { Memory } from "../guardrails/memory.ts"
import { BucketMeter } from "../guardrails/meter/bucket.ts"
import { PeriodMeter, startOf } from "../guardrails/meter/period.ts"
import { SlidingMeter } from "../guardrails/meter/sliding.ts"
import { bucketSizeOf, slidingOf, spanMsOf, type Spend } from "../guardrails/note.ts"
import { STORM } from "../guardrails/storm.ts"
import { blockSize } from "./credit.ts"

/**
 * `blocks`: of sliding spans; one that is open may have been used up to this very moment. `counters`: of other spans,
 * with the block that is open beside them. `until`: it matters no longer.
 */
export const AMOUNT_SCHEMA = `
CREATE TABLE blocks (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, key TEXT NOT NULL, closed INTEGER, amount INTEGER NOT NULL,
  span INTEGER NOT NULL);
CREATE TABLE counters (owner TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, amount INTEGER NOT NULL,
  open INTEGER NOT NULL, span TEXT NOT NULL, most INTEGER NOT NULL, until INTEGER, PRIMARY KEY (owner, key)) WITHOUT ROWID;
`

/** An amount that is written down and not used up. */
interface OpenBlock {
  left: number
  lastUse: number
  /** Of a sliding span: its row, and all that it holds. */
  readonly id: number
  readonly amount: number
  readonly spanMs: number
  /** Of another span. */
  readonly counter: Spend | null
  /** Milliseconds, when the period began that it was written for. */
  readonly start: number
}

export class AmountStorage {
  readonly #sql: SqlStorage
  readonly #blocks = new Map<string, OpenBlock>()
  /** Keys that are remembered lazily, and of which something is written. */
  readonly #kept = new Set<string>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** The latest time that is written down, milliseconds. */
  latest(): number {
    const times = ["SELECT MAX(closed) AS at FROM blocks", "SELECT MAX(at) AS at FROM counters"]
    return Math.max(0, ...times.map((query) => this.#sql.exec<{ at: number | null }>(query).one().at ?? 0))
  }

  load(memory: Memory, wokenAt: number): void {
    this.#loadBlocks(memory, wokenAt)
    this.#loadCounters(memory, wokenAt)
  }

  #loadBlocks(memory: Memory, wokenAt: number): void {
    const blocks = this.#sql
      .exec<{ owner: string; key: string; closed: number | null; amount: number }>(
        // One of which all is over may have begun anew, lazily: it is no better known than one of which nothing is written.
        "SELECT owner, key, closed, amount FROM blocks WHERE closed IS NULL OR closed + span > ? ORDER BY closed IS NULL, closed, id",
        wokenAt,
      )
      .toArray()
    for (const { owner, key, closed, amount } of blocks) {
      const meter = memory.sliding.find(owner, key) ?? new SlidingMeter()
      meter.admit(amount, closed ?? wokenAt)
      memory.sliding.set(owner, key, meter)
      this.#kept.add(placeOf({ owner, key }))
    }
    if (blocks.some(({ closed }) => closed === null))
      this.#sql.exec("UPDATE blocks SET closed = ? WHERE closed IS NULL", wokenAt)
  }

  #loadCounters(memory: Memory, wokenAt: number): void {
    const rows = this.#sql
      .exec<{ owner: string; key: string; at: number; amount: number; open: number; span: string; most: number }>(
        "SELECT owner, key, at, amount, open, span, most FROM counters",
      )
      .toArray()
    for (const { owner, key, at, amount, open, span: text, most } of rows) {
      const span: Span = JSON.parse(text)
      if (span.kind === "bucket") {
        const size = bucketSizeOf(most, span)
        const missing = new BucketMeter(amount, at).missingAt(size, wokenAt) + open * size.spanMs
        memory.buckets.set(owner, key, new BucketMeter(missing, wokenAt))
        if (open > 0) this.#saveCounter({ owner, key, limit: most, span }, wokenAt, missing, 0)
      } else {
        memory.periods.set(owner, key, new PeriodMeter(at, amount + open))
        if (open > 0) this.#saveCounter({ owner, key, limit: most, span }, at, amount + open, 0)
      }
    }
  }

  /** Whether `save` has to be called; what is written down already is only used. */
  mustWrite(note: Spend, now: number): boolean {
    return !(note.lazy && note.first) && this.#creditFor(note, now) < note.amount
  }

  /** @param memory as it is before the note is applied */
  save(memory: Memory, note: Spend, now: number): void {
    if (note.span.kind === "sliding") this.#spendSliding(memory, note, now)
    else this.#spendCounted(memory, note, now)
  }

  #creditFor({ owner, key, span }: Spend, now: number): number {
    const open = this.#blocks.get(placeOf({ owner, key }))
    const isOver = open !== undefined && span.kind === "fixed" && open.start !== startOf(spanMsOf(span), now)
    return open && !isOver ? open.left : 0
  }

  /** Of what is written down already. */
  use(note: Spend, now: number): void {
    const place = placeOf(note)
    if (note.lazy && note.first) this.#kept.delete(place)
    const open = this.#blocks.get(place)
    if (!open || (note.lazy && note.first)) return
    open.left -= note.amount
    open.lastUse = now
  }

  #spendSliding(memory: Memory, note: Spend, now: number): void {
    const { owner, key, amount, limit, span, lazy } = note
    const place = placeOf(note)
    const spanMs = spanMsOf(span) ?? 0
    const insert = (closed: number | null, size: number): number =>
      this.#sql
        .exec<{ id: number }>(
          "INSERT INTO blocks (owner, key, closed, amount, span) VALUES (?, ?, ?, ?, ?) RETURNING id",
          owner,
          key,
          closed,
          size,
          spanMs,
        )
        .one().id
    const open = this.#blocks.get(place)
    if (open) this.#closeBlock(open)
    if (lazy && !this.#kept.has(place)) {
      // What was not worth keeping while it was alone, or is not known any more.
      const before = slidingOf(memory, owner, key, true)
      if (before.total > 0) insert(before.lastAt, before.total)
      this.#kept.add(place)
    }
    const size = Math.max(amount, blockSize(limit, 0))
    // A block that is used up as it is written has an exact time.
    const id = insert(size === amount ? now : null, size)
    if (size === amount) this.#blocks.delete(place)
    else
      this.#blocks.set(place, { id, amount: size, left: size - amount, lastUse: now, spanMs, counter: null, start: 0 })
  }

  #closeBlock({ id, amount, left, lastUse }: OpenBlock): void {
    if (left === amount) this.#sql.exec("DELETE FROM blocks WHERE id = ?", id)
    else this.#sql.exec("UPDATE blocks SET closed = ?, amount = ? WHERE id = ?", lastUse, amount - left, id)
  }

  #spendCounted(memory: Memory, note: Spend, now: number): void {
    const { amount, limit, span } = note
    const spanMs = spanMsOf(span)
    const size = Math.max(amount, blockSize(limit, 0))
    const start = span.kind === "bucket" ? now : startOf(spanMs, now)
    const before = this.#counted(memory, note, now)
    this.#saveCounter(note, start, before, size)
    const block = { id: 0, amount: size, left: size - amount, lastUse: now, spanMs: spanMs ?? 0, counter: note, start }
    this.#blocks.set(placeOf(note), block)
  }

  /** What the meter of another span than a sliding one has counted, in its own unit. */
  #counted(memory: Memory, { owner, key, limit, span }: Spend, now: number): number {
    if (span.kind === "bucket") {
      return memory.buckets.find(owner, key)?.missingAt(bucketSizeOf(limit, span), now) ?? 0
    }
    const spanMs = spanMsOf(span)
    return memory.periods.find(owner, key)?.read(Number.MAX_SAFE_INTEGER, spanMs, 0, now).used ?? 0
  }

  #saveCounter(
    { owner, key, limit, span }: Pick<Spend, "owner" | "key" | "limit" | "span">,
    at: number,
    amount: number,
    open: number,
  ): void {
    const spanMs = spanMsOf(span)
    // A bucket that holds more than it gets in a span takes longer to fill.
    const fills = span.kind === "bucket" ? Math.ceil((span.burst * span.seconds * 1000) / limit) : spanMs
    const until = fills === null ? null : at + Math.max(fills, spanMs ?? 0)
    const values = [owner, key, at, amount, open, JSON.stringify(span), limit, until]
    this.#sql.exec("INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?, ?, ?)", ...values)
  }

  /** What is written becomes what is the case. */
  settle(memory: Memory, now: number): void {
    for (const block of this.#blocks.values()) {
      const { counter } = block
      if (!counter) this.#closeBlock(block)
      else {
        const { span } = counter
        const at = span.kind === "bucket" ? now : startOf(spanMsOf(span), now)
        this.#saveCounter(counter, at, this.#counted(memory, counter, now), 0)
      }
    }
    this.#blocks.clear()
  }

  prune(now: number): void {
    this.#sql.exec("DELETE FROM blocks WHERE closed + span <= ?", now)
    this.#sql.exec("DELETE FROM counters WHERE until <= ?", now)
  }

  /** A person has looked: what a task was denied before says nothing about what it does now. */
  forgetStorms(memory: Memory, task: string): void {
    for (const [owner, key] of memory.sliding) {
      if (!owner.endsWith(STORM) || (key !== task && key !== "")) continue
      memory.sliding.drop(owner, key)
      this.#blocks.delete(placeOf({ owner, key }))
      this.#sql.exec("DELETE FROM blocks WHERE owner = ? AND key = ?", owner, key)
    }
  }

  forget(): void {
    this.#sql.exec("DELETE FROM blocks")
    this.#sql.exec("DELETE FROM counters")
    this.#blocks.clear()
    this.#kept.clear()
  }
}

/** No owner has the mark between. */
export function placeOf({ owner, key }: { readonly owner: string; readonly key: string }): string {
  return `${owner}|${key}`
}
