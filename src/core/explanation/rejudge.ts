/** How a bundle would decide an earlier call, and whether the result differs. */
import { labelsOf } from "../task/labels.ts"
import { callContext } from "../decision/context.ts"
import { codeOf, decidedAnew } from "../denials/denial.ts"
import { decide } from "../decision/decide.ts"
import { riskOf } from "../decision/risk.ts"
import { ancestryOf } from "../task/state.ts"
import { Work } from "../encoding/work.ts"
import type { Bundle } from "../policy/assemble.ts"
import { actionRef, entitiesFor, principalsOf, toolRef } from "../policy/principals.ts"
import { authorizeAll } from "../decision/permission.ts"
import type { RecordedCall } from "./recorded-call.ts"
import { recreate, type Recreated } from "./recreated-call.ts"

export type Rejudgement =
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
  readonly judged: Rejudgement
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
  const { notRecorded, guardrailsNotRecorded, unknownGuardrail } = again
  const answer = notRecorded.length === 0 ? verdictOf(again, bundle) : verdictWhatever(again, bundle)
  if (!answer) return { judged: { kind: "untold", what: notRecorded }, guardrailsNotRecorded }
  // Any other denial applies in any case; whether nothing denies it is unknown.
  if (unknownGuardrail !== null && answer.code === "ok") {
    return { judged: { kind: "untold", what: [`guardrail ${unknownGuardrail}`] }, guardrailsNotRecorded }
  }
  const judged: Rejudgement = answer.code === record.code ? { kind: "same" } : { kind: "flips", to: answer }
  return { judged, guardrailsNotRecorded }
}

export function verdictOf({ state, call, now, guardrails }: Recreated, bundle: Bundle): RejudgedVerdict {
  const { denial, evidence } = decide({ ...bundle, guardrails }, state, call, now).verdict
  const { rules, principal } = evidence
  return { code: denial ? codeOf(denial) : "ok", reason: denial && denial.reason, principal, rules }
}

/** A denial that applies whatever the record does not contain. Null if it depends on that. */
function verdictWhatever(again: Recreated, bundle: Bundle): RejudgedVerdict | null {
  const { state, call, now, notRecorded } = again
  // Guardrails are evaluated before anything that may be unknown; approvals are requested after all of it.
  const recorded = verdictOf(again, bundle)
  const { reason: denied } = recorded
  if (denied !== null && denied !== "approval_required" && decidedAnew({ reason: denied }) === "guardrails")
    return recorded
  const tool = bundle.catalog.tools.get(call.tool)
  const [task, ...above] = ancestryOf(state, call.task)
  if (!tool || !task || notRecorded.some((what) => !what.startsWith("context.arguments."))) return null
  const { user } = state
  const ancestry = [task, ...above] as const
  const labels = labelsOf(state, ancestry, now)
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
    bounds: null,
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
    work: new Work(),
  } as const
  const answer = authorizeAll({ ...policyRequest, entities }, context)
  // Its remedy may depend on them, and a denial with a remedy has another code.
  if ("rules" in answer || answer.forbids.some((rule) => bundle.engine.rule(rule)?.remedy)) return null
  const reason = answer.forbids.length > 0 ? "policy_forbids" : "policy_permits_nothing"
  return { code: "policy_denied", reason, principal: answer.principal, rules: answer.forbids }
}
