/** What is remembered of last calls and of trails: one row for each cell of a memory, whatever its kind. */
import type { Table } from "./table.ts"

/** After `until` a row does not matter. */
export const CELL_SCHEMA = `
CREATE TABLE cells (scope TEXT NOT NULL, kind TEXT NOT NULL, owner TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, until INTEGER,
  PRIMARY KEY (scope, kind, owner, key)) WITHOUT ROWID;
`
export const CELLS: Table = {
  name: "cells",
  columns: ["scope", "kind", "owner", "key", "body", "until"],
  keys: 4,
  until: ["until"],
}
