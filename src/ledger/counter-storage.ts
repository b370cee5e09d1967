/**
 * Amounts of fixed periods, buckets and whole lives, in the SQLite of a ledger's object: one row for each key, with a
 * block (core/task/counter-block.ts) beside what was used.
 */
import type { Span } from "../core/guardrails/limit-definition.ts"
import { SLACK } from "../core/guardrails/limit-meter.ts"
import { Cells, type Memory } from "../core/guardrails/memory.ts"
import { BucketMeter } from "../core/guardrails/meter/bucket.ts"
import { PeriodMeter, startOf } from "../core/guardrails/meter/period.ts"
import { bucketSizeOf, spanMsOf, type CountUpdate } from "../core/guardrails/memory-update.ts"
import { blockSize, longestBlock, Pace } from "../core/task/counter-block.ts"
import type { Journal } from "./journal.ts"
import { Sweep } from "./sweep.ts"
import type { Row, Table } from "./table.ts"

/** `amount` was used by `at`, and `open` may be used until `slack` after it. After `until` the row does not matter. */
export const COUNTER_SCHEMA = `
CREATE TABLE counters (scope TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, amount INTEGER NOT NULL,
  open INTEGER NOT NULL, slack INTEGER NOT NULL, span TEXT NOT NULL, most INTEGER NOT NULL, until INTEGER,
  PRIMARY KEY (scope, owner, key)) WITHOUT ROWID;
`
export const COUNTERS: Table = {
  name: "counters",
  columns: ["scope", "owner", "key", "at", "amount", "open", "slack", "span", "most", "until"],
  keys: 3,
  until: ["until"],
}

interface CounterRow extends Row {
  readonly owner: string
  readonly key: string
  readonly at: number
  readonly amount: number
  readonly open: number
  readonly slack: number
  readonly span: string
  readonly most: number
  readonly until: number | null
}

/** What is stored of a key beyond what was used. */
interface OpenBlock {
  left: number
  /** When it was written; valid for `slackMs` from then on. */
  readonly at: number
  readonly slackMs: number
  readonly spanMs: number | null
  readonly limit: number
  readonly pace: Pace
}

export class CounterStorage {
  readonly #journal: Journal
  readonly #scope: string
  #open = new Cells<OpenBlock>()
  readonly #sweep: Sweep<CounterRow>

  constructor(sql: SqlStorage, journal: Journal, scope: string) {
    this.#journal = journal
    this.#scope = scope
    this.#sweep = new Sweep<CounterRow>(sql, journal, scope, COUNTERS, ({ owner, key }) => this.#open.drop(owner, key))
  }

  load(memory: Memory, wokenAt: number): void {
    for (const row of this.#journal.rows<CounterRow>(COUNTERS, { scope: this.#scope })) {
      const { owner, key, at, amount, open, slack, span: text, most, until: end } = row
      if (end !== null && end <= wokenAt) continue
      const span: Span = JSON.parse(text)
      if (span.kind === "bucket") {
        const rate = bucketSizeOf(most, span)
        const until = Math.min(at + slack, Math.max(at, wokenAt))
        const missing = new BucketMeter(amount, at, rate).missingAt(rate.spanMs, until) + open * rate.spanMs
        memory.buckets.set(owner, key, new BucketMeter(missing, until, rate))
        continue
      }
      // The last of it may have been used only now; but not in another period.
      const spanMs = spanMsOf(span)
      const isOver = spanMs !== null && startOf(spanMs, wokenAt) > at
      // Its period ends later than by its time, where a clock was set back.
      const isHeld = end !== null && spanMs !== null && end > startOf(spanMs, at) + spanMs
      const heldUntil = isHeld ? end : Number.NEGATIVE_INFINITY
      memory.periods.set(owner, key, new PeriodMeter(open > 0 && !isOver ? wokenAt : at, amount + open, heldUntil))
    }
  }

  /** Whether `save` has to be called; what is written already is only used. */
  mustWrite(note: CountUpdate, now: number): boolean {
    const open = this.#open.find(note.owner, note.key)
    const spanMs = spanMsOf(note.span)
    if (!open || now >= open.at + open.slackMs || open.left < note.amount) return true
    // A row has the figures by which its bucket fills.
    if (open.spanMs !== spanMs || open.limit !== note.limit) return true
    return note.span.kind === "fixed" && startOf(spanMs, now) > open.at
  }

  /** Uses what is written already. */
  use(note: CountUpdate, now: number): void {
    const open = this.#open.find(note.owner, note.key)
    if (!open) return
    open.left -= note.amount
    open.pace.use(note.amount, now)
  }

  /**
   * @param memory as it is before the update is applied
   * @param reserve how much more is written than is used
   */
  save(memory: Memory, note: CountUpdate, now: number, reserve: number): void {
    const { owner, key, amount, limit, span } = note
    const pace = this.#open.find(owner, key)?.pace ?? new Pace()
    pace.use(amount, now)
    const left = Math.max(amount, blockSize(longestBlock(limit, 0), pace, now)) - amount + reserve
    const slackMs = span.kind === "bucket" ? slackOf(span, reserve > 0) : Number.POSITIVE_INFINITY
    const used = span.kind === "bucket" ? amount * span.seconds * 1000 : amount
    const heldUntil = memory.periods.find(owner, key)?.heldUntil ?? Number.NEGATIVE_INFINITY
    this.#write(note, now, counted(memory, note, now) + used, left, slackMs, heldUntil)
    this.#open.set(owner, key, { left, at: now, slackMs, spanMs: spanMsOf(span), limit, pace })
    this.#sweep.wrote(now)
  }

  #write(
    { owner, key, limit, span }: CountUpdate,
    at: number,
    amount: number,
    open: number,
    slackMs: number,
    heldUntil: number,
  ): void {
    const slack = span.kind === "bucket" && open > 0 ? slackMs : 0
    const spanMs = spanMsOf(span)
    // More may be missing from a bucket than it holds by now.
    const fills = span.kind === "bucket" ? Math.ceil((amount + open * span.seconds * 1000) / limit) : 0
    const ends = span.kind === "bucket" ? at + slack + fills : startOf(spanMs, at) + (spanMs ?? 0)
    const until = spanMs === null ? null : Math.max(ends, heldUntil)
    const values = [this.#scope, owner, key, at, amount, open, slack, JSON.stringify(span), limit, until]
    this.#journal.put(COUNTERS, values)
  }

  forget(): void {
    this.#journal.clear(COUNTERS, { scope: this.#scope })
    this.#open = new Cells()
  }
}

/** Milliseconds for which a block is valid. @param isReserve it is for the next lone call, whenever that comes */
export function slackOf(span: Span, isReserve = false): number {
  return Math.ceil((spanMsOf(span) ?? 0) / (isReserve ? 1 : SLACK))
}

/** What the meter has counted, in its own unit. */
function counted(memory: Memory, { owner, key, span }: CountUpdate, now: number): number {
  if (span.kind === "bucket") return memory.buckets.find(owner, key)?.missingAt(span.seconds * 1000, now) ?? 0
  return memory.periods.find(owner, key)?.countedIn(spanMsOf(span), now) ?? 0
}
