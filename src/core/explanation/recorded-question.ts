/** The policy question of a recorded call, asked again of the bundle that decided it, or of another. */
import { decide } from "../decision/decide.ts"
import { guardrailsOf } from "../guardrails/guardrails.ts"
import type { Bundle } from "../policy/assemble.ts"
import { isDeniedByRules, recreate } from "./recreated-call.ts"
import { isPermitted, type PolicyQuestion } from "./policy-question.ts"
import type { RecordedCall } from "./recorded-call.ts"

export interface Reconstructed {
  /** Null where what is not told leaves open what policy was asked. */
  readonly question: PolicyQuestion | null
  /** What the record does not tell of what rules read. */
  readonly untold: readonly string[]
}

/**
 * Null for what was no call of a tool, or was decided before policy was asked.
 * @param recordedBy the bundle that decided it, where it is at hand
 */
export function questionOfRecord(
  record: RecordedCall,
  bundle: Bundle,
  recordedBy: Bundle | null = bundle,
): Reconstructed | null {
  const again = recreate(record, bundle, recordedBy)
  const tool = record.tool === null ? undefined : bundle.catalog.tools.get(record.tool)
  if (!again || !tool) return null
  const { state, call, now, untold: notRecorded } = again
  // What guardrails denied is none of policy's: they are left out.
  const unguarded = { ...bundle, guardrails: guardrailsOf([], []) }
  const { context, chain, user } = decide(unguarded, state, call, now).verdict.evidence
  if (!context) return null
  const question: PolicyQuestion = { bundle, user, agents: chain, tool, context }
  const isSame = notRecorded.length === 0 || (recordedBy === bundle && agrees(record, question))
  return { question: isSame ? question : null, untold: notRecorded }
}

/** Without what is not told it may be another question: it is the one that was asked only if the answer is the same. */
function agrees({ denial }: RecordedCall, question: PolicyQuestion): boolean {
  if (denial === null) return isPermitted(question)
  return isDeniedByRules(denial) && !isPermitted(question)
}
