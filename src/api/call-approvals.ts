/**
 * `/v1/tasks/:task/approvals`: what people are asked about single calls of a task, and what they answer: those whom
 * approvers.yaml names, or an operator. Never an agent: it comes with a person's own token.
 */
import { recordOf } from "../core/record/record.ts"
import type { Approval, Unanswerable } from "../core/task/approval.ts"
import { isRedacted, REDACTED } from "../core/catalog/redaction.ts"
import type { NotAsked } from "../core/task/approvers.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import { isTaskId, rootOf } from "../core/task/state.ts"
import type { Bundle } from "../core/policy/assemble.ts"
import { situationOf } from "./call-situation.ts"
import type { Handler } from "./handler.ts"
import { isApiError, type ApiError } from "./outcome.ts"
import { answererOf, recordedAnswerer, type Answerer } from "./person.ts"

const APPROVAL = /^apr_[0-9A-HJKMNP-TV-Z]{26}$/

const OUT_OF_REACH = { error: "unavailable", description: "The task's ledger did not answer: ask again." } as const

export const listCallApprovals: Handler<"listCallApprovals"> = async ({ parameters: { task }, bundle, context }) => {
  if (!isTaskId(task)) return notFound("task")
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    found: await ledger.approvalsOf(task),
  }))
  if (!answer) return OUT_OF_REACH
  if (!answer.found) return notFound("task")
  return { answer: { approvals: answer.found.map((each) => shownApproval(each, bundle)) }, record: { task } }
}

export const showCallApproval: Handler<"showCallApproval"> = async (input) => {
  const { request, parameters, caller, bundle, context } = input
  const { task, approval: id } = parameters
  const record = { task }
  if (!isTaskId(task) || !APPROVAL.test(id)) return { ...notFound("approval"), record }
  // Who may look is not always who may answer.
  const would = await answererOf(request, "approver", id, bundle, context)
  if (isApiError(would)) return would
  const found = await askLedger(context.env, rootOf(task), async (ledger) => ({
    shown: await ledger.approval(
      LEDGER_VERSION,
      bundle.pointer,
      { task, id },
      caller.answering.operator !== null,
      would.answering,
    ),
  }))
  if (!found || found.shown === "unavailable") return { ...OUT_OF_REACH, record }
  if (!found.shown) return { ...notFound("approval"), record }
  const { asked, risk, unanswerable } = found.shown
  const situation = await situationOf(asked, risk, bundle, context)
  return { answer: { ...shownApproval(asked, bundle), unanswerable, ...situation }, record }
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
  if (!isTaskId(task) || !APPROVAL.test(id)) return { ...notFound("approval"), record }
  const kept = recordOf({ decision: "allow", code: "ok", ...recordedAnswerer(caller), ...record, ...started })
  const vote = { approved, uses: uses ?? null, ...(reason !== undefined && { reason }) }
  const answer = await askLedger(context.env, rootOf(task), async (ledger) => ({
    outcome: await ledger.answerApproval(LEDGER_VERSION, bundle.pointer, { task, id }, vote, caller.answering, kept),
  }))
  if (!answer || answer.outcome === "unavailable") return { ...OUT_OF_REACH, record }
  if (answer.outcome === "frozen") return { ...frozen(task), record }
  if (typeof answer.outcome === "string") {
    const refused = unanswerable(answer.outcome, caller)
    return { ...refused, record: { ...record, ...refused.record } }
  }
  // What was answered is recorded by the ledger, together with it.
  return { answer: shownApproval(answer.outcome, bundle), record: null }
}

type Refusal = ApiError<"invalid_request" | "policy_denied" | "not_found">

function unanswerable(why: Unanswerable | NotAsked, { permitted }: Answerer): Refusal {
  switch (why) {
    case "own":
      return forbidden("another person", "Nobody approves what is done in their own name.")
    case "no operator":
      if (permitted && isApiError(permitted)) return permitted
      return forbidden("approver", "The role approver is required.")
    case "stranger":
      return forbidden("an approver of this", "This person is no approver of this call.")
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

/** It is not over: the task may go on. */
function frozen(task: string): ApiError<"task_quarantined"> {
  const description = "The task is quarantined: this can be answered once an operator releases it."
  return { error: "task_quarantined", description, denial: { reason: "task_quarantined", task } }
}

function forbidden(what: string, description: string): ApiError<"policy_denied"> {
  return { error: "policy_denied", description, denial: { reason: "role_missing", what } }
}

function notFound(what: string): ApiError<"not_found"> {
  const denial = { reason: "not_found", what } as const
  return { error: "not_found", description: "There is nothing to answer, or not any more.", denial }
}

/**
 * As people are shown it, without the hash that tells the call: they see the arguments themselves, but for those that
 * the catalog redacted then, or redacts now.
 */
export function shownApproval(approval: Approval, { catalog }: Bundle) {
  const { id, task, tool, environment, guardrail, name, rules, shown, decision, bundle, terms, status, uses, votes } =
    approval
  const { agent, purpose, chain, user, method } = shown
  const redact = [...shown.redacted, ...(catalog.tools.get(tool)?.redact ?? [])]
  const values: Readonly<Record<string, unknown>> = JSON.parse(shown.arguments)
  const redacted = Object.keys(values).filter((argument) => isRedacted(argument, redact))
  const open = Object.entries(values).map(([argument, value]) => [
    argument,
    redacted.includes(argument) ? REDACTED : value,
  ])
  const what = { tool, method, arguments: Object.fromEntries(open), redacted, environment }
  const call = { ...what, agent, purpose, chain, user }
  const times = { asked_at: approval.askedAt, expires_at: approval.expiresAt }
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
