/** The conditions of a query for decision records. */
import { firstIdAt, timeOf } from "../core/encoding/ids.ts"
import { rootOf } from "../core/task/state.ts"

export interface RecordQuery {
  /** Absent: all but `management`, because otherwise reads of the records would be most of the result. */
  readonly kind?: string | undefined
  readonly task?: string | undefined
  /** A task: its records and those of the tasks below it. */
  readonly tree?: string | undefined
  readonly agent?: string | undefined
  /** Issuer and subject, joined by `|`. */
  readonly user?: string | undefined
  readonly code?: string | undefined
  readonly decision?: string | undefined
  readonly tool?: string | undefined
  /** Only those that a candidate bundle would have decided otherwise. */
  readonly differs?: boolean | undefined
  /** Of 32 hex digits (W3C Trace Context). */
  readonly trace?: string | undefined
  /** Only records of this time or later. Milliseconds since the epoch. */
  readonly since?: number | undefined
  /** Only records of before this time. Milliseconds since the epoch. */
  readonly until?: number | undefined
  /** Only records with an id before this one (ids sort by time). */
  readonly before?: string | undefined
  /** Only records with an id after this one. */
  readonly after?: string | undefined
  readonly limit: number
}

/** How far an edge's clock may be behind that of the one that opened the tree. */
const CLOCKS_MS = 60_000

/** The conditions as SQL for one log, with the values for its question marks. */
export function conditionsOf(query: RecordQuery): { readonly where: string; readonly values: readonly string[] } {
  const conditions: string[] = query.kind === undefined ? ["kind <> 'management'"] : []
  const values: string[] = []
  for (const column of ["task", "agent", "user", "code", "decision", "tool", "kind"] as const) {
    const value = query[column]
    if (value === undefined) continue
    conditions.push(`${column} = ?`)
    values.push(value)
  }
  if (query.tree !== undefined) {
    conditions.push("id > ? AND (task = ? OR (task > ? AND task < ?))")
    values.push(...valuesOfTree(query.tree))
  }
  if (query.differs === true) conditions.push("differs = 1")
  const bounds: readonly (readonly [condition: string, id: string | undefined])[] = [
    ["id < ?", query.before],
    ["id > ?", query.after],
    ["id >= ?", query.since === undefined ? undefined : firstIdAt("dec", query.since)],
    ["id < ?", query.until === undefined ? undefined : firstIdAt("dec", query.until)],
  ]
  for (const [condition, id] of bounds) {
    if (id === undefined) continue
    conditions.push(condition)
    values.push(id)
  }
  if (query.trace !== undefined) {
    // Few records have it, and to search a text takes less than to parse it.
    conditions.push("instr(body, ?) > 0 AND substr(body ->> 'trace', 1, 32) = ?")
    values.push(query.trace, query.trace)
  }
  return { where: `WHERE ${conditions.join(" AND ")}`, values }
}

/**
 * Records have no index of their tasks, because each would have to pay for it. The query reads those that were made
 * since the tree was.
 */
function valuesOfTree(task: string): readonly string[] {
  const opened = timeOf(rootOf(task)) ?? 0
  const since = firstIdAt("dec", opened - CLOCKS_MS)
  // An id with a dot after this one is below it: `/` is the next character.
  return [since, task, `${task}.`, `${task}/`]
}
