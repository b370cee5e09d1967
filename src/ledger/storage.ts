/**
 * A ledger's state in the SQLite of its Durable Object. Each `save*` runs in the transaction of one step, before memory
 * changes; what is written often is in the journal until the step commits. `load` rebuilds the state on waking, and counts credit that was written but may not have been used as used.
 */
import { applyUse, type Approval } from "../core/task/approval.ts"
import type { Guardrails } from "../core/guardrails/guardrails.ts"
import { lastOf, type Signal } from "../core/guardrails/risk.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import type { TaskChange, TaskEnd } from "../core/task/change.ts"
import type { Opening } from "../core/task/opening-step.ts"
import type { Consent } from "../core/task/pending-consent.ts"
import { correctClock, isOff, latestTime, TIMES, type SetBack } from "./clock-correction.ts"
import { CallCounts } from "./call-counts.ts"
import { Journal } from "./journal.ts"
import { MemoriesStorage } from "./memories-storage.ts"
import { LabelStorage } from "./label-storage.ts"
import { applyLoaded } from "../core/task/transition.ts"
import { setRisk } from "../core/task/risks.ts"
import { forgetTokens, loadTokens, saveToken } from "./token-storage.ts"
import { RecordNumbers } from "./record-numbers.ts"
import {
  JOURNALED,
  LEDGER_SCHEMA,
  PROGRESS,
  type LedgerRow,
  type TaskBody,
  type TaskRow,
  type TreeRow,
} from "./schema.ts"
import type { Proofs } from "../core/task/proof-log.ts"
import { newLedger, newTree, rootOf, type LedgerState, type TreeState } from "../core/task/state.ts"
import { countApproval } from "../core/task/transition.ts"
import { countTrees } from "../core/task/openings.ts"
import type { Task } from "../core/task/task.ts"

function setBackOf({ back_from: from, back_until: until }: LedgerRow): SetBack {
  return from === null || until === null ? null : { from, until }
}

/** The root and every task below it: `.` comes before `/`. The root is to be given twice. */
const OF_TREE = (column: string): string => `${column} >= ? AND ${column} < ? || '/'`

/** The state of a quarantined task after its release. */
export const RELEASED = { status: "active", by: null } as const

export class LedgerStorage {
  readonly journal: Journal
  readonly records: RecordNumbers
  readonly labels: LabelStorage
  readonly #sql: SqlStorage
  readonly memories: MemoriesStorage
  /** Whether the clock was set back, and is to reach the time at which it was. */
  setBack: SetBack = null
  /** Whether there are tables. */
  #isStored = false
  readonly #calls: CallCounts
  /** `jti` of tokens that had expired before this life, until their rows are deleted. */
  #expired: readonly string[] = []

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.journal = new Journal(sql, JOURNALED)
    this.records = new RecordNumbers(this.journal)
    this.#calls = new CallCounts(this.journal)
    this.memories = new MemoriesStorage(sql, this.journal)
    this.labels = new LabelStorage(sql, this.journal)
  }

  /**
   * Null if this object has never stored a tree.
   * @param proofsSince makes the log of the proofs admitted in this life, which begins at that time by the ledger's
   *   clock
   */
  load(now: number, proofsSince: (wokenAt: number) => Proofs): LedgerState | null {
    const tables = this.#sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'ledger'").toArray()
    if (tables.length === 0) return null
    this.#isStored = true
    const [row] = this.#sql.exec<LedgerRow>("SELECT * FROM ledger")
    if (!row) return null
    this.journal.load()
    // Another machine's clock may have been ahead.
    const latest = Math.max(latestTime(this.#sql), this.#lastCall(), this.#latestPending())
    const setBack = setBackOf(row)
    if (isOff(latest, setBack, now)) {
      this.journal.fold(latest)
      correctClock(this.#sql, latest, setBack, now)
      return this.load(now, proofsSince)
    }
    const wokenAt = Math.max(now, latest)
    const bundle = { seq: row.bundle_seq, digest: row.bundle_digest }
    // What another machine admitted was admitted before this life, whatever its clock.
    const ledger = newLedger(bundle, wokenAt, proofsSince(wokenAt), this.memories.load(wokenAt))
    this.setBack = setBack
    const hidden: readonly string[] = JSON.parse(row.hidden)
    for (const guardrail of hidden) ledger.hidden.add(guardrail)
    for (const { root, user, since, consent, lives } of this.#sql.exec<TreeRow>("SELECT * FROM trees").toArray()) {
      const facts: UserFacts | null = user === null ? null : JSON.parse(user)
      const tree = newTree(ledger, root, facts, since)
      this.records.load(root, lives)
      if (consent !== null) tree.consent = JSON.parse(consent)
      ledger.trees.set(root, tree)
    }
    this.#loadTasks(ledger)
    countTrees(ledger)
    this.#loadRisks(ledger)
    for (const { root, body } of this.#sql.exec<{ root: string; body: string }>("SELECT root, body FROM approvals")) {
      const approval: Approval = JSON.parse(body)
      const tree = ledger.trees.get(root)
      tree?.approvals.set(approval.id, approval)
      if (tree) countApproval(tree, approval)
    }
    this.labels.load(ledger, wokenAt)
    return ledger
  }

  #loadTasks(ledger: LedgerState): void {
    for (const row of this.#sql.exec<TaskRow>("SELECT * FROM tasks")) {
      const { body, jkt, status, ended_by: endedBy, children } = row
      const stored: TaskBody = JSON.parse(body)
      const [, plan = row.progress] = this.journal.pendingRow(PROGRESS, stored.id) ?? []
      const progress: Task["progress"] = JSON.parse(String(plan))
      const counted = this.#calls.load(stored.id, row.calls, row.last_call)
      const task = { ...stored, ...counted, jkt, status, endedBy, children, progress }
      ledger.trees.get(rootOf(task.id))?.tasks.set(task.id, task)
      applyLoaded(ledger, task)
    }
    this.#expired = loadTokens(this.#sql, ledger)
  }

  #loadRisks({ risks: loaded, clock }: LedgerState): void {
    if (!this.#hasRisks()) return
    const risks = this.#sql.exec<{ task: string; agent: string; level: number; at: number; half_life: number }>(
      "SELECT * FROM risks WHERE until > ?",
      clock,
    )
    for (const { task, agent, level, at, half_life: halfLife } of risks)
      setRisk(loaded, agent, task, { level, at, halfLife }, clock)
  }

  #lastCall(): number {
    return this.#sql.exec<{ at: number | null }>("SELECT MAX(last_call) AS at FROM tasks").one().at ?? 0
  }

  #latestPending(): number {
    const times = Object.entries({ ...TIMES, used: "last_call" }).flatMap(([name, column]) =>
      this.journal.pendingRows(name).map((row) => Number(row[column])),
    )
    return Math.max(0, ...times)
  }

  /** With the ledger itself if it is its first tree. */
  saveTree({ ledger, root, user, since }: TreeState): void {
    if (!this.#isStored) {
      this.#sql.exec(LEDGER_SCHEMA)
      this.#isStored = true
      const { bundle, hidden } = ledger
      const values = [bundle.seq, bundle.digest, JSON.stringify([...hidden])]
      this.#sql.exec("INSERT INTO ledger VALUES (?, ?, ?, NULL, NULL)", ...values)
    }
    this.#sql.exec("INSERT INTO trees VALUES (?, ?, ?, NULL, 1)", root, user && JSON.stringify(user), since)
    this.records.begin(root)
  }

  saveConsent({ root }: TreeState, consent: Consent): void {
    this.#sql.exec("UPDATE trees SET consent = ? WHERE root = ?", JSON.stringify(consent), root)
  }

  /** A task that waits for consent. */
  savePending(task: Task): void {
    this.#saveTask(task)
  }

  /** @param ledger as it is before the bundle decides */
  saveBundle({ hidden }: LedgerState, { seq, digest }: Pointer, { figuresHidden }: Guardrails): void {
    const ids = JSON.stringify([...hidden.union(figuresHidden)])
    this.#sql.exec("UPDATE ledger SET bundle_seq = ?, bundle_digest = ?, hidden = ?", seq, digest, ids)
  }

  saveOpening({ root }: TreeState, opening: Opening, now: number): void {
    const { task, token, session } = opening
    this.labels.saveOpening(opening, now)
    if (session) {
      const values = [JSON.stringify(session.user), session.since, root]
      this.#sql.exec("UPDATE trees SET user = ?, since = ? WHERE root = ?", ...values)
    }
    saveToken(this.#sql, token)
    if (!task) this.#sql.exec("UPDATE tasks SET jkt = ? WHERE id = ?", token.jkt, token.task)
    else this.#saveTask(task)
  }

  #saveTask(task: Task): void {
    const { jkt, status, endedBy, calls, children, lastCall, progress, ...body } = task
    const [text, plan] = [JSON.stringify(body satisfies TaskBody), JSON.stringify(progress)]
    const values = [task.id, text, jkt, status, endedBy, calls, children, lastCall, plan]
    this.#sql.exec(`INSERT OR REPLACE INTO tasks VALUES (${values.map(() => "?").join(", ")})`, ...values)
    this.#sql.exec("UPDATE tasks SET children = children + 1 WHERE id = ?", task.parent)
    this.#calls.begin(task.id, calls)
  }

  forgetTokens(tokens: Iterable<string>): void {
    forgetTokens(this.#sql, [...tokens, ...this.#expired])
    this.#expired = []
  }

  /**
   * Few ledgers have a reported risk, so the table is created with the first.
   * @param reports all of the agent
   */
  saveRisks(agent: string, reports: ReadonlyMap<string, Signal>): void {
    this.#sql
      .exec(`CREATE TABLE IF NOT EXISTS risks (task TEXT PRIMARY KEY, agent TEXT NOT NULL, level INTEGER NOT NULL,
      at INTEGER NOT NULL, half_life INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID`)
    this.#sql.exec("DELETE FROM risks WHERE agent = ?", agent)
    for (const [task, signal] of reports) {
      const { level, at, halfLife } = signal
      const values = [task, agent, level, at, halfLife, lastOf(signal) + 1]
      this.#sql.exec("INSERT INTO risks VALUES (?, ?, ?, ?, ?, ?)", ...values)
    }
  }

  saveEnd(ids: readonly string[], { status, by }: Pick<TaskEnd, "status" | "by"> | typeof RELEASED): void {
    for (const id of ids) this.#sql.exec("UPDATE tasks SET status = ?, ended_by = ? WHERE id = ?", status, by, id)
  }

  /** Whether `saveChange`, with a record's number, will write: credit that is already written needs no transaction. */
  mustWrite(state: TreeState, { at, counted, plans, approvals, memoryUpdates, labels, carried }: TaskChange): boolean {
    return (
      approvals.length > 0 ||
      labels.length > 0 ||
      carried.length > 0 ||
      plans.length > 0 ||
      this.memories.mustWrite(state.ledger, memoryUpdates, at) ||
      counted.flatMap((id) => state.tasks.get(id) ?? []).some((task) => this.#calls.mustWrite(task, at))
    )
  }

  saveApproval({ root }: TreeState, approval: Approval, now: number): void {
    this.#sql.exec("DELETE FROM approvals WHERE root = ? AND until <= ?", root, now)
    const { id, expiresAt } = approval
    const values = [root, id, JSON.stringify(approval), expiresAt]
    this.#sql.exec("INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?)", ...values)
  }

  /** No further call of the tree will need the memory. */
  forgetMemory({ root }: TreeState): void {
    this.memories.forget(root)
    this.#sql.exec("DELETE FROM approvals WHERE root = ?", root)
  }

  /** Nothing of the tree is stored any more, except for its records on their way. */
  forgetTree(state: TreeState): void {
    const { root, tasks } = state
    this.forgetMemory(state)
    this.forgetTokens(state.tokens.keys())
    this.records.forget(root)
    this.labels.forgetTree(state)
    this.#sql.exec("DELETE FROM trees WHERE root = ?", root)
    this.#sql.exec(`DELETE FROM tasks WHERE ${OF_TREE("id")}`, root, root)
    for (const id of tasks.keys()) this.#calls.forget(id)
  }

  /** Milliseconds since the epoch: nothing that is stored of agents and the user matters after that. */
  lastUntil(now: number): number {
    this.journal.fold(now)
    const [risks] = this.#hasRisks()
      ? this.#sql.exec<{ until: number | null }>("SELECT MAX(until) AS until FROM risks").toArray()
      : []
    return Math.max(this.memories.lastUntil(), risks?.until ?? 0)
  }

  #hasRisks(): boolean {
    return this.#sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'risks'").toArray().length > 0
  }

  /** @param state as it is before the change */
  saveChange(state: TreeState, change: TaskChange): void {
    for (const id of change.counted) {
      const task = state.tasks.get(id)
      if (task) this.#calls.count(task, change.at)
    }
    this.memories.save(state.ledger, change.memoryUpdates, change.at)
    for (const approval of change.approvals) this.saveApproval(state, applyUse(approval), change.at)
    for (const { task, progress } of change.plans) {
      this.journal.put(PROGRESS, [task, JSON.stringify(progress)])
    }
    this.labels.saveBorne(state, change.labels)
    this.labels.saveCarried(change.carried, change.at)
  }
}
