/** The policy question of a recorded call, evaluated again by the bundle that decided it, or by another. */
import { decide } from "../decision/decide.ts"
import { guardrailsOf } from "../guardrails/guardrails.ts"
import type { Bundle } from "../policy/assemble.ts"
import { isDeniedByRules } from "./recorded-situation.ts"
import { recreate } from "./recreated-call.ts"
import { isPermitted, type PolicyQuestion } from "./policy-question.ts"
import type { RecordedCall } from "./recorded-call.ts"

export interface Reconstructed {
  /** Null if the question is ambiguous without what the record does not contain. */
  readonly question: PolicyQuestion | null
  /** What rules read, and the record does not contain. */
  readonly notRecorded: readonly string[]
}

/**
 * Null if it was no call of a tool, or was decided before policy was evaluated.
 * @param recordedBy the bundle that decided it, if it is available
 */
export function questionOfRecord(
  record: RecordedCall,
  bundle: Bundle,
  recordedBy: Bundle | null = bundle,
): Reconstructed | null {
  const again = recreate(record, bundle, recordedBy)
  const tool = record.tool === null ? undefined : bundle.catalog.tools.get(record.tool)
  if (!again || !tool) return null
  const { state, call, now, notRecorded } = again
  // Guardrails are left out, because their denials do not concern policy.
  const unguarded = { ...bundle, guardrails: guardrailsOf([], []) }
  const { context, chain, user } = decide(unguarded, state, call, now).verdict.evidence
  if (!context) return null
  const question: PolicyQuestion = { bundle, user, agents: chain, tool, context }
  const isSame = notRecorded.length === 0 || (recordedBy === bundle && agrees(record, question))
  return { question: isSame ? question : null, notRecorded }
}

/**
 * Without what the record does not contain it may be another question. It is the original one only if its result is the
 * same.
 */
function agrees({ denial }: RecordedCall, question: PolicyQuestion): boolean {
  if (denial === null) return isPermitted(question)
  return isDeniedByRules(denial) && !isPermitted(question)
}
