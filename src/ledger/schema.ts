/** The tables of a ledger, and their rows. In the key of `trees`, `ended` comes first: those that live are read together. */
import type { Task } from "../core/task/task.ts"
import { USED } from "./call-counts.ts"
import { CARRIED, LABELS } from "./label-storage.ts"
import { MEMORY_TABLES } from "./memories-storage.ts"
import { MEMORY_SCHEMA } from "./memory-storage.ts"
import { LIVES } from "./record-numbers.ts"
import { JOURNAL_SCHEMA } from "./journal-rows.ts"
import type { Table } from "./table.ts"
import { CREDITS_SCHEMA } from "./settlements.ts"

export const LEDGER_SCHEMA = `
CREATE TABLE ledger (bundle_seq INTEGER NOT NULL, bundle_digest TEXT NOT NULL, hidden TEXT NOT NULL, back_from INTEGER, back_until INTEGER,
  home TEXT);
CREATE TABLE trees (ended INTEGER NOT NULL, root TEXT NOT NULL, user TEXT, since INTEGER NOT NULL, consent TEXT, lives INTEGER NOT NULL,
  until INTEGER NOT NULL, opened TEXT NOT NULL, PRIMARY KEY (ended, root)) WITHOUT ROWID;
CREATE TABLE tasks (id TEXT PRIMARY KEY, body TEXT NOT NULL, jkt TEXT, status TEXT NOT NULL, ended_by TEXT,
  calls INTEGER NOT NULL, children INTEGER NOT NULL, last_call INTEGER NOT NULL, progress TEXT NOT NULL, tokens TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE approvals (root TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (root, id)) WITHOUT ROWID;
CREATE TABLE carried (agent TEXT NOT NULL, label TEXT NOT NULL, into_tasks TEXT NOT NULL, at INTEGER NOT NULL,
  carry INTEGER NOT NULL, decision TEXT NOT NULL, PRIMARY KEY (agent, label, into_tasks)) WITHOUT ROWID;
CREATE TABLE labels (root TEXT NOT NULL, label TEXT NOT NULL, PRIMARY KEY (root, label)) WITHOUT ROWID;
${MEMORY_SCHEMA}
${CREDITS_SCHEMA}
${JOURNAL_SCHEMA}
`

export const PROGRESS: Table = {
  name: "progress",
  columns: ["id", "progress"],
  keys: 1,
  until: null,
  update: "UPDATE tasks SET progress = ?2 WHERE id = ?1",
}
/** Those of which the journal has rows. */
export const JOURNALED: readonly Table[] = [...MEMORY_TABLES, CARRIED, LABELS, LIVES, USED, PROGRESS]

export interface LedgerRow extends Record<string, SqlStorageValue> {
  readonly bundle_seq: number
  readonly bundle_digest: string
  /** JSON list. */
  readonly hidden: string
  /** `SetBack` of core/guardrails/clock-step.ts: `last`, and `sum`. */
  readonly back_from: number | null
  readonly back_until: number | null
  /** JSON: `Home` of core/task/home.ts. */
  readonly home: string | null
}

export interface TreeRow extends Record<string, SqlStorageValue> {
  readonly root: string
  readonly user: string | null
  readonly since: number
  readonly consent: string | null
  readonly lives: number
  /** Milliseconds, until when a tree that has ended is kept. */
  readonly until: number
  /** JSON list of `EndedOpening`, once it has ended. */
  readonly opened: string
}

export interface TaskRow extends Record<string, SqlStorageValue> {
  readonly id: string
  /** `TaskBody` of core/task/task-text.ts. */
  readonly body: string
  readonly jkt: string | null
  readonly status: Task["status"]
  readonly ended_by: Task["endedBy"]
  readonly calls: number
  readonly children: number
  readonly last_call: number
  readonly progress: string
  /** JSON: `StoredToken` of each. */
  readonly tokens: string
}

/**
 * `jti`, when it expires, and the thumbprint of its key. If it opens less than its task: 0, the thumbprint, when it
 * expires, and its scope. A release that does not know this form then takes it for expired, and not for a wider one.
 */
export type StoredToken =
  | readonly [jti: string, expiresAt: number, jkt: string | null]
  | readonly [jti: string, never: 0, jkt: string | null, expiresAt: number, scope: string]
