/**
 * A ledger's state in the SQLite of its Durable Object. Each `save*` runs in the transaction of one step, before memory
 * changes; what is written often is in the journal until the step commits. `load` rebuilds the state on waking, and counts credit that was written but may not have been used as used.
 */
import { clockStep, type ClockStep, type SetBack } from "../core/guardrails/clock-step.ts"
import type { Approval } from "../core/task/approval.ts"
import type { Guardrails } from "../core/guardrails/guardrails.ts"
import { lastOf, type Signal } from "../core/guardrails/risk.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import type { TaskChange } from "../core/task/change.ts"
import type { Opening } from "../core/task/opening-step.ts"
import { correctClock, correctEnded, latestTime, TIMES } from "./clock-correction.ts"
import { CallCounts } from "./call-counts.ts"
import { saveChange } from "./change-storage.ts"
import { keepVersion } from "../platform/storage/version.ts"
import { Journal } from "./journal.ts"
import { MemoriesStorage } from "./memories-storage.ts"
import { LabelStorage } from "./label-storage.ts"
import { setRisk } from "../core/task/risks.ts"
import { ENDED_KEPT_MS, TreeStorage } from "./tree-storage.ts"
import { RecordNumbers } from "./record-numbers.ts"
import { JOURNALED, LEDGER_SCHEMA, type LedgerRow } from "./schema.ts"
import type { Proofs } from "../core/task/proof-log.ts"
import type { Home } from "../core/task/home.ts"
import { newLedger, type LedgerState, type TreeState } from "../core/task/state.ts"
import { countApproval } from "../core/task/transition.ts"
import { countTrees } from "../core/task/openings.ts"
import type { HistoryKey } from "../core/guardrails/history-key.ts"

const TIMES_WAITING = { ...TIMES, used: "last_call" }

function readSetBack({ back_from: last, back_until: sum }: LedgerRow): SetBack {
  return last === null || sum === null ? null : { last, sum }
}

export const storageOf = ({ storage }: DurableObjectState): LedgerStorage =>
  new LedgerStorage(
    storage.sql,
    () => keepVersion("Ledger", storage),
    async () => storage.sync(),
  )

export class LedgerStorage {
  readonly journal: Journal
  readonly records: RecordNumbers
  readonly labels: LabelStorage
  readonly trees: TreeStorage
  readonly #sql: SqlStorage
  readonly memories: MemoriesStorage
  readonly calls: CallCounts
  /** Whether the clock was set back, and has not come forward again. */
  setBack: SetBack = null
  /** Whether there are tables. */
  #isStored = false
  readonly #onCreated: () => void

  /**
   * @param onCreated called when the tables are created
   * @param sync resolves once all that was written before is durable
   */
  constructor(sql: SqlStorage, onCreated: () => void = () => undefined, sync = async (): Promise<void> => undefined) {
    this.#sql = sql
    this.#onCreated = onCreated
    this.journal = new Journal(sql, JOURNALED)
    this.calls = new CallCounts(this.journal)
    this.memories = new MemoriesStorage(sql, this.journal)
    this.labels = new LabelStorage(sql, this.journal)
    this.trees = new TreeStorage(sql, this.journal, this.calls)
    this.records = new RecordNumbers(this.journal, sync, (root) => this.trees.livesOf(root))
  }

  /**
   * Null if this object has never stored a tree.
   * @param proofsSince makes the log of the proofs admitted in this life, which begins at that time by the ledger's
   *   clock
   * @param isCorrected whether the clock has just been corrected
   */
  load(now: number, proofsSince: (wokenAt: number) => Proofs, isCorrected = false): LedgerState | null {
    const tables = this.#sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'ledger'").toArray()
    if (tables.length === 0) return null
    this.#isStored = true
    const [row] = this.#sql.exec<LedgerRow>("SELECT * FROM ledger")
    if (!row) return null
    this.journal.load()
    this.setBack = readSetBack(row)
    const latest = Math.max(latestTime(this.#sql), this.trees.lastCall(), this.journal.latest(TIMES_WAITING))
    // Another machine's clock may have been ahead.
    const step = latest > 0 && !isCorrected ? clockStep(latest, this.setBack, now) : null
    if (step) {
      this.correctClock(latest, step, now)
      return this.load(now, proofsSince, true)
    }
    const wokenAt = Math.max(now, latest)
    const bundle = { seq: row.bundle_seq, digest: row.bundle_digest }
    // What another machine admitted was admitted before this life, whatever its clock: it may have been ahead by as much
    // as the clock was set back since.
    const admittedBy = wokenAt + (this.setBack?.sum ?? 0)
    const ledger = newLedger(bundle, wokenAt, proofsSince(admittedBy), this.memories.load(wokenAt))
    ledger.home = row.home === null ? null : JSON.parse(row.home)
    const hidden: readonly string[] = JSON.parse(row.hidden)
    for (const guardrail of hidden) ledger.hidden.add(guardrail)
    this.trees.load(ledger)
    countTrees(ledger, (roots) => this.trees.recentOpenings(wokenAt, roots))
    this.#loadRisks(ledger)
    this.#loadApprovals(ledger)
    this.labels.load(ledger, wokenAt)
    return ledger
  }

  /**
   * Runs in a transaction; afterwards everything has to be loaded again.
   * @param clock the ledger's
   * @param now milliseconds, by the platform's clock
   */
  correctClock(clock: number, step: ClockStep, now: number): void {
    this.journal.fold(Math.min(clock, now))
    correctClock(this.#sql, step, now)
  }

  /** Trees that have ended have none. */
  #loadApprovals({ trees }: LedgerState): void {
    for (const { root, body } of this.#sql.exec<{ root: string; body: string }>("SELECT root, body FROM approvals")) {
      const approval: Approval = JSON.parse(body)
      const tree = trees.get(root)
      tree?.approvals.set(approval.id, approval)
      if (tree) countApproval(tree, approval)
    }
  }

  /** A tree that has ended, of which nothing was loaded. Null if there is none. */
  recall(ledger: LedgerState, root: string): TreeState | null {
    const tree = this.trees.recall(ledger, root)
    if (tree) this.labels.recall(tree)
    return tree
  }

  #loadRisks({ risks: loaded, clock }: LedgerState): void {
    if (!this.#hasRisks()) return
    const risks = this.#sql.exec<{ task: string; agent: HistoryKey; level: number; at: number; half_life: number }>(
      "SELECT * FROM risks WHERE until > ?",
      clock,
    )
    for (const { task, agent, level, at, half_life: halfLife } of risks)
      setRisk(loaded, agent, task, { level, at, halfLife }, clock)
  }

  /** Unless it is stored already. */
  saveLedger({ bundle, hidden }: LedgerState): void {
    if (this.#isStored) return
    this.#sql.exec(LEDGER_SCHEMA)
    this.#onCreated()
    this.#isStored = true
    const values = [bundle.seq, bundle.digest, JSON.stringify([...hidden])]
    this.#sql.exec("INSERT INTO ledger VALUES (?, ?, ?, NULL, NULL, NULL)", ...values)
  }

  saveHome(home: Home): void {
    this.#sql.exec("UPDATE ledger SET home = ?", JSON.stringify(home))
  }

  /** With the ledger itself if it is its first tree. */
  saveTree(tree: TreeState): void {
    this.saveLedger(tree.ledger)
    this.trees.save(tree)
    this.records.begin(tree.root)
  }

  /** @param ledger as it is before the bundle decides */
  saveBundle({ hidden }: LedgerState, { seq, digest }: Pointer, { figuresHidden }: Guardrails): void {
    const ids = JSON.stringify([...hidden.union(figuresHidden)])
    this.#sql.exec("UPDATE ledger SET bundle_seq = ?, bundle_digest = ?, hidden = ?", seq, digest, ids)
  }

  /** @param lost `jti` of tokens that end by it */
  saveOpening(tree: TreeState, opening: Opening, lost: readonly string[], now: number): void {
    this.labels.saveOpening(opening, now)
    this.trees.saveOpening(tree, opening, lost, now)
  }

  /**
   * Few ledgers have a reported risk, so the table is created with the first.
   * @param reports all of the agent
   */
  saveRisks(agent: HistoryKey, reports: ReadonlyMap<string, Signal>): void {
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

  /** Memory does not hold the tree any more. */
  release({ root, tasks }: TreeState): void {
    this.records.release(root)
    for (const id of tasks.keys()) this.calls.forget(id)
  }

  /** Nothing of the tree is stored any more, except for its records on their way. */
  forgetTree(root: string): void {
    this.trees.forget(root)
    this.labels.forgetTree(root)
  }

  /**
   * @param now milliseconds, by the ledger's clock
   * @returns milliseconds, when the next of the trees that have ended is to be forgotten; null: there is none
   */
  forgetEnded(now: number): number | null {
    correctEnded(this.#sql, now)
    for (const root of this.trees.forgettable(now)) this.forgetTree(root)
    const first = this.trees.firstUntil()
    // Others may be due before the one that was opened first; and that one may be kept longer, if its id is of a clock
    // that was ahead.
    return first === null ? null : first > now ? Math.min(first, now + ENDED_KEPT_MS) : now + ENDED_KEPT_MS
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

  /**
   * @param state as it is before the change
   * @param reserves whether the next lone call may be answered before its row
   */
  saveChange(state: TreeState, change: TaskChange, reserves = false): void {
    saveChange(change, this, state, reserves)
  }
}
