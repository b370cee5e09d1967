/**
 * `/v1/tasks`: the tasks for which a token was issued last, according to the decision records. It asks no ledger; the
 * state of each task is read from `/v1/tasks/:task`.
 */
import { findRecords } from "../audit/record-logs.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import type { Answer } from "./contract/contract.ts"
import type { Handler } from "./handler.ts"

/** How many token records are read for each task of the answer: several records of one task are mostly renewals. */
const RECORDS_A_TASK = 4

export const listTasks: Handler<"listTasks"> = async ({ query, context }) => {
  const { limit: most, ...filter } = query
  const limit = most * RECORDS_A_TASK
  const records = await findRecords(context.env, { ...filter, kind: "exchange", decision: "allow", limit })
  return { answer: latestOf(records, most, records.length < limit) }
}

type LatestTasks = Answer<"listTasks">
type LatestTask = LatestTasks["tasks"][number]

/** @param isAll whether there are no older records */
export function latestOf(records: readonly DecisionRecord[], most: number, isAll: boolean): LatestTasks {
  const tasks = new Map<string, LatestTask>()
  let last: string | null = null
  for (const { id, at, task, chain, user, purpose, scope } of records) {
    if (task === null || tasks.has(task)) continue
    // The next page starts after the last task of this one.
    if (tasks.size === most) return { tasks: [...tasks.values()], next: last }
    tasks.set(task, { id: task, agent: chain.at(-1) ?? null, chain: [...chain], user, purpose, scope, token_at: at })
    last = id
  }
  return { tasks: [...tasks.values()], next: isAll ? null : (records.at(-1)?.id ?? null) }
}
