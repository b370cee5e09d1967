/** The rows of amounts that guardrails count (amount-storage.ts). */
import { COUNTER_SCHEMA } from "./counter-storage.ts"
import type { Row, Table } from "./table.ts"

/**
 * `blocks`: `amount` was used by `at`, and `open` may be used until `slack` after it. `once`: calls that are not
 * written were made by `at` and `slack`.
 */
export const AMOUNT_SCHEMA = `
${COUNTER_SCHEMA}
CREATE TABLE blocks (scope TEXT NOT NULL, id INTEGER NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, at INTEGER NOT NULL,
  amount INTEGER NOT NULL, open INTEGER NOT NULL, slack INTEGER NOT NULL, span INTEGER NOT NULL,
  PRIMARY KEY (scope, id)) WITHOUT ROWID;
CREATE TABLE once (scope TEXT NOT NULL, owner TEXT NOT NULL, at INTEGER NOT NULL, slack INTEGER NOT NULL, span INTEGER NOT NULL,
  PRIMARY KEY (scope, owner)) WITHOUT ROWID;
`

export const BLOCKS: Table = {
  name: "blocks",
  columns: ["scope", "id", "owner", "key", "at", "amount", "open", "slack", "span"],
  keys: 2,
  until: ["at", "slack", "span"],
}
export const ONCE: Table = {
  name: "once",
  columns: ["scope", "owner", "at", "slack", "span"],
  keys: 2,
  until: ["at", "slack", "span"],
}

export interface BlockRow extends Row {
  readonly id: number
  readonly owner: string
  readonly key: string
  readonly at: number
  readonly amount: number
  readonly open: number
  readonly slack: number
  readonly span: number
}

export interface OnceRow extends Row {
  readonly scope: string
  readonly owner: string
  readonly at: number
  readonly slack: number
  readonly span: number
}
