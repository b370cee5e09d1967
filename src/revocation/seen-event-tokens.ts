/** The `jti` of the tokens that streams of events have sent already, as the switchboard stores them. */
import { sha256Hex } from "../core/encoding/hash.ts"
import { MAX_SEEN_TOKENS, type SignalReport } from "../core/signals/stream-change.ts"

/** Another clock than this object's decides whether a token is too old. */
const CLOCKS_APART_MS = 120_000

type Token = Pick<SignalReport, "stream" | "jti" | "digest">

export class SeenEventTokens {
  readonly #sql: SqlStorage
  /** Null if not counted yet; counting takes longer than anything else. */
  #count: number | null = null

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS signals (key TEXT PRIMARY KEY, digest TEXT NOT NULL, until INTEGER NOT NULL)
        WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS signals_by_until ON signals (until)`)
  }

  /** Null if the `jti` is new. `reused`: it belonged to another token. */
  find(token: Token): "repeated" | "reused" | null {
    const [seen] = this.#sql.exec<{ digest: string }>("SELECT digest FROM signals WHERE key = ?", keyOf(token))
    if (!seen) return null
    return seen.digest === token.digest ? "repeated" : "reused"
  }

  /** @param until milliseconds: later the token is rejected as too old anyway */
  keep(token: Token, until: number, now: number): void {
    this.#count ??= this.#sql.exec<{ count: number }>("SELECT count(*) AS count FROM signals").one().count
    this.#forget("until < ?", now - CLOCKS_APART_MS)
    const excess = this.#count + 1 - MAX_SEEN_TOKENS
    if (excess > 0) this.#forget("key IN (SELECT key FROM signals ORDER BY until LIMIT ?)", excess)
    this.#sql.exec("INSERT INTO signals VALUES (?, ?, ?)", keyOf(token), token.digest, until)
    this.#count += 1
  }

  #forget(which: string, bound: number): void {
    const gone = this.#sql.exec(`DELETE FROM signals WHERE ${which} RETURNING key`, bound).toArray()
    this.#count = this.#count === null ? null : this.#count - gone.length
  }
}

function keyOf({ stream, jti }: Token): string {
  return sha256Hex(JSON.stringify([stream, jti]))
}
