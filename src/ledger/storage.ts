/**
 * A ledger's state in the SQLite of its Durable Object. Each `save*` runs in the transaction of one step, before memory
 * changes. `load` rebuilds the state on waking, and counts credit that was written but may not have been used as used.
 */
import { applyUse, type Approval } from "../core/task/approval.ts"
import type { Guardrails } from "../core/guardrails/guardrails.ts"
import { lastOf, type Signal } from "../core/guardrails/risk.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import type { TaskChange, TaskEnd } from "../core/task/change.ts"
import { blockSize } from "../core/task/counter-block.ts"
import type { Opening } from "../core/task/opening-step.ts"
import type { Consent } from "../core/task/pending-consent.ts"
import { correctClock, isOff, latestTime, type SetBack } from "./clock-correction.ts"
import { MemoriesStorage } from "./memories-storage.ts"
import { LabelStorage } from "./label-storage.ts"
import { applyLoaded } from "../core/task/transition.ts"
import { setRisk } from "../core/task/risks.ts"
import { forgetTokens, loadTokens, saveToken } from "./token-storage.ts"
import { RecordNumbers } from "./record-numbers.ts"
import { LEDGER_SCHEMA, type LedgerRow, type TaskRow, type TreeRow } from "./schema.ts"
import type { Proofs } from "../core/task/proof-log.ts"
import { newLedger, newTree, rootOf, type LedgerState, type TreeState } from "../core/task/state.ts"
import { countApproval } from "../core/task/transition.ts"
import { countTrees } from "../core/task/openings.ts"
import type { Task } from "../core/task/task.ts"
import { taskOfText, taskText } from "../core/task/task-text.ts"

function setBackOf({ back_from: from, back_until: until }: LedgerRow): SetBack {
  return from === null || until === null ? null : { from, until }
}

/** The root and every task below it: `.` comes before `/`. The root is to be given twice. */
const OF_TREE = (column: string): string => `${column} >= ? AND ${column} < ? || '/'`

/** The state of a quarantined task after its release. */
export const RELEASED = { status: "active", by: null } as const

export class LedgerStorage {
  readonly records: RecordNumbers
  readonly labels: LabelStorage
  readonly #sql: SqlStorage
  readonly memories: MemoriesStorage
  /** Whether the clock was set back, and is to reach the time at which it was. */
  setBack: SetBack = null
  /** Whether there are tables. */
  #isStored = false
  /** Calls of each task that are written, and when the last of them was. */
  readonly #reserved = new Map<string, number>()
  readonly #lastCalls = new Map<string, number>()

  constructor(sql: SqlStorage) {
    this.#sql = sql
    this.records = new RecordNumbers(sql)
    this.memories = new MemoriesStorage(sql)
    this.labels = new LabelStorage(sql)
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
    // Another machine's clock may have been ahead.
    const latest = Math.max(latestTime(this.#sql), this.#lastCall())
    const setBack = setBackOf(row)
    if (isOff(latest, setBack, now)) {
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
      const { body, jkt, status, ended_by: endedBy, calls, children, last_call: lastCall } = row
      const stored = taskOfText(body)
      const progress: Task["progress"] = JSON.parse(row.progress)
      const task = { ...stored, jkt, status, endedBy, calls, children, lastCall, progress }
      ledger.trees.get(rootOf(task.id))?.tasks.set(task.id, task)
      applyLoaded(ledger, task)
      this.#reserved.set(stored.id, calls)
      this.#lastCalls.set(stored.id, lastCall)
    }
    loadTokens(this.#sql, ledger)
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
    const [text, plan] = [taskText(body), JSON.stringify(progress)]
    const values = [task.id, text, jkt, status, endedBy, calls, children, lastCall, plan]
    this.#sql.exec(`INSERT OR REPLACE INTO tasks VALUES (${values.map(() => "?").join(", ")})`, ...values)
    this.#sql.exec("UPDATE tasks SET children = children + 1 WHERE id = ?", task.parent)
    this.#reserved.set(task.id, 0)
    this.#lastCalls.set(task.id, lastCall)
  }

  forgetTokens(tokens: Iterable<string>): void {
    forgetTokens(this.#sql, [...tokens])
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
      counted.some((id) => (state.tasks.get(id)?.calls ?? 0) >= (this.#reserved.get(id) ?? 0))
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
    for (const table of ["trees", "labels"]) this.#sql.exec(`DELETE FROM ${table} WHERE root = ?`, root)
    this.#sql.exec(`DELETE FROM tasks WHERE ${OF_TREE("id")}`, root, root)
    for (const id of tasks.keys()) {
      this.#reserved.delete(id)
      this.#lastCalls.delete(id)
    }
  }

  /** Milliseconds since the epoch: nothing that is stored of agents and the user matters after that. */
  lastUntil(): number {
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
      if (task) this.#reserveCalls(task, change.at)
    }
    this.memories.save(state.ledger, change.memoryUpdates, change.at)
    for (const approval of change.approvals) this.saveApproval(state, applyUse(approval), change.at)
    for (const { task, progress } of change.plans) {
      this.#sql.exec("UPDATE tasks SET progress = ? WHERE id = ?", JSON.stringify(progress), task)
    }
    this.labels.saveBorne(state, change.labels)
    this.labels.saveCarried(change.carried, change.at)
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
  settle(ledger: LedgerState, trees: Iterable<TreeState>): void {
    for (const { tasks } of trees) {
      for (const { id, calls, lastCall } of tasks.values()) {
        const isCurrent = this.#reserved.get(id) === calls && this.#lastCalls.get(id) === lastCall
        if (!isCurrent) this.#saveCalls(id, calls, lastCall)
      }
    }
    this.memories.settle(ledger)
  }
}
