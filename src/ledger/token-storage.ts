/**
 * The tokens of a ledger in its storage, by `jti` alone: an index by time, or by task, would cost a row for each token.
 * Memory knows which have expired, and which are of a tree.
 */
import { rootOf, type LedgerState } from "../core/task/state.ts"
import type { Opening } from "../core/task/opening-step.ts"

/** @returns those that have expired */
export function loadTokens(sql: SqlStorage, { trees, liveTokens, clock }: LedgerState): readonly string[] {
  const expired: string[] = []
  const tokens = sql.exec<{ jti: string; task: string; expires_at: number; jkt: string | null }>("SELECT * FROM tokens")
  for (const { jti, task, expires_at: expiresAt, jkt } of tokens) {
    const tree = trees.get(rootOf(task))
    if (expiresAt <= clock) expired.push(jti)
    else if (tree) liveTokens.add(tree, jti, { task, expiresAt, jkt })
  }
  return expired
}

export function saveToken(sql: SqlStorage, { jti, task, expiresAt, jkt }: Opening["token"]): void {
  sql.exec("INSERT INTO tokens VALUES (?, ?, ?, ?)", jti, task, expiresAt, jkt)
}

export function forgetTokens(sql: SqlStorage, jtis: readonly string[]): void {
  if (jtis.length === 0) return
  sql.exec("DELETE FROM tokens WHERE jti IN (SELECT value FROM json_each(?))", JSON.stringify(jtis))
}
