/**
 * Whether people have approved of a call that rules or guardrails leave to them; and the questions where nobody has been
 * asked.
 */
import {
  approvalFor,
  askApproval,
  isRoom,
  isUsable,
  MOST_SHOWN,
  requestHash,
  type Approval,
  type Exactly,
  type Figures,
  type Terms,
} from "../task/approval.ts"
import { inboxesFor } from "../task/approvers.ts"
import type { Call } from "./call.ts"
import { argumentsNeeded, variantOf } from "../catalog/arguments.ts"
import { isRedacted, REDACTED } from "../catalog/redaction.ts"
import type { Denial } from "../denials/denial.ts"
import { isUnread, readerOf, unreadable, type CallFacts } from "../guardrails/field.ts"
import type { TreeState } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { Task } from "../task/task.ts"

/** What is denied until people have approved of the call. */
export interface Demand {
  /** For what it is denied otherwise. */
  readonly denial: Denial
  /** That asks; null: rules do. */
  readonly guardrail: string | null
  /** In approvers.yaml; null: any operator answers. */
  readonly name: string | null
  /** Rules that ask by this name, for anybody whose permission the call needs. */
  readonly rules: readonly string[]
}

export type Approved =
  /** Of each demand, used up by this call. */
  | { readonly approvals: readonly Approval[] }
  /**
   * `because`: what it would be denied for if nobody could be asked. `asks`: what people are asked, or would be if the
   * gateway did not let the call happen all the same.
   */
  | { readonly denial: Denial; readonly because: Denial; readonly asks: Approval | null }

type Required = Extract<Denial, { readonly reason: "approval_required" }>

const callOf = readerOf("call")
/** An approver reads all arguments of a call, and approves of what they read. */
const ALL: ReadonlySet<string> = new Set(["*"])
/** Where approvers.yaml does not say how long a question can be answered, and the answer be used. */
const LIFE_MS = 900_000
/** One operator is enough, and says how many calls. */
const OPERATORS: Terms = { need: 1, mostUses: 100 }

/** People are asked for one thing after the other, in the order of the demands. */
export function checkApprovals(
  { approvals }: TreeState,
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
    // What nobody could see nobody can approve of.
    const variant = variantOf(facts.arguments, ALL)
    if (variant !== null) return { denial: { reason: "argument_variant", argument: variant }, because, asks: null }
    if (!facts.arguments.complete) return { denial: argumentsNeeded(["call"], facts.arguments), because, asks: null }
    const text = callOf(facts)
    if (isUnread(text)) return { denial: unreadable(guardrail ?? "", text), because, asks: null }
    const { environment } = call
    const what = { task: ancestry[0].id, tool: facts.tool.name, call: text, request: requestHash(call) }
    const exactly = { ...what, environment, guardrail, name }
    const known = approvalFor(approvals, exactly, rules, now)
    if (known && isUsable(known)) {
      used.push(known)
      continue
    }
    if (known) return { denial: required(because, known), because, asks: null }
    const asks = isRoom(approvals, now) ? questionOf(bundle, ancestry, demand, exactly, call.method, facts, now) : null
    if (!asks) return { denial: because, because, asks }
    const denial = required(because, asks)
    const notAsked = { ...denial, approval: null, status: "not_asked", expires_at: null } as const
    return { denial: call.mode === "enforce" ? denial : notAsked, because, asks }
  }
  return { approvals: used }
}

/** Null where people could not be shown what they are asked about. */
function questionOf(
  bundle: Bundle,
  ancestry: readonly [Task, ...Task[]],
  { rules, denial }: Demand,
  exactly: Exactly,
  method: string,
  facts: CallFacts,
  now: number,
): Approval | null {
  const [task] = ancestry
  const { approvals, pointer } = bundle
  const shown = {
    agent: task.agent,
    purpose: task.purpose,
    chain: ancestry.map((each) => each.agent).toReversed(),
    user: facts.user,
    method,
    arguments: shownArguments(facts),
    redacted: Object.keys(facts.arguments.values).filter((name) => isRedacted(name, facts.tool.redact)),
  }
  if (shown.arguments.length > MOST_SHOWN) return null
  const definition = exactly.name === null ? null : approvals.get(exactly.name)
  if (definition === undefined) return null
  const life = definition ? definition.life * 1000 : LIFE_MS
  const question = {
    id: `apr_${facts.decision.slice(facts.decision.indexOf("_") + 1)}`,
    ...exactly,
    rules,
    figures: figuresOf(denial),
    shown,
    inboxes: inboxesFor(bundle, exactly.name, bundle.agents.get(task.agent)?.owner ?? null, facts.user),
    decision: facts.decision,
    bundle: pointer.seq,
    expiresAt: Math.min(now + life, task.expiresAt),
    terms: definition ? { need: definition.need, mostUses: definition.uses } : OPERATORS,
  }
  return askApproval(question, now)
}

function figuresOf(denial: Denial): Figures | null {
  if (denial.reason !== "budget_spent" || denial.used === null || denial.asked === null) return null
  const { used, asked, limit } = denial
  return { used, asked, limit }
}

function shownArguments({ arguments: { values }, tool }: CallFacts): string {
  const shown = Object.entries(values).map(([name, value]) => [name, isRedacted(name, tool.redact) ? REDACTED : value])
  return JSON.stringify(Object.fromEntries(shown))
}

function required({ reason: because }: Denial, { id, guardrail, name, status, expiresAt }: Approval): Required {
  const expires_at = Math.floor(expiresAt / 1000)
  return {
    reason: "approval_required",
    guardrail,
    name,
    because,
    approval: id,
    status: status === "rejected" ? status : "pending",
    expires_at,
  }
}
