/**
 * A tree's state in the SQLite of its Durable Object. Each `save*` runs in the transaction of one step, before memory
 * changes. `load` rebuilds the state on waking, and counts credit that was written but may not have been used as used.
 */
import { used, type Approval } from "../core/task/approval.ts"
import type { Guardrails } from "../core/guardrails/guardrails.ts"
import type { Signal } from "../core/guardrails/risk.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { MemoryUpdate } from "../core/guardrails/memory-update.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import type { TaskChange, TaskEnd } from "../core/task/change.ts"
import { blockSize } from "../core/task/counter-block.ts"
import type { Opening } from "../core/task/opening-step.ts"
import type { Consent } from "../core/task/pending-consent.ts"
import { CREDITS_SCHEMA } from "./settlements.ts"
import { MEMORY_SCHEMA, MemoryStorage } from "./memory-storage.ts"
import { OUTBOX_SCHEMA } from "./record-outbox.ts"
import { RecordNumbers } from "./record-numbers.ts"
import type { ProofLog } from "../core/task/proof-log.ts"
import { newTree, type TreeState } from "../core/task/state.ts"
import type { IssuedToken, Task } from "../core/task/task.ts"

const SCHEMA = `
CREATE TABLE tree (root TEXT NOT NULL, user TEXT, since INTEGER NOT NULL, bundle_seq INTEGER NOT NULL, bundle_digest TEXT NOT NULL,
  hidden TEXT NOT NULL, lives INTEGER NOT NULL);
CREATE TABLE tasks (id TEXT PRIMARY KEY, body TEXT NOT NULL, jkt TEXT, status TEXT NOT NULL, ended_by TEXT,
  calls INTEGER NOT NULL, children INTEGER NOT NULL, last_call INTEGER NOT NULL, progress TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE tokens (jti TEXT PRIMARY KEY, task TEXT NOT NULL, expires_at INTEGER NOT NULL, jkt TEXT) WITHOUT ROWID;
CREATE TABLE consent (only INTEGER PRIMARY KEY CHECK (only = 1), body TEXT NOT NULL);
CREATE TABLE approvals (id TEXT PRIMARY KEY, body TEXT NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE labels (label TEXT PRIMARY KEY) WITHOUT ROWID;
${MEMORY_SCHEMA}
${CREDITS_SCHEMA}
${OUTBOX_SCHEMA}
`

interface TreeRow extends Record<string, SqlStorageValue> {
  readonly root: string
  readonly user: string | null
  readonly since: number
  readonly bundle_seq: number
  readonly bundle_digest: string
  /** JSON list. */
  readonly hidden: string
  readonly lives: number
}

/** The fields of a task that never change. */
type TaskBody = Omit<Task, "jkt" | "status" | "endedBy" | "calls" | "children" | "lastCall" | "progress">

interface TaskRow extends Record<string, SqlStorageValue> {
  readonly body: string
  readonly jkt: string | null
  readonly status: Task["status"]
  readonly ended_by: Task["endedBy"]
  readonly calls: number
  readonly children: number
  readonly last_call: number
  readonly progress: string
}

/** The state of a quarantined task after its release. */
export const RELEASED = { status: "active", by: null } as const

export class LedgerStorage {
  readonly records: RecordNumbers
  readonly #sql: SqlStorage
  readonly #memory: MemoryStorage
  /** Calls of each task that are written, and when the last of them was. */
  readonly #reserved = new Map<string, number>()
  readonly #lastCalls = new Map<string, number>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.records = new RecordNumbers(sql)
    this.#memory = new MemoryStorage(sql)
  }

  /**
   * Null if this object has never stored a tree.
   * @param proofsSince makes the log of the proofs admitted in this life, which begins at that time by the ledger's
   *   clock
   */
  load(now: number, proofsSince: (wokenAt: number) => ProofLog): TreeState | null {
    const tables = this.#sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'tree'").toArray()
    if (tables.length === 0) return null
    const [tree] = this.#sql.exec<TreeRow>("SELECT * FROM tree")
    if (!tree) return null
    const user: UserFacts | null = tree.user === null ? null : JSON.parse(tree.user)
    const lastWritten = Math.max(this.#memory.latest(), this.#lastCall())
    const wokenAt = Math.max(now, lastWritten)
    const state = newTree(
      tree.root,
      user,
      tree.since,
      { seq: tree.bundle_seq, digest: tree.bundle_digest },
      wokenAt,
      // Another machine's clock may have been ahead; what it admitted was admitted before this life nevertheless.
      proofsSince(wokenAt),
      this.#memory.load(wokenAt),
    )
    const hidden: readonly string[] = JSON.parse(tree.hidden)
    for (const guardrail of hidden) state.hidden.add(guardrail)
    this.records.load(tree.lives)
    this.#loadTasks(state)
    this.#loadRisks(state)
    const [consent] = this.#sql.exec<{ body: string }>("SELECT body FROM consent")
    if (consent) state.consent = JSON.parse(consent.body)
    for (const { body } of this.#sql.exec<{ body: string }>("SELECT body FROM approvals")) {
      const approval: Approval = JSON.parse(body)
      state.approvals.set(approval.id, approval)
    }
    for (const { label } of this.#sql.exec<{ label: string }>("SELECT label FROM labels")) state.labels.add(label)
    return state
  }

  #loadTasks(state: TreeState): void {
    for (const row of this.#sql.exec<TaskRow>("SELECT * FROM tasks")) {
      const { body, jkt, status, ended_by: endedBy, calls, children, last_call: lastCall } = row
      const stored: TaskBody = JSON.parse(body)
      const progress: Task["progress"] = JSON.parse(row.progress)
      state.tasks.set(stored.id, { ...stored, jkt, status, endedBy, calls, children, lastCall, progress })
      this.#reserved.set(stored.id, calls)
      this.#lastCalls.set(stored.id, lastCall)
    }
    const tokens = this.#sql.exec<{ jti: string; task: string; expires_at: number; jkt: string | null }>(
      "SELECT * FROM tokens",
    )
    for (const { jti, task, expires_at, jkt } of tokens) state.tokens.set(jti, { task, expiresAt: expires_at, jkt })
  }

  #loadRisks(state: TreeState): void {
    const tables = this.#sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'risks'").toArray()
    if (tables.length === 0) return
    const risks = this.#sql.exec<{ task: string; level: number; at: number; half_life: number }>("SELECT * FROM risks")
    for (const { task, level, at, half_life: halfLife } of risks) state.risks.set(task, { level, at, halfLife })
  }

  #lastCall(): number {
    return this.#sql.exec<{ at: number | null }>("SELECT MAX(last_call) AS at FROM tasks").one().at ?? 0
  }

  saveTree(state: TreeState): void {
    this.#sql.exec(SCHEMA)
    const user = state.user && JSON.stringify(state.user)
    const { seq, digest } = state.bundle
    this.records.begin()
    const values = [state.root, user, state.since, seq, digest, JSON.stringify([...state.hidden])]
    this.#sql.exec("INSERT INTO tree VALUES (?, ?, ?, ?, ?, ?, 1)", ...values)
  }

  saveConsent(consent: Consent): void {
    this.#sql.exec("INSERT OR REPLACE INTO consent VALUES (1, ?)", JSON.stringify(consent))
  }

  /** A task that waits for consent. */
  savePending(task: Task): void {
    this.#saveTask(task)
  }

  /** @param state as it is before the bundle decides */
  saveBundle({ hidden }: TreeState, { seq, digest }: Pointer, { telltales }: Guardrails): void {
    const ids = JSON.stringify([...hidden.union(telltales)])
    this.#sql.exec("UPDATE tree SET bundle_seq = ?, bundle_digest = ?, hidden = ?", seq, digest, ids)
  }

  saveOpening({ task, token, session }: Opening, now: number): void {
    if (session) {
      this.#sql.exec("UPDATE tree SET user = ?, since = ?", JSON.stringify(session.user), session.since)
    }
    this.#sql.exec("DELETE FROM tokens WHERE expires_at <= ?", now)
    const { jti, task: owner, expiresAt, jkt }: { readonly jti: string } & IssuedToken = token
    this.#sql.exec("INSERT INTO tokens VALUES (?, ?, ?, ?)", jti, owner, expiresAt, jkt)
    if (!task) this.#sql.exec("UPDATE tasks SET jkt = ? WHERE id = ?", jkt, owner)
    else this.#saveTask(task)
  }

  #saveTask(task: Task): void {
    const { jkt, status, endedBy, calls, children, lastCall, progress, ...body } = task
    const [text, plan] = [JSON.stringify(body satisfies TaskBody), JSON.stringify(progress)]
    const values = [task.id, text, jkt, status, endedBy, calls, children, lastCall, plan]
    this.#sql.exec(`INSERT OR REPLACE INTO tasks VALUES (${values.map(() => "?").join(", ")})`, ...values)
    this.#sql.exec("UPDATE tasks SET children = children + 1 WHERE id = ?", task.parent)
    this.#reserved.set(task.id, 0)
    this.#lastCalls.set(task.id, lastCall)
  }

  forgetToken(jti: string): void {
    this.#sql.exec("DELETE FROM tokens WHERE jti = ?", jti)
  }

  /** All tokens of the tree. */
  forgetTokens(): void {
    this.#sql.exec("DELETE FROM tokens")
  }

  /** Few trees have a reported risk, so the table is created with the first. Null if no risk is reported any more. */
  saveRisk(task: string, signal: Signal | null): void {
    this.#sql
      .exec(`CREATE TABLE IF NOT EXISTS risks (task TEXT PRIMARY KEY, level INTEGER NOT NULL, at INTEGER NOT NULL,
      half_life INTEGER NOT NULL) WITHOUT ROWID`)
    if (!signal) this.#sql.exec("DELETE FROM risks WHERE task = ?", task)
    else {
      const { level, at, halfLife } = signal
      this.#sql.exec("INSERT OR REPLACE INTO risks VALUES (?, ?, ?, ?)", task, level, at, halfLife)
    }
  }

  saveEnd(ids: readonly string[], { status, by }: Pick<TaskEnd, "status" | "by"> | typeof RELEASED): void {
    for (const id of ids) this.#sql.exec("UPDATE tasks SET status = ?, ended_by = ? WHERE id = ?", status, by, id)
  }

  /** Whether `saveChange`, with a record's number, will write: credit that is already written needs no transaction. */
  mustWrite(state: TreeState, { at, counted, plans, approvals, memoryUpdates, labels }: TaskChange): boolean {
    return (
      approvals.length > 0 ||
      labels.length > 0 ||
      plans.length > 0 ||
      this.mustNote(state, memoryUpdates, at) ||
      counted.some((id) => (state.tasks.get(id)?.calls ?? 0) >= (this.#reserved.get(id) ?? 0))
    )
  }

  mustNote({ memory }: TreeState, memoryUpdates: readonly MemoryUpdate[], now: number): boolean {
    return this.#memory.mustWrite(memory, memoryUpdates, now)
  }

  /** @param state as it is before the updates are applied */
  saveNotes({ memory }: TreeState, memoryUpdates: readonly MemoryUpdate[], now: number): void {
    this.#memory.save(memory, memoryUpdates, now)
  }

  land({ memory }: TreeState, decision: string, gateway: string): boolean {
    return this.#memory.land(memory, decision, gateway)
  }

  forgetStorms({ memory }: TreeState, task: string): void {
    this.#memory.forgetStorms(memory, task)
  }

  saveApproval(approval: Approval, now: number): void {
    this.#sql.exec("DELETE FROM approvals WHERE until <= ?", now)
    const { id, expiresAt } = approval
    this.#sql.exec("INSERT OR REPLACE INTO approvals VALUES (?, ?, ?)", id, JSON.stringify(approval), expiresAt)
  }

  /** No further call will need the memory. */
  forgetMemory(): void {
    this.#memory.forget()
    this.#sql.exec("DELETE FROM approvals")
  }

  /** @param state as it is before the change */
  saveChange(state: TreeState, change: TaskChange): void {
    for (const id of change.counted) {
      const task = state.tasks.get(id)
      if (task) this.#reserveCalls(task, change.at)
    }
    this.saveNotes(state, change.memoryUpdates, change.at)
    for (const approval of change.approvals) this.saveApproval(used(approval), change.at)
    for (const { task, progress } of change.plans) {
      this.#sql.exec("UPDATE tasks SET progress = ? WHERE id = ?", JSON.stringify(progress), task)
    }
    for (const label of change.labels) this.#sql.exec("INSERT OR IGNORE INTO labels VALUES (?)", label)
  }

  #reserveCalls(task: Task, now: number): void {
    if (task.calls < (this.#reserved.get(task.id) ?? 0)) return
    this.#saveCalls(task.id, task.calls + blockSize(task.grant.calls, task.calls), now)
  }

  /** A last call that is not written in time only makes an idle task expire sooner. */
  #saveCalls(id: string, calls: number, lastCall: number): void {
    this.#sql.exec("UPDATE tasks SET calls = ?, last_call = ? WHERE id = ?", calls, lastCall, id)
    this.#reserved.set(id, calls)
    this.#lastCalls.set(id, lastCall)
  }

  /** When the ledger is quiet: returns credit that is written but not used. */
  settle(state: TreeState): void {
    for (const { id, calls, lastCall } of state.tasks.values()) {
      if (this.#reserved.get(id) !== calls || this.#lastCalls.get(id) !== lastCall) this.#saveCalls(id, calls, lastCall)
    }
    this.#memory.settle(state.memory, state.clock)
  }
}
