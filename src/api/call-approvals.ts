/**
 * `/v1/tasks/:id/approvals`: what people are asked about single calls of a task, and what they answer: those whom
 * approvers.yaml names, or an operator. Never an agent: it comes with a person's own token.
 */
import * as z from "zod"
import { recordOf } from "../core/record/record.ts"
import type { Approval, Unanswerable } from "../core/task/approval.ts"
import { isRedacted, REDACTED } from "../core/catalog/redaction.ts"
import { nameOf, type NotAsked } from "../core/task/approvers.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { isTaskId, rootOf } from "../core/task/state.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import type { RequestContext } from "../request-context.ts"
import { isMisread, readBody } from "../platform/json-body.ts"
import { authorizeOperator } from "./operator.ts"
import { malformed, type ApiResult, type RecordStart } from "./outcome.ts"
import { situationOf } from "./call-situation.ts"
import { answererOf, type Answerer } from "./person.ts"

const MAX_BODY_BYTES = 4_096
const APPROVAL = /^apr_[0-9A-HJKMNP-TV-Z]{26}$/

/** `uses`: calls that it is to let pass at most. */
const bodySchema = z
  .strictObject({
    approve: z.boolean(),
    uses: z.int().min(1).max(100).optional(),
    reason: z.string().max(1_024).optional(),
  })
  .refine(({ approve, uses }) => approve || uses === undefined, "`uses` belongs to an approval, not to a rejection.")

const OUT_OF_REACH: ApiResult = {
  status: 503,
  body: { error: "unavailable", error_description: "The task's ledger did not answer: ask again." },
  record: { code: "unavailable" },
}

export async function listCallApprovals(
  request: Request,
  task: string,
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const thing = { area: "approvals", kind: "approval", target: null } as const
  const permitted = await authorizeOperator(request, "viewer", thing, bundle, context)
  if ("status" in permitted) return permitted
  if (!isTaskId(task)) return notFound("task", permitted)
  const said = await askLedger(context.env, rootOf(task), async (ledger) => ({ found: await ledger.approvalsOf(task) }))
  if (!said) return { ...OUT_OF_REACH, record: { ...permitted, ...OUT_OF_REACH.record } }
  if (!said.found) return notFound("task", permitted)
  const record = { decision: "allow", code: "ok", ...permitted, task } as const
  return { status: 200, body: { approvals: said.found.map((each) => shownApproval(each, bundle)) }, record }
}

export async function showCallApproval(
  request: Request,
  { task, approval: id }: { readonly task: string; readonly approval: string },
  bundle: Bundle,
  context: RequestContext,
): Promise<ApiResult> {
  const answerer = await answererOf(request, "GET", null, bundle, context)
  if ("status" in answerer) return answerer
  const { answering } = answerer
  const record = { ...byWhom(answerer), task }
  if (!isTaskId(task) || !APPROVAL.test(id)) return notFound("approval", record)
  // Who may look is not always who may answer.
  const would = await answererOf(request, "POST", id, bundle, context)
  if ("status" in would) return would
  const found = await askLedger(context.env, rootOf(task), async (ledger) => ({
    shown: await ledger.approval(
      LEDGER_VERSION,
      bundle.pointer,
      { task, id },
      answering.operator !== null,
      would.answering,
    ),
  }))
  if (!found || found.shown === "unavailable") return { ...OUT_OF_REACH, record: { ...record, ...OUT_OF_REACH.record } }
  if (!found.shown) return notFound("approval", record)
  const { asked, risk, unanswerable } = found.shown
  const body = { ...shownApproval(asked, bundle), unanswerable, ...(await situationOf(asked, risk, bundle, context)) }
  return { status: 200, body, record: { decision: "allow", code: "ok", ...record } }
}

export async function answerCallApproval(
  request: Request,
  { task, approval: id }: { readonly task: string; readonly approval: string },
  bundle: Bundle,
  context: RequestContext,
  known: RecordStart,
): Promise<ApiResult> {
  const answerer = await answererOf(request, "POST", id.slice(0, 64), bundle, context)
  if ("status" in answerer) return answerer
  const body = await readBody(request, bodySchema, MAX_BODY_BYTES)
  if (isMisread(body)) return malformed(body.wrong)
  const { approve: approved, uses, reason } = body
  const told = {
    approval: id.slice(0, 64),
    approved,
    ...(uses !== undefined && { uses }),
    ...(reason !== undefined && { reason }),
  }
  const record = { ...byWhom(answerer), task, arguments: told }
  if (!isTaskId(task) || !APPROVAL.test(id)) return notFound("approval", record)
  const kept = recordOf({ decision: "allow", code: "ok", ...record, ...known })
  const vote = { approved, uses: uses ?? null, ...(reason !== undefined && { reason }) }
  const said = await askLedger(context.env, rootOf(task), async (ledger) => ({
    outcome: await ledger.answerApproval(LEDGER_VERSION, bundle.pointer, { task, id }, vote, answerer.answering, kept),
  }))
  if (!said || said.outcome === "unavailable") return { ...OUT_OF_REACH, record: { ...record, ...OUT_OF_REACH.record } }
  if (said.outcome === "frozen") return frozen(task, record)
  if (typeof said.outcome === "string") return unanswerable(said.outcome, answerer, record)
  // What was answered is recorded by the ledger, together with it.
  return { status: 200, body: shownApproval(said.outcome, bundle), record: null }
}

function byWhom({ answering, permitted }: Answerer): NonNullable<ApiResult["record"]> {
  const rules = permitted && !("status" in permitted) ? permitted.rules : []
  return { operator: nameOf(answering), rules }
}

function unanswerable(
  why: Unanswerable | NotAsked,
  { permitted }: Answerer,
  record: NonNullable<ApiResult["record"]>,
): ApiResult {
  switch (why) {
    case "own":
      return forbidden("another person", "Nobody approves of what is done in their own name.", record)
    case "no operator":
      if (permitted && "status" in permitted) return { ...permitted, record: { ...record, ...permitted.record } }
      return forbidden("approver", "The role approver is required.", record)
    case "stranger":
      return forbidden("an approver of this", "This is not asked of this person.", record)
    case "too many uses":
      return malformed(
        "`uses` is more than one approval may allow: `most_uses` of the approval, which approvers.yaml sets.",
        record,
      )
    case "unknown":
      return notFound("approval", record)
    case "answered":
    case "expired":
    case "voted":
      return notFound(`approval: ${why}`, record)
    default:
      return why satisfies never
  }
}

/** It is not over: the task may go on. */
function frozen(task: string, record: NonNullable<ApiResult["record"]>): ApiResult {
  const error_description = "The task is quarantined: this can be answered once an operator releases it."
  return {
    status: 409,
    body: { error: "task_quarantined", error_description },
    record: { code: "task_quarantined", denial: { reason: "task_quarantined", task }, ...record },
  }
}

function forbidden(what: string, error_description: string, record: NonNullable<ApiResult["record"]>): ApiResult {
  const denial = { reason: "role_missing", what } as const
  return {
    status: 403,
    body: { error: "policy_denied", error_description },
    record: { code: "policy_denied", denial, ...record },
  }
}

function notFound(what: string, record: NonNullable<ApiResult["record"]>): ApiResult {
  const denial = { reason: "not_found", what } as const
  const error_description = "There is nothing to answer, or not any more."
  return {
    status: 404,
    body: { error: "not_found", error_description },
    record: { code: "not_found", denial, ...record },
  }
}

/**
 * As people are shown it, without the hash that tells the call: they see the arguments themselves, but for those that
 * the catalog redacted then, or redacts now.
 */
export function shownApproval(asked: Approval, { catalog }: Bundle): Readonly<Record<string, unknown>> {
  const { id, task, tool, environment, guardrail, name, rules, shown, decision, bundle, terms, status, uses, votes } =
    asked
  const { agent, purpose, chain, user, method } = shown
  const redact = [...shown.redacted, ...(catalog.tools.get(tool)?.redact ?? [])]
  const told: Readonly<Record<string, unknown>> = JSON.parse(shown.arguments)
  const redacted = Object.keys(told).filter((argument) => isRedacted(argument, redact))
  const values = Object.entries(told).map(([argument, value]) => [
    argument,
    redacted.includes(argument) ? REDACTED : value,
  ])
  const what = { tool, method, arguments: Object.fromEntries(values), redacted, environment }
  const call = { ...what, agent, purpose, chain, user }
  const times = { asked_at: asked.askedAt, expires_at: asked.expiresAt }
  const said = votes.map(({ by, approved, reason = null, at }) => ({ by, approved, reason, at }))
  const { need, mostUses: most_uses } = terms
  return {
    kind: "call",
    id,
    task,
    ...call,
    name,
    guardrail,
    rules,
    bundle,
    decision,
    ...times,
    need,
    most_uses,
    status,
    uses,
    votes: said,
  }
}
