/** The conditions of the API's query for decision records (src/audit/record-query.ts), for records in files. */
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
}

export function matches(filter: RecordFilter, record: ShownRecord): boolean {
  const { task, tree, agent, user, tool, code, decision, kind, differs } = filter
  return (
    (kind === undefined ? record.kind !== "management" : record.kind === kind) &&
    isOne(task, record.task) &&
    isOne(agent, record.chain.at(-1) ?? null) &&
    isOne(user, record.user) &&
    isOne(tool, record.tool) &&
    isOne(code, record.code) &&
    isOne(decision, record.decision) &&
    (tree === undefined || record.task === tree || record.task?.startsWith(`${tree}.`) === true) &&
    (differs === undefined || (record.candidate?.differs ?? null) !== null)
  )
}

const isOne = (wanted: string | undefined, value: string | null): boolean => wanted === undefined || wanted === value
