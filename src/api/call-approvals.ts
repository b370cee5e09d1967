/**
 * `/v1/tasks/:task/approvals`: approvals of single calls of a task, and the decisions of approvers on them. Only a
 * person whom `approvers.yaml` names, or an operator, decides, with a token of their own; an agent never does.
 */
import { recordOf } from "../core/record/record.ts"
import type { Approval, Unanswerable } from "../core/task/approval.ts"
import { isRedacted, withoutRedacted } from "../core/catalog/redaction.ts"
import type { NotApprover } from "../core/task/approvers.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { isOwnTaskId } from "../platform/task-id.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { situationOf } from "./call-situation.ts"
import type { Handler } from "./handler.ts"
import { isApiError, type ApiError } from "./outcome.ts"
import { approvingCallerOf, recordedApprover, type ApprovingCaller } from "./person.ts"

const APPROVAL = /^apr_[0-9A-HJKMNP-TV-Z]{26}$/

const LEDGER_UNAVAILABLE = {
  error: "unavailable",
  description: "The task's ledger did not answer: ask again.",
} as const

export const listCallApprovals: Handler<"listCallApprovals"> = async ({ parameters: { task }, bundle, context }) => {
  if (!isOwnTaskId(context.env, task)) return notFound("task")
  const answer = await askLedger(context.env, task, async (ledger) => ({
    found: await ledger.approvalsOf(task),
  }))
  if (!answer) return LEDGER_UNAVAILABLE
  if (!answer.found) return notFound("task")
  return { answer: { approvals: answer.found.map((each) => approvalView(each, bundle)) }, record: { task } }
}

export const showCallApproval: Handler<"showCallApproval"> = async (input) => {
  const { request, parameters, caller, bundle, context } = input
  const { task, approval: id } = parameters
  const record = { task }
  if (!isOwnTaskId(context.env, task) || !APPROVAL.test(id)) return { ...notFound("approval"), record }
  // A role that suffices to read an approval need not suffice to decide on it.
  const would = await approvingCallerOf(request, "approver", id, bundle, context)
  if (isApiError(would)) return would
  const found = await askLedger(context.env, task, async (ledger) => ({
    shown: await ledger.approval(
      LEDGER_VERSION,
      bundle.pointer,
      { task, id },
      caller.identity.operator !== null,
      would.identity,
    ),
  }))
  if (!found || found.shown === "unavailable") return { ...LEDGER_UNAVAILABLE, record }
  if (!found.shown) return { ...notFound("approval"), record }
  const { asked: approval, risk, unanswerable } = found.shown
  const situation = await situationOf(approval, risk, bundle, context)
  return { answer: { ...approvalView(approval, bundle), unanswerable, ...situation }, record }
}

export const answerCallApproval: Handler<"answerCallApproval"> = async (input) => {
  const { parameters, body, caller, bundle, context, started } = input
  const { task, approval: id } = parameters
  const { approve: approved, uses, reason } = body
  const answerGiven = {
    approval: id.slice(0, 64),
    approved,
    ...(uses !== undefined && { uses }),
    ...(reason !== undefined && { reason }),
  }
  const record = { task, arguments: answerGiven }
  if (!isOwnTaskId(context.env, task) || !APPROVAL.test(id)) return { ...notFound("approval"), record }
  const ledgerRecord = recordOf({ decision: "allow", code: "ok", ...recordedApprover(caller), ...record, ...started })
  const vote = { approved, uses: uses ?? null, ...(reason !== undefined && { reason }) }
  const answer = await askLedger(context.env, task, async (ledger) => ({
    outcome: await ledger.answerApproval(
      LEDGER_VERSION,
      bundle.pointer,
      { task, id },
      vote,
      caller.identity,
      ledgerRecord,
    ),
  }))
  if (!answer || answer.outcome === "unavailable") return { ...LEDGER_UNAVAILABLE, record }
  if (answer.outcome === "frozen") return { ...frozen(task), record }
  if (typeof answer.outcome === "string") {
    const refused = voteErrorOf(answer.outcome, caller)
    return { ...refused, record: { ...record, ...refused.record } }
  }
  // The ledger records the vote in the same transaction.
  return { answer: approvalView(answer.outcome, bundle), record: null }
}

type VoteError = ApiError<"invalid_request" | "policy_denied" | "not_found">

function voteErrorOf(why: Unanswerable | NotApprover, { permitted }: ApprovingCaller): VoteError {
  switch (why) {
    case "own":
      return { error: "policy_denied", denial: { reason: "own_approval" } }
    case "no operator":
      if (permitted && isApiError(permitted)) return permitted
      return { error: "policy_denied", denial: { reason: "role_missing", what: "approver" } }
    case "stranger":
      return { error: "policy_denied", denial: { reason: "not_approver" } }
    case "too many uses": {
      const description =
        "`uses` is more than one approval may allow: `most_uses` of the approval, which approvers.yaml sets."
      return { error: "invalid_request", description }
    }
    case "unknown":
      return notFound("approval")
    case "answered":
    case "expired":
    case "voted":
      return notFound(`approval: ${why}`)
    default:
      return why satisfies never
  }
}

/** A quarantined task may be released, so its approvals stay pending. */
function frozen(task: string): ApiError<"task_quarantined"> {
  const description = "The task is quarantined: this can be answered once an operator releases it."
  return { error: "task_quarantined", description, denial: { reason: "task_quarantined", task } }
}

function notFound(what: string): ApiError<"not_found"> {
  const denial = { reason: "not_found", what } as const
  return { error: "not_found", description: "There is nothing to answer, or not any more.", denial }
}

/**
 * Returns an approval as people see it, without the hash that identifies the call. They see the arguments themselves,
 * except those that the catalog redacts now or redacted when the call was denied.
 */
export function approvalView(approval: Approval, { catalog }: Bundle) {
  const {
    id,
    task,
    tool,
    environment,
    guardrail,
    name,
    rules,
    shown: visible,
    decision,
    bundle,
    terms,
    status,
    uses,
    votes,
  } = approval
  const { agent, purpose, chain, user, method } = visible
  const redact = [...visible.redacted, ...(catalog.tools.get(tool)?.redact ?? [])]
  const values: Readonly<Record<string, unknown>> = JSON.parse(visible.arguments)
  const redacted = Object.keys(values).filter((argument) => isRedacted(argument, redact))
  const what = { tool, method, arguments: withoutRedacted(values, redact), redacted, environment }
  const call = { ...what, agent, purpose, chain, user }
  const times = { asked_at: approval.askedAt, expires_at: approval.expiresAt, limited_by: approval.limitedBy }
  const given = votes.map(({ by, approved, reason = null, at }) => ({ by, approved, reason, at }))
  const { need, mostUses: most_uses } = terms
  return {
    kind: "call" as const,
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
    votes: given,
  }
}
