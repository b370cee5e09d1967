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
import { AMOUNT_SCHEMA } from "./amount-rows.ts"
import { AmountStorage } from "./amount-storage.ts"
import { MARK_SCHEMA, MarkStorage } from "./mark-storage.ts"
import { cellKey } from "./cell-key.ts"
import { CELL_SCHEMA, CELLS } from "./cells.ts"
import { Pace } from "../core/task/counter-block.ts"
import { DUE, sooner, type Due } from "./due.ts"
import type { Journal } from "./journal.ts"
import { Sweep } from "./sweep.ts"
import type { Row, Table } from "./table.ts"
import { TALLY_SCHEMA, TallyStorage } from "./tally-storage.ts"
import { TrailStorage, type PlacedCell } from "./trail-storage.ts"

/** After `until` a row does not matter. */
export const MEMORY_SCHEMA = `
${AMOUNT_SCHEMA}
${TALLY_SCHEMA}
${MARK_SCHEMA}
${CELL_SCHEMA}
CREATE TABLE flights (scope TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL, gateway TEXT NOT NULL,
  task TEXT NOT NULL, PRIMARY KEY (scope, id, owner)) WITHOUT ROWID;
`
export const FLIGHTS: Table = {
  name: "flights",
  columns: ["scope", "id", "owner", "key", "until", "gateway", "task"],
  keys: 3,
  until: ["until"],
}

interface CellRow extends Row {
  readonly kind: string
  readonly owner: string
  readonly key: string
  readonly body: string
  readonly until: number | null
}

interface FlightRow extends Row, Flight {
  readonly id: string
  readonly owner: string
  readonly key: string
}

/** What is stored of the last call. */
interface StoredMemory {
  readonly value: string | null
  readonly at: number
  readonly slack: number
  readonly spanMs: number
}

export class MemoryStorage {
  readonly #journal: Journal
  readonly #scope: string
  readonly #amounts: AmountStorage
  readonly #tallies: TallyStorage
  readonly #marks: MarkStorage
  readonly #trails: TrailStorage
  readonly #lasts = new Map<string, StoredMemory>()
  /** Of the calls that change the memory. */
  readonly #pace = new Pace()
  readonly #cellSweep: Sweep<PlacedCell>
  readonly #flightSweep: Sweep<PlacedCell>

  /** @param scope that no other memory of the ledger has */
  constructor(sql: SqlStorage, journal: Journal, scope: string) {
    this.#journal = journal
    this.#scope = scope
    this.#amounts = new AmountStorage(sql, journal, scope)
    this.#tallies = new TallyStorage(sql, journal, scope)
    this.#marks = new MarkStorage(sql, journal, scope)
    this.#trails = new TrailStorage(journal, scope)
    this.#cellSweep = new Sweep<PlacedCell>(sql, journal, scope, CELLS, (row) => {
      this.#lasts.delete(cellKey(row))
      this.#trails.deleted(row)
    })
    this.#flightSweep = new Sweep(sql, journal, scope, FLIGHTS, () => undefined)
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
    for (const row of this.#journal.rows<FlightRow>(FLIGHTS, { scope: this.#scope })) {
      const { id, owner, key, until, gateway, task } = row
      if (until <= wokenAt) continue
      const flights: CallsInFlight = memory.flights.find(owner, key) ?? new Map()
      memory.flights.set(owner, key, flights.set(id, { until, gateway, task }))
    }
  }

  #loadCells(memory: Memory, wokenAt: number): void {
    for (const row of this.#journal.rows<CellRow>(CELLS, { scope: this.#scope })) {
      const { kind, owner, key, body, until } = row
      if (until !== null && until <= wokenAt) continue
      if (kind !== "last") this.#trails.load(memory, kind, { owner, key }, body)
      else {
        const last: Last = JSON.parse(body)
        memory.lasts.set(owner, key, last)
      }
    }
  }

  /**
   * When what `save` will write has to be durable.
   * @param memory as it is before the updates are applied
   */
  due(memory: Memory, memoryUpdates: readonly MemoryUpdate[], now: number): Due {
    const isSlow = this.#pace.isSlow(now)
    let due: Due = DUE.never
    for (const note of memoryUpdates)
      if (this.#mustWrite(memory, note, now, isSlow))
        due = sooner(due, note.kind === "spend" ? this.#amounts.due(note, now) : DUE.before)
    return due
  }

  /** @param isSlow a row is written anyway: nothing is left uncertain */
  #mustWrite(memory: Memory, note: MemoryUpdate, now: number, isSlow: boolean): boolean {
    switch (note.kind) {
      case "spend":
        return this.#amounts.mustWrite(memory, note, now, isSlow)
      case "mark":
        return this.#marks.mustWrite(memory, note, now, isSlow)
      case "last": {
        const written = this.#lasts.get(cellKey(note))
        const last = memory.lasts.find(note.owner, note.key)
        if (last && last.denied.length > 0) return true
        if (last?.value === null && note.value === null) return false
        if (isSlow || !written || written.value !== note.value || written.spanMs !== note.spanMs) return true
        return now - written.at > (note.late ? written.slack : note.slackMs)
      }
      case "trail":
        return this.#trails.mustWrite(memory, note, now, isSlow)
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

  /** @param reserves as in amount-storage.ts */
  save(memory: Memory, memoryUpdates: readonly MemoryUpdate[], now: number, reserves = false): void {
    const sequence = memory.sequence + 1
    const isSlow = this.#pace.isSlow(now)
    for (const note of memoryUpdates)
      if (this.#mustWrite(memory, note, now, isSlow)) this.#save(memory, note, sequence, now, isSlow, reserves)
      else if (note.kind === "spend") this.#amounts.use(memory, note, now)
      else if (note.kind === "trail") this.#trails.leave(note)
    if (memoryUpdates.length > 0) this.#pace.use(1, now)
  }

  #save(memory: Memory, note: MemoryUpdate, sequence: number, now: number, isSlow: boolean, reserves: boolean): void {
    switch (note.kind) {
      case "spend":
        return this.#amounts.save(memory, note, now, isSlow, reserves)
      case "mark":
        return this.#marks.save(memory, note, sequence, now, isSlow)
      case "last":
        return this.#saveLast(note, now, isSlow)
      case "denied":
        return this.#saveDenied(memory, note, now)
      case "tally":
        return this.#tallies.save(memory, note, now)
      case "trail":
        return this.#trails.save(memory, note, now, isSlow)
      case "flight":
        this.#saveFlight(note)
        return this.#flightSweep.wrote(now)
      case "credit":
        return
      default:
        return note satisfies never
    }
  }

  #saveLast({ owner, key, value, spanMs, slackMs, late }: LastUpdate, now: number, isSlow: boolean): void {
    const slack = late && !isSlow && Number.isFinite(slackMs) ? Math.ceil(slackMs) : 0
    const last: Last = { value, at: now + slack, denied: [] }
    this.#saveCell(owner, key, last, now + spanMs + slack)
    this.#lasts.set(cellKey({ owner, key }), { value, at: now, slack, spanMs })
    this.#cellSweep.wrote(now)
  }

  #saveDenied(memory: Memory, note: DeniedLast, now: number): void {
    const { owner, key, spanMs } = note
    const last = withDenied(memory, note, now)
    this.#saveCell(owner, key, last, now + spanMs)
    this.#lasts.set(cellKey({ owner, key }), { value: last.value, at: last.at, slack: 0, spanMs })
    this.#cellSweep.wrote(now)
  }

  #saveCell(owner: string, key: string, body: Last, until: number): void {
    const values = [this.#scope, "last", owner, key, JSON.stringify(body), until]
    this.#journal.put(CELLS, values)
  }

  #saveFlight({ id, owner, key, inFlight }: InFlightUpdate): void {
    const { until, gateway, task } = inFlight
    this.#journal.put(FLIGHTS, [this.#scope, id, owner, key, until, gateway, task])
  }

  /**
   * A call has ended.
   * @returns whether this gateway had allowed it to the task, and it was still in flight
   */
  land(memory: Memory, id: string, gateway: string, task: string): boolean {
    const owners = [...memory.flights].flatMap(([owner, , flights]) => (flights.has(id) ? [owner] : []))
    const found = settleCall(memory, id, gateway, task)
    if (found) for (const owner of owners) this.#journal.remove(FLIGHTS, this.#scope, id, owner)
    return found
  }

  /** An operator has released the task: what it was denied before does not count against it. */
  forgetStorms(memory: Memory, task: string): void {
    this.#amounts.forgetStorms(memory, task)
  }

  /** No call will need the memory any more. */
  forget(): void {
    this.#amounts.forget()
    this.#tallies.forget()
    for (const table of [CELLS, FLIGHTS]) this.#journal.clear(table, { scope: this.#scope })
    this.#marks.forget()
    this.#trails.forget()
    this.#lasts.clear()
  }
}
