/** The numbers of a tree's records: a missing number in the record log is a lost record. */
import type { RecordPlace } from "../core/record/record.ts"
import type { Journal } from "./journal.ts"
import type { Table } from "./table.ts"

/** How many lives of a tree are stored: part of the tree's row. */
export const LIVES: Table = {
  name: "lives",
  columns: ["root", "lives"],
  keys: 1,
  until: null,
  update: "UPDATE trees SET lives = ?2 WHERE ended IN (0, 1) AND root = ?1",
}

/** `number` is that of its last record; none: 0. */
interface TreeLife {
  readonly life: number
  number: number
}

/**
 * A record is numbered by the life of its tree in which it was made, and within that life from 1. A life of a tree
 * begins with its first record after the ledger's object has woken, or has read the tree again after its end. Within a
 * life nothing is reserved: a step that fails begins a new life (`Trees.transaction`), so no number is used twice.
 */
export class RecordNumbers {
  readonly #journal: Journal
  readonly #livesOf: (root: string) => number
  /** The present life of each tree with the number of its last record, by the id of the root. */
  readonly #lives = new Map<string, TreeLife>()

  /** @param livesOf how many the tree's row counts */
  constructor(journal: Journal, livesOf: (root: string) => number) {
    this.#journal = journal
    this.#livesOf = livesOf
  }

  /** The first life begins with the tree, whose row counts it. */
  begin(root: string): void {
    this.#lives.set(root, { life: 1, number: 0 })
  }

  /** Whether `next` writes a row. */
  mustWrite(root: string): boolean {
    return !this.#lives.has(root)
  }

  /**
   * The place of the tree's next record; the caller is inside its step's transaction. The first record of a life counts
   * that life in storage, so that no other life has the same number.
   */
  next(root: string): RecordPlace {
    const life = this.lifeOf(root)
    life.number += 1
    return { ...life }
  }

  /** The same object for as long as the life lasts. The caller is inside its step's transaction. */
  lifeOf(root: string): TreeLife {
    return this.#lives.get(root) ?? this.#newLife(root)
  }

  #newLife(root: string): TreeLife {
    const [, pending] = this.#journal.pendingRow(LIVES, root) ?? []
    const life = { life: Number(pending ?? this.#livesOf(root)) + 1, number: 0 }
    this.#journal.put(LIVES, [root, life.life])
    this.#lives.set(root, life)
    return life
  }

  /** Memory does not hold the tree any more. */
  release(root: string): void {
    this.#lives.delete(root)
  }
}
