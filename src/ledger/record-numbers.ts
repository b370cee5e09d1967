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
  update: "UPDATE trees SET lives = ?2 WHERE root = ?1",
}

/**
 * A record is numbered by the life of its tree in which it was made, and within that life from 1. A life of a tree
 * begins with its first record after the ledger's object has woken. Within a life nothing is reserved: a step that fails
 * begins a new life (`Trees.transaction`), so no number is used twice.
 */
export class RecordNumbers {
  readonly #journal: Journal
  /** By the id of the root: how many lives of the tree are stored … */
  readonly #lives = new Map<string, number>()
  /** … and how many records it has in this life; absent: none. */
  readonly #recordsOfLife = new Map<string, number>()

  constructor(journal: Journal) {
    this.#journal = journal
  }

  /** The first life begins with the tree, whose row counts it. */
  begin(root: string): void {
    this.#lives.set(root, 1)
    this.#recordsOfLife.set(root, 0)
  }

  /** @param lives as the tree's row counts them */
  load(root: string, lives: number): void {
    const [, pending] = this.#journal.pendingRow(LIVES, root) ?? []
    this.#lives.set(root, Number(pending ?? lives))
  }

  /** Whether `next` writes a row. */
  mustWrite(root: string): boolean {
    return !this.#recordsOfLife.has(root)
  }

  /**
   * The place of the tree's next record; the caller is inside its step's transaction. The first record of a life counts
   * that life in storage, so that no other life has the same number.
   */
  next(root: string): RecordPlace {
    const number = (this.#recordsOfLife.get(root) ?? 0) + 1
    let life = this.#lives.get(root) ?? 0
    if (this.mustWrite(root)) {
      life += 1
      this.#lives.set(root, life)
      this.#journal.put(LIVES, [root, life])
    }
    this.#recordsOfLife.set(root, number)
    return { life, number }
  }

  /** The tree is forgotten. */
  forget(root: string): void {
    this.#lives.delete(root)
    this.#recordsOfLife.delete(root)
  }
}
