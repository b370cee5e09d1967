/** The rows of a ledger's journal (journal.ts). */
import type { Table, Value } from "./table.ts"

/**
 * `body` is what the step wrote (`Written`). By then, rows up to `floor` were in their tables, and records up to `sent`
 * were delivered, or in the outbox.
 */
export const JOURNAL_SCHEMA = `
CREATE TABLE journal (slot INTEGER PRIMARY KEY, number INTEGER NOT NULL, floor INTEGER NOT NULL, sent INTEGER NOT NULL, body TEXT NOT NULL);
CREATE TABLE outbox (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
`

export interface Change {
  readonly table: Table
  readonly key: readonly Value[]
  /** Null: it is deleted. */
  readonly row: readonly Value[] | null
  /** Of the row of the journal that has it. Infinity: none yet. */
  number: number
}

export interface Written {
  /** The table and the whole row, or the table, null and the key of a row that was deleted. */
  readonly rows: readonly (readonly Value[])[]
  /** Id and body. */
  readonly records: readonly (readonly [string, string])[]
}

export const INSERT = "INSERT INTO journal (number, floor, sent, body, slot) VALUES (?, ?, ?, ?, ?)"
export const UPDATE = "UPDATE journal SET number = ?, floor = ?, sent = ?, body = ? WHERE slot = ?"
/** Takes what was delivered, and what the tables have. */
export const BLANK = `UPDATE journal SET body = CASE WHEN number <= ?1 THEN json_set(body, '$.rows', json('[]'), '$.records', json('[]'))
  ELSE json_set(body, '$.rows', json('[]')) END WHERE number <= ?2`
