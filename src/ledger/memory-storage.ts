/**
 * The memory of a tree's guardrails in the SQLite of its object. `save` runs in the transaction of a step, before
 * memory changes; what it writes is enough that whatever an unlucky moment takes away is counted as used, or denies.
 * Amounts are written down in blocks (credit.ts), times only where they have moved by more than may be lost.
 */
import { landFlight } from "../guardrails/concurrency.ts"
import type { Span } from "../guardrails/definition.ts"
import { Memory, type Flights, type Last } from "../guardrails/memory.ts"
import { BucketMeter } from "../guardrails/meter/bucket.ts"
import { Marks } from "../guardrails/meter/marks.ts"
import { PeriodMeter, startOf } from "../guardrails/meter/period.ts"
import { SlidingMeter } from "../guardrails/meter/sliding.ts"
import { Tally } from "../guardrails/meter/tally.ts"
import { Trail, type TrailState } from "../guardrails/meter/trail.ts"
import {
  bucketSizeOf,
  slidingOf,
  spanMsOf,
  trailOf,
  type Flying,
  type Lasting,
  type Marking,
  type Note,
  type Spend,
  type Trailing,
} from "../guardrails/note.ts"
import { STORM } from "../guardrails/storm.ts"
import { blockSize } from "./credit.ts"

/**
 * `blocks`: amounts of sliding spans; one that is open may have been used up to this very moment. `counters`: of other
 * spans, with the block that is open beside them. `until`: it matters no longer.
 */
export const MEMORY_SCHEMA = `
CREATE TABLE blocks (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, key TEXT NOT NULL, closed INTEGER, amount INTEGER NOT NULL,
  span INTEGER NOT NULL);
CREATE TABLE counters (owner TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL, amount INTEGER NOT NULL,
  open INTEGER NOT NULL, span TEXT NOT NULL, most INTEGER NOT NULL, until INTEGER, PRIMARY KEY (owner, key)) WITHOUT ROWID;
CREATE TABLE marks (owner TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, at INTEGER NOT NULL,
  sequence INTEGER NOT NULL, slack INTEGER NOT NULL, until INTEGER, PRIMARY KEY (owner, key, value)) WITHOUT ROWID;
CREATE TABLE cells (kind TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, until INTEGER,
  PRIMARY KEY (kind, owner, key)) WITHOUT ROWID;
CREATE TABLE flights (id TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL, gateway TEXT NOT NULL,
  PRIMARY KEY (id, owner)) WITHOUT ROWID;
`
const TABLES = ["blocks", "counters", "marks", "cells", "flights"] as const

interface Placed extends Record<string, SqlStorageValue> {
  readonly owner: string
  readonly key: string
}

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

/** What is written of a time that moves on, and what of it is not. */
interface Written {
  readonly owner: string
  readonly key: string
  readonly value: string
  readonly at: number
  readonly slack: number
  readonly spanMs: number | null
}

const PRUNE_EVERY_MS = 60_000

export class MemoryStorage {
  readonly #sql: SqlStorage
  readonly #blocks = new Map<string, OpenBlock>()
  /** Keys that are remembered lazily, and of which something is written. */
  readonly #kept = new Set<string>()
  /** Trails of which something is written. */
  readonly #trails = new Set<string>()
  readonly #marks = new Map<string, Written>()
  readonly #lasts = new Map<string, Written & { readonly was: string | null }>()
  #prunedAt = Number.NEGATIVE_INFINITY

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** The latest time that is written down, milliseconds. */
  latest(): number {
    const times = [
      "SELECT MAX(closed) AS at FROM blocks",
      "SELECT MAX(at) AS at FROM counters",
      "SELECT MAX(at) AS at FROM marks",
    ]
    return Math.max(0, ...times.map((query) => this.#sql.exec<{ at: number | null }>(query).one().at ?? 0))
  }

  /** @param wokenAt milliseconds: no life before this one can have counted anything later */
  load(wokenAt: number): Memory {
    const memory = new Memory(wokenAt)
    this.#loadBlocks(memory, wokenAt)
    this.#loadCounters(memory, wokenAt)
    this.#loadMarks(memory, wokenAt)
    this.#loadCells(memory)
    this.#loadFlights(memory)
    return memory
  }

  #loadFlights(memory: Memory): void {
    const rows = this.#sql.exec<Placed & { id: string; until: number; gateway: string }>("SELECT * FROM flights")
    for (const { id, owner, key, until, gateway } of rows) {
      const flights: Flights = memory.flights.find(owner, key) ?? new Map()
      memory.flights.set(owner, key, flights.set(id, { until, gateway }))
    }
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

  #loadMarks(memory: Memory, wokenAt: number): void {
    const rows = this.#sql
      .exec<{ owner: string; key: string; value: string; at: number; sequence: number; slack: number }>(
        "SELECT owner, key, value, at, sequence, slack FROM marks ORDER BY at + slack, sequence",
      )
      .toArray()
    for (const { owner, key, value, at, sequence, slack } of rows) {
      const marks = memory.marks.find(owner, key) ?? new Marks()
      marks.set(value, { at: Math.min(at + slack, Math.max(at, wokenAt)), sequence })
      memory.marks.set(owner, key, marks)
      memory.sequence = Math.max(memory.sequence, sequence)
    }
  }

  #loadCells(memory: Memory): void {
    for (const row of this.#sql.exec<{ kind: string; owner: string; key: string; body: string }>(
      "SELECT kind, owner, key, body FROM cells",
    )) {
      const { kind, owner, key, body } = row
      if (kind === "tally") memory.tallies.set(owner, key, new Tally(JSON.parse(body)))
      else if (kind === "trail") {
        const state: TrailState = JSON.parse(body)
        this.#trails.add(placeOf({ owner, key }))
        memory.trails.set(owner, key, new Trail(state))
      } else {
        const last: Last = JSON.parse(body)
        memory.lasts.set(owner, key, last)
      }
    }
  }

  /** Whether `save` will write. @param memory as it is before the notes are applied */
  mustWrite(memory: Memory, notes: readonly Note[], now: number): boolean {
    return notes.some((note) => this.#mustWrite(memory, note, now))
  }

  #mustWrite(memory: Memory, note: Note, now: number): boolean {
    switch (note.kind) {
      case "spend":
        return !(note.lazy && note.first) && this.#creditFor(note, now) < note.amount
      case "mark": {
        const known = memory.marks.find(note.owner, note.key)?.get(note.value)
        const written = this.#marks.get(valueOf(note))
        // What was settled has no slack left. Without any, of two calls of one millisecond the order counts.
        return known === undefined || written === undefined || now - written.at >= note.slackMs
      }
      case "last": {
        const written = this.#lasts.get(placeOf(note))
        const last = memory.lasts.find(note.owner, note.key)
        if (last?.value === null && note.value === null) return false
        return !written || written.was !== note.value || now - written.at > note.slackMs
      }
      case "trail": {
        // What has gone round once is worth keeping, and so is that it does no more.
        return !note.lazy || this.#trails.has(placeOf(note)) || goesRound(memory, note)
      }
      // Written down where it was lent (credits.ts).
      case "credit":
        return false
      case "tally":
      case "flight":
        return true
      default:
        return note satisfies never
    }
  }

  save(memory: Memory, notes: readonly Note[], now: number): void {
    const sequence = memory.sequence + 1
    for (const note of notes)
      if (this.#mustWrite(memory, note, now)) this.#save(memory, note, sequence, now)
      else this.#use(note, now)
    if (now - this.#prunedAt >= PRUNE_EVERY_MS) this.#prune(now)
  }

  #creditFor({ owner, key, span }: Spend, now: number): number {
    const open = this.#blocks.get(placeOf({ owner, key }))
    const isOver = open !== undefined && span.kind === "fixed" && open.start !== startOf(spanMsOf(span), now)
    return open && !isOver ? open.left : 0
  }

  /** Of what is written down already. */
  #use(note: Note, now: number): void {
    if (note.kind !== "spend") return
    const place = placeOf(note)
    if (note.lazy && note.first) this.#kept.delete(place)
    const open = this.#blocks.get(place)
    if (!open || (note.lazy && note.first)) return
    open.left -= note.amount
    open.lastUse = now
  }

  #save(memory: Memory, note: Note, sequence: number, now: number): void {
    const { owner, key } = note
    switch (note.kind) {
      case "spend":
        return note.span.kind === "sliding"
          ? this.#spendSliding(memory, note, now)
          : this.#spendCounted(memory, note, now)
      case "mark":
        return this.#saveMark(memory, note, sequence, now)
      case "last":
        return this.#saveLast(note, now)
      case "tally": {
        const tally = new Tally(memory.tallies.find(owner, key)?.toJSON() ?? [])
        tally.add(note.amount, note.threshold, note.spanMs, now)
        return this.#saveCell("tally", owner, key, tally, now + note.spanMs)
      }
      case "trail": {
        if (note.lazy && !goesRound(memory, note)) {
          this.#trails.delete(placeOf(note))
          this.#sql.exec("DELETE FROM cells WHERE kind = 'trail' AND owner = ? AND key = ?", owner, key)
          return
        }
        const trail = new Trail(trailOf(memory, note).toJSON())
        trail.add(note.call, note.longest)
        this.#trails.add(placeOf(note))
        return this.#saveCell("trail", owner, key, trail, null)
      }
      case "flight":
        return this.#saveFlight(note)
      case "credit":
        return
      default:
        return note satisfies never
    }
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

  #saveMark(
    memory: Memory,
    { owner, key, value, spanMs, slackMs, late, most }: Marking,
    sequence: number,
    now: number,
  ): void {
    const slack = late ? Math.ceil(slackMs) : 0
    const until = spanMs === null ? null : now + spanMs + slack
    const values = [owner, key, value, now, sequence, slack, until]
    this.#sql.exec("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?, ?)", ...values)
    this.#marks.set(valueOf({ owner, key, value }), { owner, key, value, at: now, slack, spanMs })
    const marks = memory.marks.find(owner, key)
    // It will be dropped as this one comes.
    if (!marks || marks.size < most || marks.get(value)) return
    // One call may bring many: what is kept stays as much as it was.
    const newest = "SELECT value FROM marks WHERE owner = ? AND key = ? ORDER BY at DESC, sequence DESC LIMIT ?"
    const surplus = `DELETE FROM marks WHERE owner = ? AND key = ? AND value NOT IN (${newest})`
    this.#sql.exec(surplus, owner, key, owner, key, most)
  }

  #saveLast({ owner, key, value, spanMs, slackMs, late }: Lasting, now: number): void {
    const slack = late && Number.isFinite(slackMs) ? Math.ceil(slackMs) : 0
    const last: Last = { value, at: now + slack }
    this.#saveCell("last", owner, key, last, now + spanMs + slack)
    this.#lasts.set(placeOf({ owner, key }), { owner, key, value: "", was: value, at: now, slack, spanMs })
  }

  #saveCell(kind: "tally" | "trail" | "last", owner: string, key: string, body: unknown, until: number | null): void {
    this.#sql.exec("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?)", kind, owner, key, JSON.stringify(body), until)
  }

  #saveFlight({ id, owner, key, flight: { until, gateway } }: Flying): void {
    this.#sql.exec("INSERT OR REPLACE INTO flights VALUES (?, ?, ?, ?, ?)", id, owner, key, until, gateway)
  }

  /** A call has ended. @returns whether the gateway had let it through, and it was still under way */
  land(memory: Memory, id: string, gateway: string): boolean {
    const found = landFlight(memory, id, gateway)
    if (found) this.#sql.exec("DELETE FROM flights WHERE id = ?", id)
    return found
  }

  /** When all is quiet: what is written becomes what is the case. */
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
    for (const { owner, key, value, at: written, slack, spanMs } of this.#marks.values()) {
      const mark = memory.marks.find(owner, key)?.get(value)
      if (!mark || (mark.at === written && slack === 0)) continue
      const until = spanMs === null ? null : mark.at + spanMs
      const where = [owner, key, value]
      this.#sql.exec(
        "UPDATE marks SET at = ?, sequence = ?, slack = 0, until = ? WHERE owner = ? AND key = ? AND value = ?",
        mark.at,
        mark.sequence,
        until,
        ...where,
      )
    }
    this.#marks.clear()
    for (const { owner, key, at: written, slack, spanMs } of this.#lasts.values()) {
      const last = memory.lasts.find(owner, key)
      if (last && (last.at !== written || slack > 0)) this.#saveCell("last", owner, key, last, last.at + (spanMs ?? 0))
    }
    this.#lasts.clear()
    // Only a crash is to take away what was not worth keeping.
    for (const [owner, key, trail] of memory.trails) {
      const place = placeOf({ owner, key })
      if (this.#trails.has(place)) continue
      this.#trails.add(place)
      this.#saveCell("trail", owner, key, trail, null)
    }
    this.#prune(now)
  }

  /** What matters no longer. */
  #prune(now: number): void {
    this.#prunedAt = now
    this.#sql.exec("DELETE FROM blocks WHERE closed + span <= ?", now)
    for (const table of TABLES) if (table !== "blocks") this.#sql.exec(`DELETE FROM ${table} WHERE until <= ?`, now)
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

  /** Nothing of it will be asked any more. */
  forget(): void {
    for (const table of TABLES) this.#sql.exec(`DELETE FROM ${table}`)
    for (const held of [this.#blocks, this.#marks, this.#lasts, this.#kept, this.#trails]) held.clear()
  }
}

function goesRound(memory: Memory, note: Trailing): boolean {
  return trailOf(memory, note)
    .runsWith(note.call, note.longest)
    .some((run, index) => run >= index + 2)
}

/** No owner has the mark between. */
function placeOf({ owner, key }: { readonly owner: string; readonly key: string }): string {
  return `${owner}|${key}`
}

function valueOf({ owner, key, value }: Pick<Marking, "owner" | "key" | "value">): string {
  return JSON.stringify([owner, key, value])
}
