/** Which tokens streams of events have told already, by their `jti`, as it rests in the switchboard. */
import { sha256Hex } from "../hash.ts"
import type { SignalReport } from "./signal.ts"

/** Whether a token is too old is judged by another clock than this object's. */
const CLOCKS_APART_MS = 120_000

type Token = Pick<SignalReport, "stream" | "jti" | "digest">

export class ToldTokens {
  readonly #sql: SqlStorage

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`
      CREATE TABLE IF NOT EXISTS signals (key TEXT PRIMARY KEY, digest TEXT NOT NULL, until INTEGER NOT NULL)
        WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS signals_by_until ON signals (until)`)
  }

  /** Null: nothing was told under that `jti`. `reused`: something else was. */
  find(token: Token): "repeated" | "reused" | null {
    const [told] = this.#sql.exec<{ digest: string }>("SELECT digest FROM signals WHERE key = ?", keyOf(token))
    if (!told) return null
    return told.digest === token.digest ? "repeated" : "reused"
  }

  /** @param until milliseconds: later it is refused as too old anyway */
  keep(token: Token, until: number, now: number): void {
    this.#sql.exec("DELETE FROM signals WHERE until < ?", now - CLOCKS_APART_MS)
    this.#sql.exec("INSERT INTO signals VALUES (?, ?, ?)", keyOf(token), token.digest, until)
  }
}

function keyOf({ stream, jti }: Token): string {
  return sha256Hex(JSON.stringify([stream, jti]))
}
