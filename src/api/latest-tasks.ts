/**
 * `GET /v1/tasks`: the tasks for which a token was issued last, as the decision records have it. No ledger is asked: each
 * says for itself how its tasks are.
 */
import * as z from "zod"
import { findRecords } from "../audit/record-logs.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { RequestContext } from "../request-context.ts"
import { authorizeOperator } from "./operator.ts"
import type { ApiResult } from "./outcome.ts"

const querySchema = z.strictObject({
  agent: z.string().min(1).max(2048).optional(),
  user: z.string().min(1).max(2048).optional(),
  before: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(25),
})

/** Token requests that are looked at for one task of the answer: those of one task are mostly renewals. */
const RECORDS_A_TASK = 4

export async function listTasks(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const thing = { area: "tasks", kind: "task", target: null } as const
  const operator = await authorizeOperator(request, "viewer", thing, bundle, context)
  if ("status" in operator) return operator
  const query = querySchema.safeParse(Object.fromEntries(new URL(request.url).searchParams))
  if (!query.success) {
    const what = z.prettifyError(query.error).slice(0, 512)
    const body = { error: "malformed_call", error_description: what }
    return { status: 400, body, record: { code: "malformed_call", ...operator } }
  }
  const { limit: most, ...asked } = query.data
  const limit = most * RECORDS_A_TASK
  const records = await findRecords(context.env, { ...asked, kind: "exchange", decision: "allow", limit })
  const body = latestOf(records, most, records.length < limit)
  return { status: 200, body, record: { decision: "allow", code: "ok", ...operator } }
}

/** @param isAll whether there are no records before these */
export function latestOf(
  records: readonly DecisionRecord[],
  most: number,
  isAll: boolean,
): { readonly tasks: readonly unknown[]; readonly next: string | null } {
  const tasks = new Map<string, unknown>()
  let last: string | null = null
  for (const { id, at, task, chain, user, purpose, scope } of records) {
    if (task === null || tasks.has(task)) continue
    // The next one is looked for from here on.
    if (tasks.size === most) return { tasks: [...tasks.values()], next: last }
    tasks.set(task, { id: task, agent: chain.at(-1) ?? null, chain, user, purpose, scope, token_at: at })
    last = id
  }
  return { tasks: [...tasks.values()], next: isAll ? null : (records.at(-1)?.id ?? null) }
}
