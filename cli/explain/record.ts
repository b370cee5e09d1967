/** The policy question of a recorded call, asked again of the bundle that decided it. */
import { decide } from "../../src/decide.ts"
import type { Bundle } from "../../src/policy/assemble.ts"
import type { ShownRecord } from "../decision-record.ts"
import { recreate } from "../again/recorded.ts"
import type { PolicyQuestion } from "./question.ts"

export interface Reconstructed {
  readonly question: PolicyQuestion
  /** What the record does not tell of what rules read. */
  readonly untold: readonly string[]
}

/** Null for what was no call of a tool, or was decided before policy was asked. */
export function questionOfRecord(record: ShownRecord, bundle: Bundle): Reconstructed | null {
  const again = recreate(record, bundle, bundle)
  const tool = record.tool === null ? undefined : bundle.catalog.tools.get(record.tool)
  if (!again || !tool) return null
  const { state, call, now, untold } = again
  // Windows that were full are none of policy's: they are left out.
  state.windows.clear()
  const { context, chain, user } = decide(bundle, state, call, now).verdict.evidence
  return context && { question: { bundle, user, agents: chain, tool, context }, untold }
}
