/**
 * Trails of calls in the SQLite of a ledger's object. Most never go round, so a trail is written once it has gone round
 * twice, or if calls come slowly. What was not written counts, after waking, as calls that may have been any.
 */
import type { Memory } from "../core/guardrails/memory.ts"
import { trailOf, type TrailUpdate } from "../core/guardrails/memory-update.ts"
import { Trail, type TrailState } from "../core/guardrails/meter/trail.ts"
import { cellKey } from "./cell-key.ts"
import { CELLS } from "./cells.ts"
import type { Journal } from "./journal.ts"
import type { Row } from "./table.ts"

export interface PlacedCell extends Row {
  readonly owner: string
  readonly key: string
}

/** How often in a pause it is stored anew that trails may be lost. */
const NOTED_IN_PAUSE = 16

export class TrailStorage {
  readonly #journal: Journal
  readonly #scope: string
  /** Trails that have a row. */
  readonly #written = new Set<string>()
  /** Owners of trails that have none. */
  readonly #unwritten = new Set<string>()
  /** Milliseconds: until then it is stored that trails of an owner may be lost. */
  readonly #mayLoseUntil = new Map<string, number>()

  constructor(journal: Journal, scope: string) {
    this.#journal = journal
    this.#scope = scope
  }

  /** @param kind of a cell, with its body: `trail`; or `lost`, if trails of the owner were not written */
  load(
    memory: Memory,
    kind: string,
    { owner, key }: { readonly owner: string; readonly key: string },
    body: string,
  ): void {
    if (kind === "lost") {
      memory.lostTrails.add(owner)
      return
    }
    const state: TrailState = JSON.parse(body)
    this.#written.add(cellKey({ owner, key }))
    memory.trails.set(owner, key, new Trail(state))
  }

  /** A row of a cell was deleted because it mattered no more. */
  deleted(row: PlacedCell): void {
    this.#written.delete(cellKey(row))
  }

  /** Whether `save` has to be called, and not `leave`. */
  mustWrite(memory: Memory, note: TrailUpdate, now: number, isSlow: boolean): boolean {
    // A sequence that has repeated twice is stored, and so is that it repeats no longer.
    if (isSlow || !note.lazy || this.#written.has(cellKey(note)) || goesRound(memory, note, now)) return true
    return note.pauseMs !== null && now >= (this.#mayLoseUntil.get(note.owner) ?? 0)
  }

  /** It grows without being written. */
  leave({ owner }: TrailUpdate): void {
    this.#unwritten.add(owner)
  }

  /** @param memory as it is before the update is applied */
  save(memory: Memory, note: TrailUpdate, now: number, isSlow: boolean): void {
    const { owner, key, lazy, pauseMs } = note
    if (lazy && !isSlow && !goesRound(memory, note, now)) {
      this.#written.delete(cellKey(note))
      this.leave(note)
      this.#journal.remove(CELLS, this.#scope, "trail", owner, key)
      this.#mayLose(owner, pauseMs, now)
      return
    }
    // From now on nothing of it may be lost.
    if (!lazy && this.#unwritten.delete(owner)) this.#saveAll(memory, owner, pauseMs)
    const trail = new Trail(trailOf(memory, note, now).toJSON())
    trail.add(note.call, now)
    this.#saveTrail(owner, key, trail, pauseMs)
  }

  /** Stores that trails of the owner are not written: seldom, as no call before a pause matters. */
  #mayLose(owner: string, pauseMs: number | null, now: number): void {
    if (pauseMs === null || now < (this.#mayLoseUntil.get(owner) ?? 0)) return
    const until = now + pauseMs / NOTED_IN_PAUSE
    this.#mayLoseUntil.set(owner, until)
    this.#saveCell("lost", owner, "", null, until + pauseMs)
  }

  #saveAll(memory: Memory, owner: string, pauseMs: number | null): void {
    for (const [key, trail] of memory.trails.of(owner))
      if (!this.#written.has(cellKey({ owner, key }))) this.#saveTrail(owner, key, trail, pauseMs)
    if (this.#mayLoseUntil.delete(owner)) this.#journal.remove(CELLS, this.#scope, "lost", owner, "")
  }

  #saveTrail(owner: string, key: string, trail: Trail, pauseMs: number | null): void {
    this.#written.add(cellKey({ owner, key }))
    this.#saveCell("trail", owner, key, trail.toJSON(), pauseMs === null ? null : trail.lastAt + pauseMs)
  }

  #saveCell(kind: "trail" | "lost", owner: string, key: string, body: TrailState | null, until: number | null): void {
    const values = [this.#scope, kind, owner, key, JSON.stringify(body), until]
    this.#journal.put(CELLS, values)
  }

  forget(): void {
    for (const cache of [this.#written, this.#unwritten, this.#mayLoseUntil]) cache.clear()
  }
}

function goesRound(memory: Memory, note: TrailUpdate, now: number): boolean {
  return trailOf(memory, note, now)
    .runsWith(note.call)
    .some((run, index) => run >= index + 2)
}
