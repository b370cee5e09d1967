/**
 * The memory of a tree's guardrails in the SQLite of its object. `save` runs in the transaction of a step, before
 * memory changes. It writes enough that what a crash loses counts as used, or denies. Amounts are written in blocks
 * (amount-storage.ts), and times only once they have moved by more than may be lost.
 */
import { settleCall } from "../core/guardrails/concurrency.ts"
import { Memory, type CallsInFlight, type Last } from "../core/guardrails/memory.ts"
import { Trail, type TrailState } from "../core/guardrails/meter/trail.ts"
import {
  trailOf,
  withDenied,
  type DeniedLast,
  type InFlightUpdate,
  type LastUpdate,
  type MemoryUpdate,
  type TrailUpdate,
} from "../core/guardrails/memory-update.ts"
import { AMOUNT_SCHEMA, AmountStorage } from "./amount-storage.ts"
import { MARK_SCHEMA, MarkStorage } from "./mark-storage.ts"
import { placeOf } from "./place.ts"
import { Sweep } from "./sweep.ts"
import { TALLY_SCHEMA, TallyStorage } from "./tally-storage.ts"

/** After `until` a row does not matter. */
export const MEMORY_SCHEMA = `
${AMOUNT_SCHEMA}
${TALLY_SCHEMA}
${MARK_SCHEMA}
CREATE TABLE cells (kind TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, until INTEGER,
  PRIMARY KEY (kind, owner, key)) WITHOUT ROWID;
CREATE TABLE flights (id TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL, gateway TEXT NOT NULL,
  PRIMARY KEY (id, owner)) WITHOUT ROWID;
`
const TABLES = ["cells", "flights"] as const
const IS_OVER = "until <= ?"

interface Placed extends Record<string, SqlStorageValue> {
  readonly owner: string
  readonly key: string
}

/** What is stored of the last call. */
interface StoredMemory {
  readonly owner: string
  readonly key: string
  readonly value: string | null
  readonly at: number
  readonly slack: number
  readonly spanMs: number
}

export class MemoryStorage {
  readonly #sql: SqlStorage
  readonly #amounts: AmountStorage
  readonly #tallies: TallyStorage
  readonly #marks: MarkStorage
  /** Trails that have a row. */
  readonly #trails = new Set<string>()
  /** Owners of trails that have none. */
  readonly #unwrittenTrails = new Set<string>()
  readonly #lasts = new Map<string, StoredMemory>()
  readonly #cellSweep: Sweep<Placed>
  readonly #flightSweep: Sweep<Placed>

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.#amounts = new AmountStorage(sql)
    this.#tallies = new TallyStorage(sql)
    this.#marks = new MarkStorage(sql)
    this.#cellSweep = new Sweep<Placed>(
      sql,
      { table: "cells", columns: ["kind", "owner", "key"], isOver: IS_OVER },
      (row) => this.#lasts.delete(placeOf(row)),
    )
    this.#flightSweep = new Sweep(sql, { table: "flights", columns: ["id", "owner"], isOver: IS_OVER }, () => undefined)
  }

  /** The latest time that is stored, in milliseconds. */
  latest(): number {
    return Math.max(this.#amounts.latest(), this.#tallies.latest(), this.#marks.latest())
  }

  /** @param wokenAt milliseconds: no earlier life of the object can have counted anything later */
  load(wokenAt: number): Memory {
    const memory = new Memory(wokenAt)
    this.#amounts.load(memory, wokenAt)
    this.#tallies.load(memory, wokenAt)
    this.#marks.load(memory, wokenAt)
    this.#loadCells(memory, wokenAt)
    this.#loadFlights(memory, wokenAt)
    return memory
  }

  #loadFlights(memory: Memory, wokenAt: number): void {
    const rows = this.#sql.exec<Placed & { id: string; until: number; gateway: string }>(
      "SELECT * FROM flights WHERE until > ?",
      wokenAt,
    )
    for (const { id, owner, key, until, gateway } of rows) {
      const flights: CallsInFlight = memory.flights.find(owner, key) ?? new Map()
      memory.flights.set(owner, key, flights.set(id, { until, gateway }))
    }
  }

  #loadCells(memory: Memory, wokenAt: number): void {
    for (const row of this.#sql.exec<{ kind: string; owner: string; key: string; body: string }>(
      "SELECT kind, owner, key, body FROM cells WHERE until IS NULL OR until > ?",
      wokenAt,
    )) {
      const { kind, owner, key, body } = row
      if (kind === "trail") {
        const state: TrailState = JSON.parse(body)
        this.#trails.add(placeOf({ owner, key }))
        memory.trails.set(owner, key, new Trail(state))
      } else {
        const last: Last = JSON.parse(body)
        memory.lasts.set(owner, key, last)
      }
    }
  }

  /**
   * Whether `save` will write.
   * @param memory as it is before the updates are applied
   */
  mustWrite(memory: Memory, memoryUpdates: readonly MemoryUpdate[], now: number): boolean {
    return memoryUpdates.some((note) => this.#mustWrite(memory, note, now))
  }

  #mustWrite(memory: Memory, note: MemoryUpdate, now: number): boolean {
    switch (note.kind) {
      case "spend":
        return this.#amounts.mustWrite(memory, note, now)
      case "mark":
        return this.#marks.mustWrite(memory, note, now)
      case "last": {
        const written = this.#lasts.get(placeOf(note))
        const last = memory.lasts.find(note.owner, note.key)
        if (last && last.denied.length > 0) return true
        if (last?.value === null && note.value === null) return false
        if (!written || written.value !== note.value || written.spanMs !== note.spanMs) return true
        return now - written.at > note.slackMs
      }
      case "trail": {
        // A sequence that has repeated twice is stored, and so is that it repeats no longer.
        return !note.lazy || this.#trails.has(placeOf(note)) || goesRound(memory, note)
      }
      // `credits.ts` writes it when it is lent.
      case "credit":
        return false
      case "tally":
      case "denied":
      case "flight":
        return true
      default:
        return note satisfies never
    }
  }

  save(memory: Memory, memoryUpdates: readonly MemoryUpdate[], now: number): void {
    const sequence = memory.sequence + 1
    for (const note of memoryUpdates)
      if (this.#mustWrite(memory, note, now)) this.#save(memory, note, sequence, now)
      else if (note.kind === "spend") this.#amounts.use(memory, note, now)
      else if (note.kind === "trail") this.#unwrittenTrails.add(note.owner)
  }

  #save(memory: Memory, note: MemoryUpdate, sequence: number, now: number): void {
    const { owner, key } = note
    switch (note.kind) {
      case "spend":
        return this.#amounts.save(memory, note, now)
      case "mark":
        return this.#marks.save(memory, note, sequence, now)
      case "last":
        return this.#saveLast(note, now)
      case "denied":
        return this.#saveDenied(memory, note, now)
      case "tally":
        return this.#tallies.save(memory, note, now)
      case "trail": {
        if (note.lazy && !goesRound(memory, note)) {
          this.#trails.delete(placeOf(note))
          this.#unwrittenTrails.add(owner)
          this.#sql.exec("DELETE FROM cells WHERE kind = 'trail' AND owner = ? AND key = ?", owner, key)
          return
        }
        // From now on nothing of it may be lost.
        if (!note.lazy && this.#unwrittenTrails.delete(owner)) this.#saveTrails(memory, owner)
        const trail = new Trail(trailOf(memory, note).toJSON())
        trail.add(note.call)
        this.#trails.add(placeOf(note))
        return this.#saveCell("trail", owner, key, trail, null)
      }
      case "flight":
        this.#saveFlight(note)
        return this.#flightSweep.wrote(now)
      case "credit":
        return
      default:
        return note satisfies never
    }
  }

  #saveLast({ owner, key, value, spanMs, slackMs, late }: LastUpdate, now: number): void {
    const slack = late && Number.isFinite(slackMs) ? Math.ceil(slackMs) : 0
    const last: Last = { value, at: now + slack, denied: [] }
    this.#saveCell("last", owner, key, last, now + spanMs + slack)
    this.#lasts.set(placeOf({ owner, key }), { owner, key, value, at: now, slack, spanMs })
    this.#cellSweep.wrote(now)
  }

  #saveDenied(memory: Memory, note: DeniedLast, now: number): void {
    const { owner, key, spanMs } = note
    const last = withDenied(memory, note, now)
    this.#saveCell("last", owner, key, last, now + spanMs)
    this.#lasts.set(placeOf({ owner, key }), { owner, key, value: last.value, at: last.at, slack: 0, spanMs })
    this.#cellSweep.wrote(now)
  }

  #saveCell(kind: "trail" | "last", owner: string, key: string, body: unknown, until: number | null): void {
    this.#sql.exec("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?)", kind, owner, key, JSON.stringify(body), until)
  }

  #saveTrails(memory: Memory, owner: string): void {
    for (const [key, trail] of memory.trails.of(owner)) {
      const place = placeOf({ owner, key })
      if (this.#trails.has(place)) continue
      this.#trails.add(place)
      this.#saveCell("trail", owner, key, trail, null)
    }
  }

  #saveFlight({ id, owner, key, inFlight: { until, gateway } }: InFlightUpdate): void {
    this.#sql.exec("INSERT OR REPLACE INTO flights VALUES (?, ?, ?, ?, ?)", id, owner, key, until, gateway)
  }

  /**
   * A call has ended.
   * @returns whether this gateway had allowed it, and it was still in flight
   */
  land(memory: Memory, id: string, gateway: string): boolean {
    const found = settleCall(memory, id, gateway)
    if (found) this.#sql.exec("DELETE FROM flights WHERE id = ?", id)
    return found
  }

  /** Runs when no calls come: what is written becomes the current state. */
  settle(memory: Memory, now: number): void {
    this.#amounts.settle(memory, now)
    this.#marks.settle(memory, now)
    for (const { owner, key, at: written, slack, spanMs } of this.#lasts.values()) {
      const last = memory.lasts.find(owner, key)
      if (!last || (last.at === written && slack === 0)) continue
      this.#saveCell("last", owner, key, last, Math.max(last.at, ...last.denied.map(({ at }) => at)) + spanMs)
    }
    this.#lasts.clear()
    // Only a crash may lose what was not written so far.
    for (const owner of this.#unwrittenTrails) this.#saveTrails(memory, owner)
    this.#unwrittenTrails.clear()
    this.#tallies.prune(now)
    for (const table of TABLES) this.#sql.exec(`DELETE FROM ${table} WHERE ${IS_OVER}`, now)
  }

  /** An operator has released the task: what it was denied before does not count against it. */
  forgetStorms(memory: Memory, task: string): void {
    this.#amounts.forgetStorms(memory, task)
  }

  /** No call will need the memory any more. */
  forget(): void {
    this.#amounts.forget()
    this.#tallies.forget()
    for (const table of TABLES) this.#sql.exec(`DELETE FROM ${table}`)
    this.#marks.forget()
    for (const cache of [this.#lasts, this.#trails, this.#unwrittenTrails]) cache.clear()
  }
}

function goesRound(memory: Memory, note: TrailUpdate): boolean {
  return trailOf(memory, note)
    .runsWith(note.call)
    .some((run, index) => run >= index + 2)
}
