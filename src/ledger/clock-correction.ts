/**
 * A ledger's clock that was ahead of the platform's. A person's ledger lives for years, and may run on a machine whose
 * clock is wrong. It is set back to the platform's then: what was counted at times that have not come yet counts from
 * now, so each span begins anew at its most restrictive, and no limit waits for a day that lies in the future.
 *
 * Which of the two clocks was wrong is not known. If it was the platform's, which was behind, it will soon be where the
 * ledger's was, and everything would seem to be older than it is. So once it reaches that time, the spans begin anew
 * once more.
 */
import type { Last } from "../core/guardrails/memory.ts"
import type { StoredToken } from "./schema.ts"
import { ENDED_KEPT_MS } from "./tree-storage.ts"
import { MAX_TOKEN_LIFE_MS } from "../core/task/opening-step.ts"

/** A clock that is this far ahead of the platform's is set back. */
const MAX_AHEAD_MS = 60_000

/** Columns with the time at which something was counted, in milliseconds, by table. */
export const TIMES = { blocks: "at", once: "at", counters: "at", tallies: "last", marks: "at", carried: "at" } as const

/** The latest time that any memory of the ledger has stored in its tables, in milliseconds. */
export function latestTime(sql: SqlStorage): number {
  const latest = Object.entries(TIMES).map(
    ([table, column]) => sql.exec<{ at: number | null }>(`SELECT MAX(${column}) AS at FROM ${table}`).one().at ?? 0,
  )
  return Math.max(...latest)
}

/** The times between which the clock was set back, in milliseconds: from `until` to `from`. Null if it was not, or is past. */
export type SetBack = { readonly from: number; readonly until: number } | null

/** @param clock the ledger's, in milliseconds */
export function isOff(clock: number, setBack: SetBack, now: number): boolean {
  return clock > now + MAX_AHEAD_MS || (setBack !== null && now >= setBack.until)
}

/**
 * Runs in a transaction; what was stored is in the tables, and has to be loaded again.
 * @param clock the ledger's, in milliseconds
 * @param now milliseconds, by the platform's clock
 */
export function correctClock(sql: SqlStorage, clock: number, setBack: SetBack, now: number): void {
  if (clock <= now + MAX_AHEAD_MS) {
    if (setBack) countFrom(sql, setBack.from, now)
    sql.exec("UPDATE ledger SET back_from = NULL, back_until = NULL")
    return
  }
  countFrom(sql, now + 1, now)
  shortenLives(sql, now)
  const values = [Math.min(now, setBack?.from ?? now), Math.max(clock, setBack?.until ?? clock)]
  sql.exec("UPDATE ledger SET back_from = ?, back_until = ?", ...values)
}

/** What was counted at this time or later counts from `now`. */
function countFrom(sql: SqlStorage, from: number, now: number): void {
  for (const [table, column] of Object.entries(TIMES))
    if (column === "at") sql.exec(`UPDATE ${table} SET at = ? WHERE at >= ?`, now, from)
  // Entries of one moment are one entry.
  sql.exec(
    `INSERT OR REPLACE INTO tallies SELECT scope, owner, key, ?1, ?1, SUM(amount), MAX(span) FROM tallies
    WHERE last >= ?2 OR first = ?1 GROUP BY scope, owner, key`,
    now,
    from,
  )
  sql.exec("DELETE FROM tallies WHERE last >= ? AND first <> ?", from, now)
  countLastsFrom(sql, from, now)
  const trails = "kind = 'trail' AND json_extract(body, '$.lastAt') >= ?2"
  sql.exec(
    `UPDATE cells SET until = until - json_extract(body, '$.lastAt') + ?1, body = json_set(body, '$.lastAt', ?1)
    WHERE ${trails}`,
    now,
    from,
  )
}

/** Nothing that was given by a clock that was ahead lives longer for it. */
function shortenLives(sql: SqlStorage, now: number): void {
  correctTasks(sql, now)
  correctEnded(sql, now)
  // Nobody knows for how long a person wanted to approve it: it is requested again.
  sql.exec("DELETE FROM approvals WHERE json_extract(body, '$.askedAt') > ?", now)
  const [risks] = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'risks'")
  if (risks) sql.exec("UPDATE risks SET until = until - MAX(0, at - ?1), at = MIN(at, ?1)", now)
}

/** Trees that ended by a clock that was ahead are kept no longer for it; their openings count from now. */
export function correctEnded(sql: SqlStorage, now: number): void {
  sql.exec(
    `UPDATE trees SET until = ?1, opened = CASE WHEN opened ->> '$[0].openedAt' > ?2
    THEN json_set(opened, '$[0].openedAt', ?2) ELSE opened END WHERE until > ?1`,
    now + ENDED_KEPT_MS,
    now,
  )
}

function countLastsFrom(sql: SqlStorage, from: number, now: number): void {
  const cells = sql.exec<{ scope: string; owner: string; key: string; body: string }>(
    "SELECT scope, owner, key, body FROM cells WHERE kind = 'last'",
  )
  const moved = (at: number): number => (at >= from ? now : at)
  for (const { scope, owner, key, body } of cells.toArray()) {
    const last: Last = JSON.parse(body)
    const denied = last.denied.map((each) => ({ ...each, at: moved(each.at) }))
    const corrected: Last = { ...last, at: moved(last.at), denied }
    const values = [JSON.stringify(corrected), scope, owner, key]
    sql.exec("UPDATE cells SET body = ? WHERE scope = ? AND kind = 'last' AND owner = ? AND key = ?", ...values)
  }
}

/** A task that was opened by the wrong clock has the life that it was given, from now on. */
function correctTasks(sql: SqlStorage, now: number): void {
  sql.exec("UPDATE tasks SET last_call = MIN(last_call, ?)", now)
  const holders = sql.exec<{ id: string; tokens: string }>("SELECT id, tokens FROM tasks WHERE tokens <> '[]'")
  for (const { id, tokens } of holders.toArray()) {
    const all: readonly StoredToken[] = JSON.parse(tokens)
    const shorter = all.map(([jti, expiresAt, jkt]) => [jti, Math.min(expiresAt, now + MAX_TOKEN_LIFE_MS), jkt])
    sql.exec("UPDATE tasks SET tokens = ? WHERE id = ?", JSON.stringify(shorter), id)
  }
  const opened = sql.exec<{ id: string; body: string }>(
    "SELECT id, body FROM tasks WHERE json_extract(body, '$.openedAt') > ?",
    now,
  )
  for (const { id, body } of opened.toArray()) {
    const task: { readonly openedAt: number; readonly expiresAt: number } = JSON.parse(body)
    const corrected = { ...task, openedAt: now, expiresAt: task.expiresAt - (task.openedAt - now) }
    sql.exec("UPDATE tasks SET body = ? WHERE id = ?", JSON.stringify(corrected), id)
  }
}
