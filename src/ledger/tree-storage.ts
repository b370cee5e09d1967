/**
 * The trees of a ledger and their tasks in its SQLite; a task's row has its tokens, as a row of their own would cost one
 * more for each. A ledger that wakes reads the trees that live; a tree that has ended is read by its key, when it is
 * asked about.
 */
import type { IssuedToken, Task } from "../core/task/task.ts"
import type { Consent } from "../core/task/pending-consent.ts"
import type { TaskEnd } from "../core/task/change.ts"
import type { UserFacts } from "../core/policy/principals.ts"
import type { Opening } from "../core/task/opening-step.ts"
import { firstIdAt } from "../core/encoding/ids.ts"
import { endedOpening, OPENINGS_COUNT_MS, type EndedOpening } from "../core/task/openings.ts"
import { taskOfText, taskText } from "../core/task/task-text.ts"
import { newTree, rootOf, type LedgerState, type TreeState } from "../core/task/state.ts"
import { applyLoaded } from "../core/task/transition.ts"
import type { CallCounts } from "./call-counts.ts"
import { PROGRESS, type StoredToken, type TaskRow, type TreeRow } from "./schema.ts"
import type { Journal } from "./journal.ts"
import { historyKeyOf } from "../core/guardrails/history-key.ts"

/** Whichever it is. */
export const THIS_TREE = "ended IN (0, 1) AND root = ?"
/** The root and every task below it: `.` comes before `/`. The root is to be given twice. */
const OF_TREE = "id >= ? AND id < ? || '/'"

const LIVE_TASKS = "FROM trees CROSS JOIN tasks ON id >= root AND id < root || '/' WHERE ended = 0"

/** The state of a quarantined task after its release. */
export const RELEASED = { status: "active", by: null } as const
/** An ended tree is kept this long after its last task could act: late requests still find "ended", not "unknown". */
export const ENDED_KEPT_MS = 3_600_000
const CLOCKS_APART_MS = 60_000

export class TreeStorage {
  readonly #sql: SqlStorage
  readonly #journal: Journal
  readonly #calls: CallCounts

  constructor(sql: SqlStorage, journal: Journal, calls: CallCounts) {
    this.#sql = sql
    this.#journal = journal
    this.#calls = calls
  }

  /** Trees that live. */
  load(ledger: LedgerState): void {
    for (const row of this.#sql.exec<TreeRow>("SELECT * FROM trees WHERE ended = 0")) this.#loadTree(ledger, row)
    for (const row of this.#sql.exec<TaskRow>(`SELECT tasks.* ${LIVE_TASKS}`)) {
      const tree = ledger.trees.get(rootOf(row.id))
      if (!tree) continue
      const task = this.#loadTask(tree, row)
      applyLoaded(ledger, task)
      for (const [jti, token] of tokensOf(row, ledger.clock)) ledger.liveTokens.add(tree, jti, token)
    }
  }

  /** When a task that lives was last called, in milliseconds. Nothing of a tree that has ended counts any more. */
  lastCall(): number {
    const sql = `SELECT MAX(last_call) AS at ${LIVE_TASKS}`
    return this.#sql.exec<{ at: number | null }>(sql).one().at ?? 0
  }

  /**
   * Of trees that have ended, except for these roots: those that were opened lately still count for their agents. A
   * clock that was ahead at their opening does not make them count longer.
   */
  recentOpenings(clock: number, roots: ReadonlySet<string>): readonly EndedOpening[] {
    // The id was made by another clock.
    const first = firstIdAt("tsk", clock - OPENINGS_COUNT_MS - CLOCKS_APART_MS)
    const sql = "SELECT root, opened FROM trees WHERE ended = 1 AND root >= ?"
    return [...this.#sql.exec<{ root: string; opened: string }>(sql, first)].flatMap(({ root, opened }) => {
      const all: readonly EndedOpening[] = roots.has(root) ? [] : JSON.parse(opened)
      return all.map((each) => Object.assign({}, each, { openedAt: Math.min(each.openedAt, clock) }))
    })
  }

  /** Reads a tree that has ended: nothing of it counts any more. Null if there is none. */
  recall(ledger: LedgerState, root: string): TreeState | null {
    const [row] = this.#sql.exec<TreeRow>("SELECT * FROM trees WHERE ended = 1 AND root = ?", root)
    if (!row) return null
    const tree = this.#loadTree(ledger, row)
    for (const task of this.#sql.exec<TaskRow>(`SELECT * FROM tasks WHERE ${OF_TREE}`, root, root)) {
      this.#loadTask(tree, task)
      for (const [jti, token] of tokensOf(task, ledger.clock)) tree.tokens.set(jti, token)
    }
    return tree
  }

  #loadTree(ledger: LedgerState, { root, user, since, consent }: TreeRow): TreeState {
    const facts: UserFacts | null = user === null ? null : JSON.parse(user)
    const tree = newTree(ledger, root, facts, since)
    if (consent !== null) tree.consent = JSON.parse(consent)
    ledger.trees.set(root, tree)
    return tree
  }

  #loadTask(tree: TreeState, row: TaskRow): Task {
    const task = this.#taskOf(row)
    tree.tasks.set(task.id, task)
    return task
  }

  #taskOf(row: TaskRow): Task {
    const { body, jkt, status, ended_by: endedBy, children } = row
    const stored = taskOfText(body)
    const [, plan = row.progress] = this.#journal.pendingRow(PROGRESS, stored.id) ?? []
    const progress: Task["progress"] = JSON.parse(String(plan))
    const counted = this.#calls.load(stored.id, row.calls, row.last_call)
    return { ...stored, historyKey: historyKeyOf(stored.agent), ...counted, jkt, status, endedBy, children, progress }
  }

  save({ root, user, since }: TreeState): void {
    this.#sql.exec("INSERT INTO trees VALUES (0, ?, ?, ?, NULL, 1, 0, '[]')", root, user && JSON.stringify(user), since)
  }

  saveConsent({ root }: TreeState, consent: Consent): void {
    this.#sql.exec(`UPDATE trees SET consent = ? WHERE ${THIS_TREE}`, JSON.stringify(consent), root)
  }

  /** @param lost `jti` of tokens that end by it */
  saveOpening(
    tree: TreeState,
    { task, token, session, extension }: Opening,
    lost: readonly string[],
    now: number,
  ): void {
    if (session) {
      const values = [JSON.stringify(session.user), session.since, tree.root]
      this.#sql.exec(`UPDATE trees SET user = ?, since = ? WHERE ${THIS_TREE}`, ...values)
    }
    if (extension) {
      const values = [JSON.stringify(extension), token.task]
      this.#sql.exec("UPDATE tasks SET body = json_patch(body, ?) WHERE id = ?", ...values)
    }
    this.forgetTokens(tree, lost)
    const { jti, jkt } = token
    const tokens = [...this.#tokensOf(tree, token.task, lost, now), storedToken(jti, token)]
    if (task) this.saveTask(task, tokens)
    else this.#sql.exec("UPDATE tasks SET jkt = ?, tokens = ? WHERE id = ?", jkt, JSON.stringify(tokens), token.task)
  }

  #tokensOf({ tokens }: TreeState, of: string, lost: readonly string[], now: number): readonly StoredToken[] {
    return [...tokens].flatMap(([jti, token]): StoredToken[] =>
      token.task === of && token.expiresAt > now && !lost.includes(jti) ? [storedToken(jti, token)] : [],
    )
  }

  saveTask(task: Task, tokens: readonly StoredToken[] = []): void {
    const { historyKey: _historyKey, jkt, status, endedBy, calls, children, lastCall, progress, ...body } = task
    const [text, plan] = [taskText(body), JSON.stringify(progress)]
    const values = [task.id, text, jkt, status, endedBy, calls, children, lastCall, plan, JSON.stringify(tokens)]
    this.#sql.exec(`INSERT OR REPLACE INTO tasks VALUES (${values.map(() => "?").join(", ")})`, ...values)
    this.#calls.begin(task.id, calls)
    if (task.parent !== null) this.#sql.exec("UPDATE tasks SET children = children + 1 WHERE id = ?", task.parent)
  }

  saveEnd(ids: readonly string[], { status, by }: Pick<TaskEnd, "status" | "by"> | typeof RELEASED): void {
    for (const id of ids) this.#sql.exec("UPDATE tasks SET status = ?, ended_by = ? WHERE id = ?", status, by, id)
  }

  /** @param lost `jti`; those that have expired are forgotten with the next token of their task */
  forgetTokens(tree: TreeState, lost: readonly string[]): void {
    for (const task of new Set(lost.flatMap((jti) => tree.tokens.get(jti)?.task ?? []))) {
      const tokens = this.#tokensOf(tree, task, lost, tree.ledger.clock)
      this.#sql.exec("UPDATE tasks SET tokens = ? WHERE id = ?", JSON.stringify(tokens), task)
    }
  }

  /**
   * The tree has ended: no waking reads it any more.
   * @param at milliseconds: afterwards it is kept for a while
   */
  end(tree: TreeState, at: number): void {
    const opening = endedOpening(tree)
    const values = [at + ENDED_KEPT_MS, JSON.stringify(opening ? [opening] : []), tree.root]
    this.#sql.exec("UPDATE trees SET ended = 1, until = ?, opened = ? WHERE ended = 0 AND root = ?", ...values)
  }

  /** How many lives of the tree its row counts. */
  livesOf(root: string): number {
    const [row] = this.#sql.exec<{ lives: number }>(`SELECT lives FROM trees WHERE ${THIS_TREE}`, root)
    return row?.lives ?? 0
  }

  /** Nothing of the tree is stored any more, except for its records on their way. */
  forget(root: string): void {
    this.#sql.exec(`DELETE FROM trees WHERE ${THIS_TREE}`, root)
    this.#sql.exec(`DELETE FROM tasks WHERE ${OF_TREE}`, root, root)
  }

  /** Roots of ended trees that need not be kept any more. Each is kept for a while since it was opened. */
  forgettable(now: number): readonly string[] {
    return this.#sql
      .exec<{ root: string }>(
        "SELECT root FROM trees WHERE ended = 1 AND root < ? AND until <= ?",
        firstIdAt("tsk", now - ENDED_KEPT_MS),
        now,
      )
      .toArray()
      .map(({ root }) => root)
  }

  /** Roots of all that have ended and are kept. */
  ended(): readonly string[] {
    return this.#sql
      .exec<{ root: string }>("SELECT root FROM trees WHERE ended = 1")
      .toArray()
      .map(({ root }) => root)
  }

  hasEnded(): boolean {
    return this.firstUntil() !== null
  }

  /** Milliseconds, until when that ended tree is kept that was opened first. Null if there is none. */
  firstUntil(): number | null {
    const [row] = this.#sql.exec<{ until: number }>("SELECT until FROM trees WHERE ended = 1 ORDER BY root LIMIT 1")
    return row?.until ?? null
  }
}

/** Those that have not expired, by `jti`. */
function tokensOf({ id, tokens }: TaskRow, now: number): readonly (readonly [string, IssuedToken])[] {
  const all: readonly StoredToken[] = JSON.parse(tokens)
  return all.flatMap(([jti, until, jkt, expiresAt = until, scope]) => {
    const token = { task: id, expiresAt, jkt, ...(scope !== undefined && { scope }) }
    return expiresAt > now ? [[jti, token] as const] : []
  })
}

function storedToken(jti: string, { expiresAt, jkt, scope }: IssuedToken): StoredToken {
  return scope === undefined ? [jti, expiresAt, jkt] : [jti, 0, jkt, expiresAt, scope]
}
