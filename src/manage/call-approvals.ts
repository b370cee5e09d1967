/**
 * `/v1/tasks/:id/approvals`: what people are asked about single calls of a task, and what an operator answers. Never an
 * agent: it comes with an operator's token; and nobody for what is done in their own name.
 */
import { z } from "zod"
import { recordOf } from "../audit/record.ts"
import type { Approval, Unanswerable } from "../approval/approval.ts"
import { askLedger } from "../ledger/ask.ts"
import { isTaskId, rootOf } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Surroundings } from "../surroundings.ts"
import { readBody } from "../json-body.ts"
import { authenticateOperator, authorizeOperator, permitOperator } from "./operator.ts"
import type { Outcome, RecordStart } from "./outcome.ts"

const MAX_BODY_BYTES = 4_096
const APPROVAL = /^apr_[0-9A-HJKMNP-TV-Z]{26}$/

/** `uses`: calls that it lets pass. */
const bodySchema = z
  .strictObject({
    approve: z.boolean(),
    uses: z.int().min(1).max(100).default(1),
    reason: z.string().max(1_024).optional(),
  })
  .refine(({ approve, uses }) => approve || uses === 1)

const OUT_OF_REACH: Outcome = {
  status: 503,
  body: { error: "unavailable", error_description: "The task's ledger did not answer: ask again." },
  record: { code: "unavailable" },
}
const MALFORMED: Outcome = {
  status: 400,
  body: {
    error: "invalid_request",
    error_description: "Say approve: true or false; of true, uses, from 1 to 100, and of both reason are optional.",
  },
  record: { code: "invalid_request" },
}

export async function listCallApprovals(
  request: Request,
  task: string,
  bundle: Bundle,
  around: Surroundings,
): Promise<Outcome> {
  const thing = { area: "approvals", kind: "approval", target: null } as const
  const permitted = await authorizeOperator(request, "viewer", thing, bundle, around)
  if ("status" in permitted) return permitted
  if (!isTaskId(task)) return notFound("task", permitted)
  const said = await askLedger(around.env, rootOf(task), async (ledger) => ({ found: await ledger.approvalsOf(task) }))
  if (!said) return { ...OUT_OF_REACH, record: { ...permitted, ...OUT_OF_REACH.record } }
  if (!said.found) return notFound("task", permitted)
  const record = { decision: "allow", code: "ok", ...permitted, task } as const
  return { status: 200, body: { approvals: said.found.map(shown) }, record }
}

export async function answerCallApproval(
  request: Request,
  { task, approval }: { readonly task: string; readonly approval: string },
  bundle: Bundle,
  around: Surroundings,
  known: RecordStart,
): Promise<Outcome> {
  const asker = await authenticateOperator(request, "operator", bundle, around)
  if ("status" in asker) return asker
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  if (!body) return MALFORMED
  const permitted = permitOperator(
    asker,
    { area: "approvals", kind: "approval", target: approval.slice(0, 64) },
    bundle,
  )
  if ("status" in permitted) return permitted
  if (!isTaskId(task) || !APPROVAL.test(approval)) return notFound("approval", permitted)
  const { approve: approved, uses, reason } = body
  const told = { approval, approved, ...(approved && { uses }), ...(reason !== undefined && { reason }) }
  const record = { ...permitted, task, arguments: told }
  const kept = recordOf({ decision: "allow", code: "ok", ...record, ...known })
  const answer = { approved, uses, by: permitted.operator }
  const said = await askLedger(around.env, rootOf(task), async (ledger) => ({
    outcome: await ledger.answerApproval(task, approval, answer, kept),
  }))
  if (!said) return { ...OUT_OF_REACH, record: { ...record, ...OUT_OF_REACH.record } }
  if (typeof said.outcome === "string") return unanswerable(said.outcome, record)
  // What was answered is recorded by the ledger, together with it.
  return { status: 200, body: shown(said.outcome), record: null }
}

function unanswerable(why: Unanswerable, record: NonNullable<Outcome["record"]>): Outcome {
  if (why !== "own") return notFound(why === "unknown" ? "approval" : `approval: ${why}`, record)
  const error_description = "Nobody approves of what is done in their own name."
  const denial = { reason: "role_missing", what: "another person" } as const
  return {
    status: 403,
    body: { error: "policy_denied", error_description },
    record: { code: "policy_denied", denial, ...record },
  }
}

function notFound(what: string, record: NonNullable<Outcome["record"]>): Outcome {
  const denial = { reason: "not_found", what } as const
  const error_description = "There is nothing to answer, or not any more."
  return {
    status: 404,
    body: { error: "not_found", error_description },
    record: { code: "not_found", denial, ...record },
  }
}

/** What was asked, without the hash that tells the call: its record shows the arguments. */
function shown({ id, task, tool, rule, bundle, askedAt, expiresAt, status, uses, by }: Approval): unknown {
  const decision = `dec_${id.slice(id.indexOf("_") + 1)}`
  return { id, task, tool, rule, bundle, decision, asked_at: askedAt, expires_at: expiresAt, status, uses, by }
}
