/**
 * Moves what a ledger has stored by a step of the platform's clock that is not the passing of time
 * (core/guardrails/clock-step.ts).
 */
import type { ClockStep } from "../core/guardrails/clock-step.ts"
import type { Last } from "../core/guardrails/memory.ts"
import type { TrailState } from "../core/guardrails/meter/trail.ts"
import type { StoredToken } from "./schema.ts"
import type { TaskBody } from "../core/task/task-text.ts"
import { ENDED_KEPT_MS } from "./tree-storage.ts"
import { MAX_TOKEN_LIFE_MS } from "../core/task/opening-step.ts"

/** Columns with the time at which something was counted, in milliseconds, by table. */
export const TIMES = { blocks: "at", once: "at", counters: "at", tallies: "last", marks: "at", carried: "at" } as const

/**
 * Values of a fixed span whose clock was set back: the last moment of the span is their time, so that they count until it
 * has passed by either clock. Sliding spans have no such slack.
 */
const IS_HELD = "slack = 1"

/** The latest time that any memory of the ledger has stored in its tables, in milliseconds. */
export function latestTime(sql: SqlStorage): number {
  const latest = Object.entries(TIMES).map(([table, column]) => {
    const where = table === "marks" ? `WHERE NOT ${IS_HELD}` : ""
    return sql.exec<{ at: number | null }>(`SELECT MAX(${column}) AS at FROM ${table} ${where}`).one().at ?? 0
  })
  return Math.max(...latest)
}

/**
 * Runs in a transaction; what was stored is in the tables, and has to be loaded again.
 * @param now milliseconds, by the platform's clock
 */
export function correctClock(sql: SqlStorage, { by, setBack }: ClockStep, now: number): void {
  // What limits count is as old as it was, or as the clock says, whichever is less.
  const at = by < 0 ? `MIN(at, ${now})` : `(at + ${by})`
  for (const table of ["blocks", "once", "carried"]) sql.exec(`UPDATE ${table} SET at = ${at}`)
  moveCounters(sql, by, at)
  moveMarks(sql, by, at, now)
  moveTallies(sql, by, now)
  moveCells(sql, by, now)
  sql.exec("UPDATE flights SET until = until + ?", by)
  if (by < 0) shortenLives(sql, by, now)
  sql.exec("UPDATE ledger SET back_from = ?, back_until = ?", setBack?.last ?? null, setBack?.sum ?? null)
}

/** A fixed span ends where the clock says, and no earlier than it would have ended by the clock that it began with. */
function moveCounters(sql: SqlStorage, by: number, at: string): void {
  const spanMs = "(1000 * (span ->> '$.seconds'))"
  sql.exec(
    `UPDATE counters SET at = ${at}, until =
    CASE span ->> '$.kind' WHEN 'fixed' THEN MAX(until + ${by}, (${at} / ${spanMs} + 1) * ${spanMs})
    ELSE until + ${at} - at END`,
  )
}

/** Of a condition, a mark that seems to be newer may allow what should be denied: it is as old as it was. */
function moveMarks(sql: SqlStorage, by: number, at: string, now: number): void {
  const move = (to: string, where: string, slack = "slack"): void => {
    sql.exec(`UPDATE marks SET at = ${to}, until = until + ${to} - at, slack = ${slack} WHERE ${where}`)
  }
  // One that is held may have occurred again meanwhile.
  if (by > 0) move(String(now - by), IS_HELD, "0")
  const end = "((at / (until - at) + 1) * (until - at) - 1)"
  if (by < 0) move(end, `owner LIKE '%:distinct fixed %' AND NOT ${IS_HELD} AND at > ${now}`, "1")
  move(`CASE WHEN ${IS_HELD} OR owner LIKE '%\\%' THEN at + ${by} ELSE ${at} END`, "TRUE")
}

/** Between which times an entry happened is then less certain. */
function moveTallies(sql: SqlStorage, by: number, now: number): void {
  if (by > 0) {
    sql.exec("UPDATE tallies SET last = last + ?", by)
    return
  }
  // By way of negative times: the new times of some are the old ones of others.
  sql.exec("UPDATE tallies SET first = -first - ?, last = MIN(last, ?)", by, now)
  sql.exec("UPDATE tallies SET first = -first")
}

/** Their times are in their bodies. One that was stored after every other time may be later than those. */
function moveCells(sql: SqlStorage, by: number, now: number): void {
  const moved = (at: number): number => Math.min(at + by, Math.max(at, now))
  const cells = sql.exec<{ scope: string; kind: string; owner: string; key: string; body: string }>(
    "SELECT scope, kind, owner, key, body FROM cells WHERE kind <> 'lost'",
  )
  for (const { scope, kind, owner, key, body } of cells.toArray()) {
    const values = [moveCell(kind, body, moved), scope, kind, owner, key]
    sql.exec("UPDATE cells SET body = ? WHERE scope = ? AND kind = ? AND owner = ? AND key = ?", ...values)
  }
  sql.exec("UPDATE cells SET until = until + ?", by)
}

function moveCell(kind: string, body: string, moved: (at: number) => number): string {
  if (kind === "trail") {
    const trail: TrailState = JSON.parse(body)
    return JSON.stringify({ ...trail, lastAt: moved(trail.lastAt) } satisfies TrailState)
  }
  const last: Last = JSON.parse(body)
  const denied = last.denied.map((each) => ({ ...each, at: moved(each.at) }))
  return JSON.stringify({ ...last, at: moved(last.at), denied } satisfies Last)
}

/** Nothing that was given by a clock that was ahead lives longer for it. */
function shortenLives(sql: SqlStorage, by: number, now: number): void {
  correctTasks(sql, now)
  correctConsents(sql, by)
  correctEnded(sql, now)
  // Nobody knows for how long a person wanted to approve it: it is requested again.
  sql.exec("DELETE FROM approvals WHERE json_extract(body, '$.askedAt') > ?", now)
  const [risks] = sql.exec("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'risks'")
  if (risks) sql.exec("UPDATE risks SET until = until - MAX(0, at - ?1), at = MIN(at, ?1)", now)
}

/** A code, a consent and a used refresh token have as long to live as before the step (core/task/pending-consent.ts). */
function correctConsents(sql: SqlStorage, by: number): void {
  for (const end of ["$.expiresAt", "$.refreshing.replaced.until"]) {
    sql.exec(
      `UPDATE trees SET consent = json_set(consent, ?1, (consent ->> ?1) + ?2) WHERE (consent ->> ?1) NOT NULL`,
      end,
      by,
    )
  }
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

/** A task that was opened by the wrong clock has the life that it was given, from now on. */
function correctTasks(sql: SqlStorage, now: number): void {
  sql.exec("UPDATE tasks SET last_call = MIN(last_call, ?)", now)
  const holders = sql.exec<{ id: string; tokens: string }>("SELECT id, tokens FROM tasks WHERE tokens <> '[]'")
  for (const { id, tokens } of holders.toArray()) {
    const all: readonly StoredToken[] = JSON.parse(tokens)
    const latest = now + MAX_TOKEN_LIFE_MS
    const shorter = all.map((token): StoredToken => {
      if (token.length === 3) return [token[0], Math.min(token[1], latest), token[2]]
      const [jti, never, jkt, expiresAt, scope] = token
      return [jti, never, jkt, Math.min(expiresAt, latest), scope]
    })
    sql.exec("UPDATE tasks SET tokens = ? WHERE id = ?", JSON.stringify(shorter), id)
  }
  const opened = sql.exec<{ id: string; body: string }>(
    "SELECT id, body FROM tasks WHERE json_extract(body, '$.openedAt') > ?",
    now,
  )
  for (const { id, body } of opened.toArray()) {
    const task: Pick<TaskBody, "openedAt" | "expiresAt" | "extendable"> = JSON.parse(body)
    const ahead = task.openedAt - now
    const { extendable } = task
    const corrected = {
      ...task,
      openedAt: now,
      expiresAt: task.expiresAt - ahead,
      ...(extendable && { extendable: { ...extendable, until: extendable.until - ahead } }),
    }
    sql.exec("UPDATE tasks SET body = ? WHERE id = ?", JSON.stringify(corrected), id)
  }
}
