/**
 * Amounts that guardrails count, in the SQLite of a tree's object: in blocks (credit.ts) that are written down before
 * they are used, so that a crash can only ever have counted too much. A block is good for a sixteenth of the span, so
 * that one of which some is left is known to be over like any other.
 */
import type { Span } from "../guardrails/definition.ts"
import { ofRepeats, SLACK } from "../guardrails/limit-meter.ts"
import type { Memory } from "../guardrails/memory.ts"
import { BucketMeter } from "../guardrails/meter/bucket.ts"
import { OnceLog } from "../guardrails/meter/once.ts"
import { PeriodMeter, startOf } from "../guardrails/meter/period.ts"
import { precisionOf, SlidingMeter } from "../guardrails/meter/sliding.ts"
import { bucketSizeOf, isFirst, spanMsOf, writesFirst, type Spend } from "../guardrails/note.ts"
import { STORM } from "../guardrails/storm.ts"
import { blockSize } from "./credit.ts"
import { Sweep, type Swept } from "./sweep.ts"

/**
 * `blocks`: of sliding spans: `amount` was used by `at`, and `open` may be used until `slack` after it. `counters`: of
 * other spans, with the block that is open beside them. `once`: calls that are not written down were made by `at` and
 * `slack`. `until`: it matters no longer.
 */
export const AMOUNT_SCHEMA = `
CREATE TABLE blocks (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL,
  amount INTEGER NOT NULL, open INTEGER NOT NULL, slack INTEGER NOT NULL, span INTEGER NOT NULL);
CREATE TABLE counters (owner TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, amount INTEGER NOT NULL,
  open INTEGER NOT NULL, slack INTEGER NOT NULL, span TEXT NOT NULL, most INTEGER NOT NULL, until INTEGER,
  PRIMARY KEY (owner, key)) WITHOUT ROWID;
CREATE TABLE once (owner TEXT PRIMARY KEY, at INTEGER NOT NULL, slack INTEGER NOT NULL, span INTEGER NOT NULL) WITHOUT ROWID;
`

interface BlockRow extends Record<string, SqlStorageValue> {
  readonly id: number
  readonly owner: string
  readonly key: string
  readonly at: number
  readonly amount: number
  readonly open: number
  readonly slack: number
  readonly span: number
}

interface CounterRow extends Record<string, SqlStorageValue> {
  readonly owner: string
  readonly key: string
  readonly at: number
  readonly amount: number
  readonly open: number
  readonly slack: number
  readonly span: string
  readonly most: number
}

/** What is written of a key. */
interface Block {
  /** Used, and not used up. */
  used: number
  left: number
  lastUse: number
  /** When it was written last; good for `slackMs` from then on. */
  at: number
  readonly slackMs: number
  /** Null: it counts for ever. */
  readonly spanMs: number | null
  /** Of a sliding span: its row, and when the first of it was used. */
  readonly id: number
  readonly first: number
  /** Of another span. */
  readonly counter: Spend | null
}

/** Blocks that follow one another are one row while they are within such a part of the span. */
const ROWS_IN_SPAN = 100

export class AmountStorage {
  readonly #sql: SqlStorage
  readonly #blocks = new Map<string, Block>()
  /** Until when calls of an owner may be made once and not written down. */
  readonly #once = new Map<string, number>()
  readonly #blockSweep: Sweep<BlockRow>
  readonly #counterSweep: Sweep<CounterRow>

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.#blockSweep = new Sweep<BlockRow>(sql, BLOCKS, (row) => {
      // Another row may have come after it.
      if (this.#blocks.get(placeOf(row))?.id === row.id) this.#blocks.delete(placeOf(row))
    })
    this.#counterSweep = new Sweep<CounterRow>(sql, COUNTERS, (row) => this.#blocks.delete(placeOf(row)))
  }

  /** The latest time that is written down, milliseconds. */
  latest(): number {
    return Math.max(
      0,
      ...["blocks", "counters", "once"].map((table) => {
        return this.#sql.exec<{ at: number | null }>(`SELECT MAX(at) AS at FROM ${table}`).one().at ?? 0
      }),
    )
  }

  load(memory: Memory, wokenAt: number): void {
    this.#loadBlocks(memory, wokenAt)
    this.#loadCounters(memory, wokenAt)
  }

  #loadBlocks(memory: Memory, wokenAt: number): void {
    const rows = this.#sql.exec<BlockRow>("SELECT * FROM blocks WHERE at + slack + span > ?", wokenAt).toArray()
    const uses = rows.flatMap(({ owner, key, at, amount, open, slack, span: spanMs }) => {
      const place = { owner, key, spanMs }
      const until = Math.min(at + slack, Math.max(at, wokenAt))
      return [
        { ...place, at, amount },
        { ...place, at: until, amount: open },
      ].filter((use) => use.amount > 0 && use.at + spanMs > wokenAt)
    })
    const totals = new Map<string, number>()
    for (const use of uses) totals.set(placeOf(use), (totals.get(placeOf(use)) ?? 0) + use.amount)
    const unwritten = this.#loadOnce(memory, wokenAt)
    for (const use of uses.toSorted((a, b) => a.at - b.at)) {
      const { owner, key, at, amount, spanMs } = use
      if (ofRepeats(owner) && totals.get(placeOf(use)) === 1) {
        hideUntil(memory, unwritten, owner, at)
        memory.onceOf(owner).add(key, at, at - spanMs, true)
        continue
      }
      const meter = memory.sliding.find(owner, key) ?? new SlidingMeter()
      meter.admit(amount, at, precisionOf(memory.sliding.many(owner), spanMs))
      memory.sliding.set(owner, key, meter)
    }
    for (const owner of unwritten.keys()) hideUntil(memory, unwritten, owner, Number.POSITIVE_INFINITY)
  }

  /** @returns milliseconds by owner: until then calls were made once that are not written down */
  #loadOnce(memory: Memory, wokenAt: number): Map<string, number> {
    // Fixed now: of what this life writes down a later one has to know that it came afterwards.
    this.#sql.exec("UPDATE once SET at = MIN(at + slack, MAX(at, ?)), slack = 0 WHERE slack > 0", wokenAt)
    const rows = this.#sql.exec<Pick<BlockRow, "owner" | "at">>(
      "SELECT owner, at FROM once WHERE at + span > ?",
      wokenAt,
    )
    const found = new Map<string, number>()
    for (const { owner, at } of rows) {
      memory.once.set(owner, new OnceLog())
      found.set(owner, at)
    }
    return found
  }

  #loadCounters(memory: Memory, wokenAt: number): void {
    const rows = this.#sql.exec<CounterRow>("SELECT * FROM counters WHERE until IS NULL OR until > ?", wokenAt)
    for (const { owner, key, at, amount, open, slack, span: text, most } of rows) {
      const span: Span = JSON.parse(text)
      if (span.kind === "bucket") {
        const size = bucketSizeOf(most, span)
        const until = Math.min(at + slack, Math.max(at, wokenAt))
        const missing = new BucketMeter(amount, at, size).missingAt(size, until) + open * size.spanMs
        memory.buckets.set(owner, key, new BucketMeter(missing, until, size))
      } else {
        // As far as is known, the last of it was used only now; but not in another period.
        const spanMs = spanMsOf(span)
        const isOver = spanMs !== null && startOf(spanMs, wokenAt) > at
        memory.periods.set(owner, key, new PeriodMeter(open > 0 && !isOver ? wokenAt : at, amount + open))
      }
    }
  }

  /** Whether `save` has to be called; what is written down already is only used. */
  mustWrite(memory: Memory, note: Spend, now: number): boolean {
    if (isFirst(memory, note, now)) return writesFirst(memory, note, now) || now >= (this.#once.get(note.owner) ?? 0)
    // Of a call that is repeated for the first time the one before it is written down too.
    if (note.repeats !== null && !memory.sliding.find(note.owner, note.key)) return true
    return this.#creditFor(note, now) < note.amount
  }

  /** @param memory as it is before the note is applied */
  save(memory: Memory, note: Spend, now: number): void {
    if (note.span.kind !== "sliding") {
      this.#spendCounted(memory, note, now)
      this.#counterSweep.wrote(now)
    } else if (isFirst(memory, note, now) && !writesFirst(memory, note, now)) this.#saveOnce(note, now)
    else {
      this.#spendSliding(memory, note, now)
      this.#blockSweep.wrote(now)
    }
  }

  #creditFor({ owner, key, span }: Spend, now: number): number {
    const open = this.#blocks.get(placeOf({ owner, key }))
    const spanMs = spanMsOf(span)
    if (!open || now >= open.at + open.slackMs || open.spanMs !== spanMs) return 0
    return span.kind === "fixed" && startOf(spanMs, now) > open.at ? 0 : open.left
  }

  /** Of what is written down already. */
  use(memory: Memory, note: Spend, now: number): void {
    const open = this.#blocks.get(placeOf(note))
    if (open && !isFirst(memory, note, now)) use(open, note.amount, now)
  }

  #saveOnce({ owner, span }: Spend, now: number): void {
    const spanMs = spanMsOf(span) ?? 0
    const slack = slackOf(span)
    this.#sql.exec("INSERT OR REPLACE INTO once VALUES (?, ?, ?, ?)", owner, now, slack, spanMs)
    this.#once.set(owner, now + slack)
  }

  #spendSliding(memory: Memory, note: Spend, now: number): void {
    const { owner, key, amount, limit, span, repeats } = note
    const place = placeOf(note)
    const spanMs = spanMsOf(span) ?? 0
    const slackMs = slackOf(span)
    const block = blockSize(limit, 0)
    const insert = (at: number, used: number, open: number): number => {
      const values = [owner, key, at, used, open, open > 0 ? slackMs : 0, spanMs]
      const columns = "owner, key, at, amount, open, slack, span"
      const query = `INSERT INTO blocks (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id`
      return this.#sql.exec<{ id: number }>(query, ...values).one().id
    }
    const isSecond = repeats !== null && !memory.sliding.find(owner, key) && !isFirst(memory, note, now)
    if (isSecond) {
      // The first may not be written down, nor how often the call may have been made besides.
      const once = memory.onceOf(owner)
      const isHidden = repeats === "unwritten" || now < (this.#once.get(owner) ?? 0) + spanMs
      const times = once.timesOf(key, now - spanMs)
      const own = once.isWritten(key, now - spanMs) ? 0 : 1
      const before = (isHidden ? times.length - 1 : 0) + own
      if (before > 0) insert(times.at(-1) ?? now, before, 0)
    }
    const known = this.#blocks.get(place)
    // Its row may be gone.
    const isOver = known && (known.spanMs !== spanMs || known.lastUse + spanMs <= now)
    const open = isSecond || isOver ? undefined : known
    if (open && open.left >= amount && open.used + open.left <= block) {
      use(open, amount, now)
      return this.#update(open, now, open.left)
    }
    const left = Math.max(amount, block) - amount
    if (open && block > 1 && now - open.first < spanMs / ROWS_IN_SPAN) {
      use(open, amount, now)
      open.left = left
      return this.#update(open, now, left)
    }
    if (known) this.#close(known)
    const id = insert(now, amount, left)
    // A block that is used up as it is written has an exact time.
    if (block === 1) this.#blocks.delete(place)
    else {
      const times = { lastUse: now, at: now, first: now }
      this.#blocks.set(place, { id, used: amount, left, slackMs, spanMs, counter: null, ...times })
    }
  }

  #update(block: Block, at: number, open: number): void {
    block.at = at
    const values = [at, block.used, open, open > 0 ? block.slackMs : 0, block.id]
    this.#sql.exec("UPDATE blocks SET at = ?, amount = ?, open = ?, slack = ? WHERE id = ?", ...values)
  }

  /** Nothing more of it is used. */
  #close(block: Block): void {
    if (block.left > 0 || block.at !== block.lastUse) this.#update(block, block.lastUse, 0)
    block.left = 0
  }

  #spendCounted(memory: Memory, note: Spend, now: number): void {
    const { amount, limit, span } = note
    const spanMs = spanMsOf(span)
    const size = Math.max(amount, blockSize(limit, 0))
    const slackMs = span.kind === "bucket" ? slackOf(span) : Number.POSITIVE_INFINITY
    const used = span.kind === "bucket" ? amount * span.seconds * 1000 : amount
    this.#saveCounter(note, now, counted(memory, note, now) + used, size - amount)
    const times = { lastUse: now, at: now, first: now }
    const block = { id: 0, used: amount, left: size - amount, slackMs, spanMs, counter: note, ...times }
    this.#blocks.set(placeOf(note), block)
  }

  #saveCounter({ owner, key, limit, span }: Spend, at: number, amount: number, open: number): void {
    const slack = span.kind === "bucket" && open > 0 ? slackOf(span) : 0
    // A bucket that holds more than it gets in a span takes longer to fill.
    const fills = span.kind === "bucket" ? Math.ceil((span.burst * span.seconds * 1000) / limit) : 0
    const spanMs = spanMsOf(span)
    const begun = span.kind === "bucket" ? at : startOf(spanMs, at)
    const until = spanMs === null ? null : begun + slack + Math.max(fills, spanMs)
    const values = [owner, key, at, amount, open, slack, JSON.stringify(span), limit, until]
    this.#sql.exec("INSERT OR REPLACE INTO counters VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", ...values)
  }

  /** What is written becomes what is the case. */
  settle(memory: Memory, now: number): void {
    for (const [place, block] of this.#blocks) {
      const { counter } = block
      const isOver = block.lastUse + (block.spanMs ?? 0) <= now
      if (counter) this.#saveCounter(counter, now, counted(memory, counter, now), 0)
      else if (isOver) this.#sql.exec("DELETE FROM blocks WHERE id = ?", block.id)
      else this.#close(block)
      if (counter || isOver) this.#blocks.delete(place)
    }
    for (const { table, isOver } of [BLOCKS, COUNTERS]) this.#sql.exec(`DELETE FROM ${table} WHERE ${isOver}`, now)
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
    for (const table of ["blocks", "counters", "once"]) this.#sql.exec(`DELETE FROM ${table}`)
    this.#blocks.clear()
    this.#once.clear()
  }
}

const BLOCKS: Swept = { table: "blocks", columns: ["id"], isOver: "at + slack + span <= ?" }
const COUNTERS: Swept = { table: "counters", columns: ["owner", "key"], isOver: "until <= ?" }

/** What was made until then, and is not written down, was not known when what came later was. */
function hideUntil(memory: Memory, unwritten: Map<string, number>, owner: string, until: number): void {
  const at = unwritten.get(owner)
  if (at === undefined || at > until) return
  memory.onceOf(owner).hide(at)
  unwritten.delete(owner)
}

function use(block: Block, amount: number, now: number): void {
  block.used += amount
  block.left -= amount
  block.lastUse = now
}

/** Milliseconds for which a block is good. */
function slackOf(span: Span): number {
  return Math.ceil((spanMsOf(span) ?? 0) / SLACK)
}

/** What the meter of another span than a sliding one has counted, in its own unit. */
function counted(memory: Memory, { owner, key, limit, span }: Spend, now: number): number {
  if (span.kind === "bucket") return memory.buckets.find(owner, key)?.missingAt(bucketSizeOf(limit, span), now) ?? 0
  return memory.periods.find(owner, key)?.countedIn(spanMsOf(span), now) ?? 0
}

/** No owner has the mark between. */
export function placeOf({ owner, key }: { readonly owner: string; readonly key: string }): string {
  return `${owner}|${key}`
}
