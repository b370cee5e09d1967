/** The numbers of a tree's records: a missing number in the record log is a lost record. */
import type { RecordPlace } from "../core/record/record.ts"

/**
 * A record is numbered by the life of the object that wrote it, and within that life from 1. Within a life nothing is
 * reserved: a step that fails begins a new life (`Tree.transaction`), so no number is used twice.
 */
export class RecordNumbers {
  readonly #sql: SqlStorage
  /** The number of lives of this ledger in storage. */
  #lives = 0
  /** The number of this life. Null if it has written no record. */
  #life: number | null = null
  #recordsOfLife = 0

  constructor(sql: SqlStorage) {
    this.#sql = sql
  }

  /** The first life begins with the tree, whose row counts it. */
  begin(): void {
    this.#life = this.#lives = 1
  }

  /** @param lives as the tree's row counts them */
  load(lives: number): void {
    this.#lives = lives
  }

  /** Whether `next` writes a row. */
  mustWrite(): boolean {
    return this.#life === null
  }

  /**
   * The place of the next record; the caller is inside its step's transaction. The first record of a life counts that
   * life in storage, so that no other life has the same number.
   */
  next(): RecordPlace {
    if (this.#life === null) {
      this.#life = this.#lives + 1
      this.#sql.exec("UPDATE tree SET lives = ?", this.#life)
    }
    return { life: this.#life, number: ++this.#recordsOfLife }
  }
}
