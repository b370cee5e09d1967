/**
 * Whether approvers have approved a call that policies or guardrails leave to them; and the approval that is requested
 * if there is none yet.
 */
import {
  approvalFor,
  requestApproval,
  isUsable,
  MAX_OPEN_APPROVALS,
  MOST_SHOWN,
  requestHash,
  type Approval,
  type ApprovalLimit,
  type Exactly,
  type Figures,
  type Terms,
} from "../task/approval.ts"
import { inboxesFor } from "../task/approvers.ts"
import { firstBound } from "../task/opening-step.ts"
import type { Call } from "./call.ts"
import { argumentsNeeded, variantOf } from "../catalog/arguments.ts"
import { isRedacted, withoutRedacted } from "../catalog/redaction.ts"
import type { Denial } from "../denials/denial.ts"
import { isUnread, readerOf, unreadable, type CallFacts } from "../guardrails/field.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Task } from "../task/task.ts"

/** What is denied until approvers have approved the call. */
export interface Demand {
  /** The denial if there is no approval. */
  readonly denial: Denial
  /** The guardrail that requires the approval; null if policies do. */
  readonly guardrail: string | null
  /** Its name in approvers.yaml; null if any operator may approve. */
  readonly name: string | null
  /** Policies that require an approval of this name, for any principal whose permission the call needs. */
  readonly rules: readonly string[]
}

export type Approved =
  /** One for each demand, used up by this call. */
  | { readonly approvals: readonly Approval[] }
  /**
   * `because`: the denial if no approval could be requested. `request`: the approval that is requested, or would be if the
   * gateway did not allow the call anyway.
   */
  | { readonly denial: Denial; readonly because: Denial; readonly request: Approval | null }

type Required = Extract<Denial, { readonly reason: "approval_required" }>

const callOf = readerOf("call")
/** An approver reads all arguments of a call, and approves what they read. */
const ALL: ReadonlySet<string> = new Set(["*"])
/** How long an approval can be decided and used, if approvers.yaml does not say. */
const LIFE_MS = 900_000
/** One operator suffices, and says for how many calls. */
const OPERATORS: Terms = { need: 1, mostUses: 100 }

/** Approvals are requested one after the other, in the order of the demands. */
export function checkApprovals(
  { approvals, ledger }: TreeState,
  bundle: Bundle,
  ancestry: readonly [Task, ...Task[]],
  demands: readonly Demand[],
  facts: CallFacts,
  call: Call,
  now: number,
): Approved {
  const used: Approval[] = []
  for (const demand of demands) {
    const { guardrail, name, rules, denial: because } = demand
    // Approvers cannot approve what they cannot see.
    const variant = variantOf(call.arguments, ALL)
    if (variant !== null) return { denial: { reason: "argument_variant", argument: variant }, because, request: null }
    if (!call.arguments.complete) return { denial: argumentsNeeded(["call"], call.arguments), because, request: null }
    const text = callOf(facts)
    if (isUnread(text)) return { denial: unreadable(guardrail ?? "", text), because, request: null }
    const { environment } = call
    const what = { task: ancestry[0].id, tool: facts.tool.name, call: text, request: requestHash(call) }
    const exactly = { ...what, environment, guardrail, name }
    const approval = approvalFor(approvals, exactly, rules, now)
    if (approval && isUsable(approval)) {
      used.push(approval)
      continue
    }
    if (approval) return { denial: required(because, approval), because, request: null }
    const isFull = ledger.openApprovals.isFull(ancestry[0].historyKey, MAX_OPEN_APPROVALS, now)
    const request = isFull ? null : approvalRequestOf(bundle, ancestry, demand, exactly, call, facts, now)
    if (!request) return { denial: because, because, request }
    const denial = required(because, request)
    const notRequested = { ...denial, approval: null, status: "not_asked", expires_at: null, limited_by: null } as const
    return { denial: call.mode === "enforce" ? denial : notRequested, because, request }
  }
  return { approvals: used }
}

/** Returns null if the call cannot be shown to approvers. */
function approvalRequestOf(
  bundle: Bundle,
  ancestry: readonly [Task, ...Task[]],
  { rules, denial }: Demand,
  exactly: Exactly,
  { method, arguments: { values } }: Call,
  facts: CallFacts,
  now: number,
): Approval | null {
  const [task] = ancestry
  const { approvals, pointer } = bundle
  const approvalCall = {
    agent: task.agent,
    purpose: task.purpose,
    chain: ancestry.map((each) => each.agent).toReversed(),
    user: facts.user,
    method,
    arguments: JSON.stringify(withoutRedacted(values, facts.tool.redact)),
    redacted: Object.keys(values).filter((name) => isRedacted(name, facts.tool.redact)),
  }
  if (approvalCall.arguments.length > MOST_SHOWN) return null
  const definition = exactly.name === null ? null : approvals.get(exactly.name)
  if (definition === undefined) return null
  const life = definition ? definition.life * 1000 : LIFE_MS
  const end = firstBound<ApprovalLimit>(["approval_life", now + life], [task.limitedBy, task.expiresAt])
  const request = {
    id: `apr_${facts.decision.slice(facts.decision.indexOf("_") + 1)}`,
    ...exactly,
    rules,
    figures: figuresOf(denial),
    shown: approvalCall,
    inboxes: inboxesFor(bundle, exactly.name, bundle.agents.get(task.agent)?.owner ?? null, facts.user),
    decision: facts.decision,
    bundle: pointer.seq,
    expiresAt: end.at,
    limitedBy: end.by,
    terms: definition ? { need: definition.need, mostUses: definition.uses } : OPERATORS,
  }
  return requestApproval(request, now)
}

function figuresOf(denial: Denial): Figures | null {
  if (denial.reason !== "budget_spent" || denial.used === null || denial.asked === null) return null
  const { used, asked: requested, limit } = denial
  return { used, asked: requested, limit }
}

function required(denial: Denial, { id, guardrail, name, status, expiresAt, limitedBy }: Approval): Required {
  const expires_at = Math.floor(expiresAt / 1000)
  return {
    reason: "approval_required",
    guardrail,
    name,
    because: denial.reason,
    ...("message" in denial && { message: denial.message }),
    approval: id,
    status: status === "rejected" ? status : "pending",
    expires_at,
    limited_by: limitedBy,
  }
}
