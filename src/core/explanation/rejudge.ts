/** How a bundle would decide an earlier call, and whether the result differs. */
import { callContext } from "../decision/context.ts"
import { codeOf, decidedAnew } from "../denials/denial.ts"
import { decide } from "../decision/decide.ts"
import { riskOf } from "../decision/risk.ts"
import { ancestryOf } from "../task/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { actionRef, entitiesFor, principalsOf, toolRef } from "../policy/principals.ts"
import { authorizeAll } from "../decision/permission.ts"
import type { RecordedCall } from "./recorded-call.ts"
import { recreate, type Recreated } from "./recreated-call.ts"

export type Judged =
  | { readonly kind: "same" }
  | { readonly kind: "flips"; readonly to: RejudgedVerdict }
  /** It depends on what the record does not contain. */
  | { readonly kind: "untold"; readonly what: readonly string[] }
  /** The reason does not concern rules: a token, a grant, a budget. */
  | { readonly kind: "apart" }

export interface RejudgedVerdict {
  /** `ok`, or the code of the denial. */
  readonly code: string
  readonly reason: string | null
  readonly principal: string | null
  readonly rules: readonly string[]
}

export interface Rejudged {
  readonly judged: Judged
  /** Guardrails with which the call is assumed to comply. */
  readonly guardrailsNotRecorded: readonly string[]
}

const APART: Rejudged = { judged: { kind: "apart" }, guardrailsNotRecorded: [] }

/** @param recordedBy the bundle that decided it, if it is available */
export function rejudge(
  record: RecordedCall & { readonly code: string },
  bundle: Bundle,
  recordedBy: Bundle | null = null,
): Rejudged {
  if (record.denial && decidedAnew(record.denial) === null) return APART
  const again = recreate(record, bundle, recordedBy)
  if (!again) return APART
  const { untold: notRecorded, guardrailsNotRecorded, unknownGuardrail } = again
  const answer = notRecorded.length === 0 ? answerTo(again, bundle) : answerWhatever(again, bundle)
  if (!answer) return { judged: { kind: "untold", what: notRecorded }, guardrailsNotRecorded }
  // Any other denial applies in any case; whether nothing denies it is unknown.
  if (unknownGuardrail !== null && answer.code === "ok") {
    return { judged: { kind: "untold", what: [`guardrail ${unknownGuardrail}`] }, guardrailsNotRecorded }
  }
  const judged: Judged = answer.code === record.code ? { kind: "same" } : { kind: "flips", to: answer }
  return { judged, guardrailsNotRecorded }
}

export function answerTo({ state, call, now, guardrails }: Recreated, bundle: Bundle): RejudgedVerdict {
  const { denial, evidence } = decide({ ...bundle, guardrails }, state, call, now).verdict
  const { rules, principal } = evidence
  return { code: denial ? codeOf(denial) : "ok", reason: denial && denial.reason, principal, rules }
}

/** A denial that applies whatever the record does not contain. Null if it depends on that. */
function answerWhatever(again: Recreated, bundle: Bundle): RejudgedVerdict | null {
  const { state, call, now, untold: notRecorded } = again
  // Guardrails are evaluated before anything that may be unknown; approvals are requested after all of it.
  const asTold = answerTo(again, bundle)
  const { reason: told } = asTold
  if (told !== null && told !== "approval_required" && decidedAnew({ reason: told }) === "guardrails") return asTold
  const tool = bundle.catalog.tools.get(call.tool)
  const [task, ...above] = ancestryOf(state, call.task)
  if (!tool || !task || notRecorded.some((what) => !what.startsWith("context.arguments."))) return null
  const { user, labels } = state
  const ancestry = [task, ...above] as const
  const { environment, gateway, proof } = call
  const boundKey = proof !== null
  const risk = riskOf(state, ancestry, call.risks, now)
  const context = callContext({
    ancestry,
    user,
    labels,
    boundKey,
    risk,
    arguments: new Map(),
    environment,
    gateway,
    now,
  })
  const agents = ancestry.map((each) => each.agent).toReversed()
  const principals = principalsOf(user, agents)
  const entities = entitiesFor(bundle.entities, user)
  const policyRequest = {
    bundle,
    by: "mayAllow",
    principals,
    action: actionRef(tool.action),
    resource: toolRef(tool.name),
  } as const
  const answer = authorizeAll({ ...policyRequest, entities }, context)
  // Its remedy may depend on them, and a denial with a remedy has another code.
  if ("rules" in answer || answer.forbids.some((rule) => bundle.engine.rule(rule)?.remedy)) return null
  const reason = answer.forbids.length > 0 ? "policy_forbids" : "policy_permits_nothing"
  return { code: "policy_denied", reason, principal: answer.principal, rules: answer.forbids }
}
