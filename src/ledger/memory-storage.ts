/**
 * One memory of guardrails in the SQLite of its ledger's object, under a scope of its own (core/task/memories.ts). `save`
 * runs in the transaction of a step, before memory changes. It writes enough that what a crash loses counts as used, or denies. Amounts are written in blocks
 * (amount-storage.ts), and times only once they have moved by more than may be lost.
 */
import { settleCall } from "../core/guardrails/concurrency.ts"
import type { CallsInFlight, Flight, Last, Memory } from "../core/guardrails/memory.ts"
import {
  withDenied,
  type DeniedLast,
  type InFlightUpdate,
  type LastUpdate,
  type MemoryUpdate,
} from "../core/guardrails/memory-update.ts"
import { AMOUNT_SCHEMA, AmountStorage } from "./amount-storage.ts"
import { MARK_SCHEMA, MarkStorage } from "./mark-storage.ts"
import { cellKey } from "./cell-key.ts"
import { Sweep } from "./sweep.ts"
import { TALLY_SCHEMA, TallyStorage } from "./tally-storage.ts"
import { TrailStorage, type PlacedCell } from "./trail-storage.ts"

/** After `until` a row does not matter. */
export const MEMORY_SCHEMA = `
${AMOUNT_SCHEMA}
${TALLY_SCHEMA}
${MARK_SCHEMA}
CREATE TABLE cells (scope TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, until INTEGER,
  PRIMARY KEY (scope, kind, owner, key)) WITHOUT ROWID;
CREATE TABLE flights (scope TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL, gateway TEXT NOT NULL,
  task TEXT NOT NULL, PRIMARY KEY (scope, id, owner)) WITHOUT ROWID;
`
const TABLES = ["cells", "flights"] as const
const IS_OVER = "until <= ?"

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
  readonly #scope: string
  readonly #amounts: AmountStorage
  readonly #tallies: TallyStorage
  readonly #marks: MarkStorage
  readonly #trails: TrailStorage
  readonly #lasts = new Map<string, StoredMemory>()
  readonly #cellSweep: Sweep<PlacedCell>
  readonly #flightSweep: Sweep<PlacedCell>

  /** @param scope that no other memory of the ledger has */
  constructor(sql: SqlStorage, scope: string) {
    this.#sql = sql
    this.#scope = scope
    this.#amounts = new AmountStorage(sql, scope)
    this.#tallies = new TallyStorage(sql, scope)
    this.#marks = new MarkStorage(sql, scope)
    this.#trails = new TrailStorage(sql, scope)
    this.#cellSweep = new Sweep<PlacedCell>(
      sql,
      scope,
      { table: "cells", columns: ["kind", "owner", "key"], isOver: IS_OVER },
      (row) => {
        this.#lasts.delete(cellKey(row))
        this.#trails.deleted(row)
      },
    )
    this.#flightSweep = new Sweep(
      sql,
      scope,
      { table: "flights", columns: ["id", "owner"], isOver: IS_OVER },
      () => undefined,
    )
  }

  /** @param wokenAt milliseconds: no earlier life of the object can have counted anything later */
  load(memory: Memory, wokenAt: number): void {
    this.#amounts.load(memory, wokenAt)
    this.#tallies.load(memory, wokenAt)
    this.#marks.load(memory, wokenAt)
    this.#loadCells(memory, wokenAt)
    this.#loadFlights(memory, wokenAt)
  }

  #loadFlights(memory: Memory, wokenAt: number): void {
    const rows = this.#sql.exec<PlacedCell & { id: string } & Flight>(
      "SELECT * FROM flights WHERE scope = ? AND until > ?",
      this.#scope,
      wokenAt,
    )
    for (const { id, owner, key, until, gateway, task } of rows) {
      const flights: CallsInFlight = memory.flights.find(owner, key) ?? new Map()
      memory.flights.set(owner, key, flights.set(id, { until, gateway, task }))
    }
  }

  #loadCells(memory: Memory, wokenAt: number): void {
    for (const row of this.#sql.exec<{ kind: string; owner: string; key: string; body: string }>(
      "SELECT kind, owner, key, body FROM cells WHERE scope = ? AND (until IS NULL OR until > ?)",
      this.#scope,
      wokenAt,
    )) {
      const { kind, owner, key, body } = row
      if (kind !== "last") this.#trails.load(memory, kind, { owner, key }, body)
      else {
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
        const written = this.#lasts.get(cellKey(note))
        const last = memory.lasts.find(note.owner, note.key)
        if (last && last.denied.length > 0) return true
        if (last?.value === null && note.value === null) return false
        if (!written || written.value !== note.value || written.spanMs !== note.spanMs) return true
        return now - written.at > note.slackMs
      }
      case "trail":
        return this.#trails.mustWrite(memory, note, now)
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
      else if (note.kind === "trail") this.#trails.leave(note)
  }

  #save(memory: Memory, note: MemoryUpdate, sequence: number, now: number): void {
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
      case "trail":
        return this.#trails.save(memory, note, now)
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
    this.#saveCell(owner, key, last, now + spanMs + slack)
    this.#lasts.set(cellKey({ owner, key }), { owner, key, value, at: now, slack, spanMs })
    this.#cellSweep.wrote(now)
  }

  #saveDenied(memory: Memory, note: DeniedLast, now: number): void {
    const { owner, key, spanMs } = note
    const last = withDenied(memory, note, now)
    this.#saveCell(owner, key, last, now + spanMs)
    this.#lasts.set(cellKey({ owner, key }), { owner, key, value: last.value, at: last.at, slack: 0, spanMs })
    this.#cellSweep.wrote(now)
  }

  #saveCell(owner: string, key: string, body: Last, until: number): void {
    const values = [this.#scope, "last", owner, key, JSON.stringify(body), until]
    this.#sql.exec("INSERT OR REPLACE INTO cells VALUES (?, ?, ?, ?, ?, ?)", ...values)
  }

  #saveFlight({ id, owner, key, inFlight }: InFlightUpdate): void {
    const { until, gateway, task } = inFlight
    const values = [this.#scope, id, owner, key, until, gateway, task]
    this.#sql.exec("INSERT OR REPLACE INTO flights VALUES (?, ?, ?, ?, ?, ?, ?)", ...values)
  }

  /**
   * A call has ended.
   * @returns whether this gateway had allowed it to the task, and it was still in flight
   */
  land(memory: Memory, id: string, gateway: string, task: string): boolean {
    const found = settleCall(memory, id, gateway, task)
    if (found) this.#sql.exec("DELETE FROM flights WHERE scope = ? AND id = ?", this.#scope, id)
    return found
  }

  /** Runs when no calls come: what is written becomes the current state. */
  settle(memory: Memory, now: number): void {
    this.#amounts.settle(memory, now)
    this.#marks.settle(memory, now)
    for (const { owner, key, at: written, slack, spanMs } of this.#lasts.values()) {
      const last = memory.lasts.find(owner, key)
      if (!last || (last.at === written && slack === 0)) continue
      this.#saveCell(owner, key, last, Math.max(last.at, ...last.denied.map(({ at }) => at)) + spanMs)
    }
    this.#lasts.clear()
    this.#trails.settle(memory)
    this.#tallies.prune(now)
    for (const table of TABLES) {
      this.#sql.exec(`DELETE FROM ${table} WHERE scope = ? AND ${IS_OVER}`, this.#scope, now)
    }
  }

  /** An operator has released the task: what it was denied before does not count against it. */
  forgetStorms(memory: Memory, task: string): void {
    this.#amounts.forgetStorms(memory, task)
  }

  /** No call will need the memory any more. */
  forget(): void {
    this.#amounts.forget()
    this.#tallies.forget()
    for (const table of TABLES) this.#sql.exec(`DELETE FROM ${table} WHERE scope = ?`, this.#scope)
    this.#marks.forget()
    this.#trails.forget()
    this.#lasts.clear()
  }
}
