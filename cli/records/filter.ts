/** The conditions of the API's query for decision records (src/audit/record-query.ts), for records in files. */
import canonicalize from "canonicalize"
import { firstIdAt } from "../../src/core/encoding/ids.ts"
import type { ShownRecord } from "../remote/decision-record.ts"

/** As the API reads them from a query. Absent: any. */
export interface RecordFilter {
  readonly task?: string
  /** A task: its records and those of the tasks below it. */
  readonly tree?: string
  /** The calling one, the last of the chain. */
  readonly agent?: string
  /** Issuer and subject, joined by `|`. */
  readonly user?: string
  readonly tool?: string
  readonly code?: string
  readonly decision?: string
  /** Absent: every kind but `management`. */
  readonly kind?: string
  readonly differs?: "true"
  /** Of 32 hex digits. */
  readonly trace?: string
  /** Milliseconds since the epoch: of this time or later. */
  readonly since?: string
  /** Milliseconds since the epoch: before this time. */
  readonly until?: string
}

export function matches(filter: RecordFilter, record: ShownRecord): boolean {
  const { task, tree, agent, user, tool, code, decision, kind, differs, trace, since, until } = filter
  return (
    (kind === undefined ? record.kind !== "management" : record.kind === kind) &&
    isOne(task, record.task) &&
    isOne(agent, record.chain.at(-1) ?? null) &&
    isOne(user, record.user) &&
    isOne(tool, record.tool) &&
    isOne(code, record.code) &&
    isOne(decision, record.decision) &&
    (tree === undefined || record.task === tree || record.task?.startsWith(`${tree}.`) === true) &&
    (differs === undefined || (record.candidate?.differs ?? null) !== null) &&
    isOne(trace, record.trace?.slice(0, TRACE_ID_LENGTH) ?? null) &&
    (since === undefined || record.id >= firstIdAt("dec", Number(since))) &&
    (until === undefined || record.id < firstIdAt("dec", Number(until)))
  )
}

const TRACE_ID_LENGTH = 32

const isOne = (wanted: string | undefined, value: string | null): boolean => wanted === undefined || wanted === value

/** What the API has no query for: only records in files are asked for it. */
export interface CallFilter {
  /** Those that the call has to have, by name. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** A path: that one, and those below it. */
  readonly path?: string
}

export function matchesCall(
  { arguments: wanted, path }: CallFilter,
  { arguments: all, path: at }: ShownRecord,
): boolean {
  const hasAll = Object.entries(wanted).every(
    ([name, value]) => Object.hasOwn(all, name) && canonicalize(all[name]) === canonicalize(value),
  )
  return hasAll && isBelow(path, at)
}

function isBelow(path: string | undefined, found: string | null): boolean {
  return path === undefined || found === path || found?.startsWith(path.endsWith("/") ? path : `${path}/`) === true
}
