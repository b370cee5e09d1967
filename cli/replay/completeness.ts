/**
 * Which trees are recorded from their beginning without a gap: only for them can the state be rebuilt.
 * docs/reference/decision-record.md#durability says what a gap shows.
 */
import { readLocator, rootOf } from "../../src/core/task/state.ts"
import type { ShownRecord } from "../remote/decision-record.ts"

interface Place {
  readonly life: number
  readonly number: number
}

export class Completeness {
  /** Of each tree that is complete so far, the place of its newest record. */
  readonly #places = new Map<string, Place>()
  readonly #incomplete = new Set<string>()
  readonly #incompleteLedgers = new Set<string>()

  /** @param record the next one in order; one that no ledger has decided has no place */
  note({ task, life, number }: ShownRecord): void {
    if (task === null || life === null || number === null) return
    const root = rootOf(task)
    if (this.#incomplete.has(root)) return
    const { life: lastLife, number: last } = this.#places.get(root) ?? { life: 0, number: 0 }
    const isNext = life === lastLife ? number === last + 1 : life === lastLife + 1 && number === 1
    if (isNext) this.#places.set(root, { life, number })
    else this.lose(root)
  }

  /** Something of the tree is not recorded. */
  lose(root: string): void {
    this.#places.delete(root)
    this.#incomplete.add(root)
    this.#incompleteLedgers.add(readLocator(root))
  }

  isTree(task: string): boolean {
    return this.#places.has(rootOf(task))
  }

  isLedger(task: string): boolean {
    return !this.#incompleteLedgers.has(readLocator(task))
  }

  isAll(): boolean {
    return this.#incompleteLedgers.size === 0
  }

  get incompleteTrees(): number {
    return this.#incomplete.size
  }
}
