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

interface TreeLife {
  readonly life: number
  /** Of its last record; none: 0. */
  number: number
  isDurable: boolean
}

/**
 * A record is numbered by the life of its tree in which it was made, and within that life from 1. A life of a tree
 * begins with its first record after the ledger's object has woken, or has read the tree again after its end. Within a
 * life nothing is reserved: a step that fails begins a new life (`Trees.transaction`), so no number is used twice.
 *
 * Until it is durable that there is one more life, its records are stored with their steps. One that waited in memory
 * could be sent by the ledger of another tree, and then the object could die and number its next life like this one; or it
 * would be lost with the object although its answer has left.
 */
export class RecordNumbers {
  readonly #journal: Journal
  readonly #sync: () => Promise<void>
  readonly #livesOf: (root: string) => number
  /** The present life of each tree with the number of its last record, by the id of the root. */
  readonly #lives = new Map<string, TreeLife>()

  /**
   * @param sync resolves once all that was written before is durable
   * @param livesOf how many the tree's row counts
   */
  constructor(journal: Journal, sync: () => Promise<void>, livesOf: (root: string) => number) {
    this.#journal = journal
    this.#sync = sync
    this.#livesOf = livesOf
  }

  /** The first life begins with the tree, whose row counts it. */
  begin(root: string): void {
    this.#start(root, 1)
  }

  /** Otherwise the tree's next record must not wait in memory. */
  isDurable(root: string): boolean {
    return this.#lives.get(root)?.isDurable ?? false
  }

  /**
   * The place of the tree's next record; the caller is inside its step's transaction. The first record of a life counts
   * that life in storage, so that no other life has the same number.
   */
  next(root: string): RecordPlace {
    const current = this.#lives.get(root) ?? this.#newLife(root)
    current.number += 1
    return { life: current.life, number: current.number }
  }

  #newLife(root: string): TreeLife {
    const [, pending] = this.#journal.pendingRow(LIVES, root) ?? []
    const life = Number(pending ?? this.#livesOf(root)) + 1
    this.#journal.put(LIVES, [root, life])
    return this.#start(root, life)
  }

  #start(root: string, life: number): TreeLife {
    const started: TreeLife = { life, number: 0, isDurable: false }
    this.#lives.set(root, started)
    void this.#confirm(started)
    return started
  }

  async #confirm(life: TreeLife): Promise<void> {
    // The step that begins the life has not committed yet.
    await Promise.resolve()
    try {
      await this.#sync()
      life.isDurable = true
    } catch {
      // What the object could not write ends it.
    }
  }

  /** Memory does not hold the tree any more. */
  release(root: string): void {
    this.#lives.delete(root)
  }
}
