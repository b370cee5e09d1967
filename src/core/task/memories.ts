/**
 * The memories of a ledger, in which its guardrails look back: one for each tree, one for each agent over all of its
 * trees, and one for the user over all agents. Each is loaded when it is first needed.
 */
import { Cells, Memory, type Credit } from "../guardrails/memory.ts"
import { applyUpdates, type MemoryUpdate } from "../guardrails/memory-update.ts"
import type { HistoryKey } from "../guardrails/history-key.ts"

/** Names a memory within its ledger: the id of a root task, `agent` and an agent's history key, or `user`. */
export type Scope = string

export const USER_SCOPE: Scope = "user"

export function scopeOfAgent(agent: HistoryKey): Scope {
  return `agent ${agent}`
}

/** What a call adds to one of the memories. */
export interface ScopedUpdates {
  readonly scope: Scope
  readonly updates: readonly MemoryUpdate[]
}

export class Memories {
  /** What shared limits have lent to the ledger: all of its memories use it together. */
  readonly credits = new Cells<Credit>()
  readonly #byScope = new Map<Scope, Memory>()
  readonly #load: (scope: Scope, credits: Cells<Credit>) => Memory

  /** @param load makes a memory that is needed for the first time; absent: it begins empty */
  constructor(load: (scope: Scope, credits: Cells<Credit>) => Memory = (_scope, credits) => begun(credits)) {
    this.#load = load
  }

  of(scope: Scope): Memory {
    let memory = this.#byScope.get(scope)
    if (!memory) this.#byScope.set(scope, (memory = this.#load(scope, this.credits)))
    return memory
  }

  /** A tree that is opened now has no memory that could be loaded. */
  begin(root: Scope): void {
    this.#byScope.set(root, begun(this.credits))
  }

  drop(scope: Scope): void {
    this.#byScope.delete(scope)
  }
}

function begun(credits: Cells<Credit>): Memory {
  return new Memory(Number.NEGATIVE_INFINITY, credits)
}

/** Joins the updates of each memory: what a call adds to it counts as one step. */
export function joined(parts: readonly ScopedUpdates[]): readonly ScopedUpdates[] {
  const [first] = parts
  if (!first) return []
  // Nearly all calls concern one memory.
  if (parts.every(({ scope }) => scope === first.scope)) {
    const all: MemoryUpdate[] = []
    for (const { updates } of parts) for (const update of updates) all.push(update)
    return all.length === 0 ? [] : [{ scope: first.scope, updates: all }]
  }
  const byScope = new Map<Scope, MemoryUpdate[]>()
  for (const { scope, updates } of parts) {
    if (updates.length === 0) continue
    const all = byScope.get(scope)
    if (all) all.push(...updates)
    else byScope.set(scope, [...updates])
  }
  return Array.from(byScope, ([scope, updates]) => ({ scope, updates }))
}

/** @param now milliseconds, the time of the call */
export function applyScoped(memories: Memories, all: readonly ScopedUpdates[], now: number): void {
  for (const { scope, updates } of all) applyUpdates(memories.of(scope), updates, now)
}
