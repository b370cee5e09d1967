/** The signed checkpoints of a log, at most one a minute. They stay for as long as the records that they end with. */
import { requireOwner } from "../bundles/ownership.ts"
import { bytesToBase64 } from "../core/encoding/base64.ts"
import { isSame, rootOf } from "../core/proof/merkle.ts"
import { checkpointText, originOf, readCheckpoint, type Checkpoint } from "../core/proof/checkpoint.ts"
import { configOf } from "../platform/config.ts"
import { logEvent } from "../platform/log.ts"
import { signNote } from "../signing/sign-note.ts"
import { rootOfGrowth } from "../core/proof/growing-tree.ts"
import { tileOf, unpacked } from "./log-tree.ts"
import type { LogCheckpoint } from "./log-page.ts"
import type { Segments } from "./log-segments.ts"

export const CHECKPOINT_EVERY_MS = 60_000

const SCHEMA = `
CREATE TABLE IF NOT EXISTS checkpoints (size INTEGER PRIMARY KEY, at INTEGER NOT NULL, note TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS log_name (only INTEGER PRIMARY KEY CHECK (only = 1), name TEXT NOT NULL)`

interface CheckpointRow extends Record<string, SqlStorageValue>, Omit<LogCheckpoint, "frontier"> {
  readonly frontier: ArrayBuffer
}

/** A checkpoint is signed of whole segments, and the last of them has the roots of the full subtrees before its end. */
const COLUMNS =
  "size, at, note, (SELECT frontier FROM segments WHERE first < size ORDER BY first DESC LIMIT 1) AS frontier"

/** Checkpoints that one answer lists. */
const MOST_LISTED = 250

export class LogCheckpoints {
  readonly #sql: SqlStorage
  readonly #segments: Segments
  /** The object's name. */
  readonly log: string
  #last: LogCheckpoint | null
  #signing: Promise<boolean> | null = null
  /** Those before this position are gone. */
  #oldest = 0

  /** @param name of the object; an alarm may wake it without */
  constructor({ sql }: DurableObjectStorage, segments: Segments, name: string | undefined) {
    this.#sql = sql
    this.#segments = segments
    sql.exec(SCHEMA)
    if (name !== undefined) sql.exec("INSERT OR IGNORE INTO log_name VALUES (1, ?)", name)
    const [stored] = sql.exec<{ name: string }>("SELECT name FROM log_name").toArray()
    this.log = stored?.name ?? ""
    this.#last = this.#select("ORDER BY size DESC LIMIT 1")[0] ?? null
  }

  #select(where: string, ...values: readonly number[]): readonly LogCheckpoint[] {
    return this.#sql
      .exec<CheckpointRow>(`SELECT ${COLUMNS} FROM checkpoints ${where}`, ...values)
      .toArray()
      .map(({ size, at, note, frontier }) => ({ size, at, note, frontier: unpacked(frontier).map(bytesToBase64) }))
  }

  get last(): LogCheckpoint | null {
    return this.#last
  }

  /** The first of this time or later; otherwise, or if it is null, the last. */
  at(time: number | null): LogCheckpoint | null {
    return (time === null ? undefined : this.#select("WHERE at >= ? ORDER BY size LIMIT 1", time)[0]) ?? this.#last
  }

  /** The last of before this time. */
  before(time: number): LogCheckpoint | null {
    return this.#select("WHERE at < ? ORDER BY size DESC LIMIT 1", time)[0] ?? null
  }

  /** The first position whose hashes are necessary to compare the last checkpoint with the tree. */
  get needed(): number {
    return tileOf(this.#last?.size ?? 0)
  }

  /** Those with `from < size <= to`, the first of them. */
  between(from: number, to: number): readonly LogCheckpoint[] {
    return this.#select("WHERE size > ? AND size <= ? ORDER BY size LIMIT ?", from, to, MOST_LISTED)
  }

  /** @param oldest the first position whose record is there */
  dropBefore(oldest: number): void {
    if (oldest === this.#oldest) return
    this.#sql.exec("DELETE FROM checkpoints WHERE size < ?", oldest)
    this.#oldest = oldest
  }

  /** Milliseconds since the epoch, when the next checkpoint may be signed. Null if the last one covers everything. */
  dueAt(now: number): number | null {
    const last = this.#last
    if (this.#segments.end === (last?.size ?? 0)) return null
    // A clock that was ahead would keep it back.
    return last ? Math.min(last.at, now) + CHECKPOINT_EVERY_MS : now
  }

  /** @returns false if it has to be tried again */
  async sign(env: Env, background: (work: Promise<unknown>) => void): Promise<boolean> {
    this.#signing ??= this.#signNow(env, background).finally(() => (this.#signing = null))
    return this.#signing
  }

  async #signNow(env: Env, background: (work: Promise<unknown>) => void): Promise<boolean> {
    try {
      await requireOwner(env, background)
      if (this.log === "") throw new Error("the log does not know its name")
      const { tree } = this.#segments
      const checkpoint = {
        origin: originOf(configOf(env).issuer, this.log),
        size: tree.size,
        root: rootOfGrowth(tree),
      }
      if (!this.#isGrown(checkpoint)) {
        logEvent("log_inconsistent", { log: this.log, size: tree.size })
        return true
      }
      const note = await signNote(env, checkpoint.origin, checkpointText(checkpoint))
      const signed = { size: tree.size, at: Date.now(), note, frontier: tree.frontier.map(bytesToBase64) }
      this.#sql.exec("INSERT INTO checkpoints VALUES (?, ?, ?)", signed.size, signed.at, signed.note)
      this.#last = signed
      return true
    } catch (error) {
      logEvent("checkpoint_failed", { log: this.log, error: String(error) })
      return false
    }
  }

  /** Whether the stored tree has both this root and that of the last checkpoint: a log only ever grows. */
  #isGrown({ size, root }: Checkpoint): boolean {
    const before = this.#last && readCheckpoint(this.#last.note)?.checkpoint
    if (this.#last && !before) return false
    const nodes = this.#segments.nodes()
    if (before && !isSame(rootOf(before.size, nodes), before.root)) return false
    return isSame(rootOf(size, nodes), root)
  }
}
