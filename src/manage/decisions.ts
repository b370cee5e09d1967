/** `GET /v1/decisions`, `GET /v1/decisions/:id`: decision records, for operators. */
import { z } from "zod"
import type { Surroundings } from "../surroundings.ts"
import { findRecord, findRecords } from "../audit/record-log.ts"
import type { Bundle } from "../policy/assemble.ts"
import { authenticateOperator } from "./operator.ts"
import type { Outcome } from "./outcome.ts"

const querySchema = z.strictObject({
  task: z.string().max(256).optional(),
  agent: z.string().max(2048).optional(),
  code: z.string().max(64).optional(),
  decision: z.enum(["allow", "deny"]).optional(),
  kind: z.enum(["call", "exchange", "end", "management"]).optional(),
  tool: z.string().max(256).optional(),
  before: z.string().max(64).optional(),
  after: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
})

export async function listDecisions(request: Request, bundle: Bundle, around: Surroundings): Promise<Outcome> {
  const operator = await authenticateOperator(request, "viewer", bundle, around)
  if (!("operator" in operator)) return operator
  const query = querySchema.safeParse(Object.fromEntries(new URL(request.url).searchParams))
  if (!query.success) {
    const what = z.prettifyError(query.error).slice(0, 512)
    return {
      status: 400,
      body: { error: "malformed_call", error_description: what },
      record: { code: "malformed_call" },
    }
  }
  const decisions = await findRecords(around.env, query.data)
  const record = { decision: "allow", code: "ok", ...operator } as const
  // Whoever follows asks every second: the first look is recorded, the looks that go on from it are not.
  return { status: 200, body: { decisions }, record: query.data.after === undefined ? record : null }
}

export async function showDecision(
  request: Request,
  id: string,
  bundle: Bundle,
  around: Surroundings,
): Promise<Outcome> {
  const operator = await authenticateOperator(request, "viewer", bundle, around)
  if (!("operator" in operator)) return operator
  const found = await findRecord(around.env, id)
  if (found) return { status: 200, body: found, record: { decision: "allow", code: "ok", ...operator } }
  const body = { error: "not_found", error_description: "There is no such decision record." }
  return {
    status: 404,
    body,
    record: { code: "not_found", ...operator, denial: { reason: "not_found", what: id.slice(0, 64) } },
  }
}
