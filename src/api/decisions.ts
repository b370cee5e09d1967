/** `GET /v1/decisions`, `GET /v1/decisions/:id`: decision records, for operators. */
import * as z from "zod"
import type { RequestContext } from "../request-context.ts"
import { countRates } from "../audit/rates.ts"
import { findRecord, findRecords } from "../audit/record-logs.ts"
import { firstIdAt } from "../core/encoding/ids.ts"
import { isTaskId } from "../core/task/state.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { authorizeOperator } from "./operator.ts"
import type { ApiResult } from "./outcome.ts"

/** Each is read, parsed and written anew: a thousand would cost more than any other request. */
const MAX_LIMIT = 250

const which = {
  task: z.string().max(256).optional(),
  tree: z.string().refine(isTaskOfTime).optional(),
  agent: z.string().max(2048).optional(),
  user: z.string().max(2048).optional(),
  code: z.string().max(64).optional(),
  decision: z.enum(["allow", "deny"]).optional(),
  kind: z.enum(["call", "exchange", "approval", "end", "management"]).optional(),
  tool: z.string().max(256).optional(),
  differs: z.stringbool({ truthy: ["true"], falsy: ["false"] }).optional(),
}
const ratesSchema = z.strictObject(which)
const querySchema = z.strictObject({
  ...which,
  before: z.string().max(64).optional(),
  after: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(100),
})

/** Whose id begins with a time that there is. */
function isTaskOfTime(text: string): boolean {
  return isTaskId(text) && text < "tsk_8"
}

const ALL = { area: "decisions", kind: "decision", target: null } as const

export async function listDecisions(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const operator = await authorizeOperator(request, "viewer", ALL, bundle, context)
  if ("status" in operator) return operator
  const query = querySchema.safeParse(Object.fromEntries(new URL(request.url).searchParams))
  if (!query.success) return malformed(query.error)
  const decisions = await findRecords(context.env, query.data)
  const record = { decision: "allow", code: "ok", ...operator } as const
  // Whoever follows asks every second: a look back is recorded, looks that go on from a moment ago are not.
  return { status: 200, body: { decisions }, record: isLookBack(query.data.after, context.receivedAt) ? record : null }
}

/** How many there were of late, by the same questions. */
export async function countDecisions(request: Request, bundle: Bundle, context: RequestContext): Promise<ApiResult> {
  const operator = await authorizeOperator(request, "viewer", ALL, bundle, context)
  if ("status" in operator) return operator
  const query = ratesSchema.safeParse(Object.fromEntries(new URL(request.url).searchParams))
  if (!query.success) return malformed(query.error)
  const rates = await countRates(context.env, query.data, context.receivedAt)
  return { status: 200, body: rates, record: { decision: "allow", code: "ok", ...operator } }
}

function malformed(error: z.ZodError): ApiResult {
  const what = z.prettifyError(error).slice(0, 512)
  return { status: 400, body: { error: "malformed_call", error_description: what }, record: { code: "malformed_call" } }
}

const MOMENT_MS = 60_000

function isLookBack(after: string | undefined, now: number): boolean {
  return after === undefined || after < firstIdAt("dec", now - MOMENT_MS)
}

export async function showDecision(
  request: Request,
  id: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const operator = await authorizeOperator(request, "viewer", { ...ALL, target: id.slice(0, 64) }, bundle, context)
  if ("status" in operator) return operator
  const found = await findRecord(context.env, id)
  if (found) return { status: 200, body: found, record: { decision: "allow", code: "ok", ...operator } }
  const body = { error: "not_found", error_description: "There is no such decision record." }
  return {
    status: 404,
    body,
    record: { code: "not_found", ...operator, denial: { reason: "not_found", what: id.slice(0, 64) } },
  }
}
