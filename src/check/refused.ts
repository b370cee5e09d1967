/** A call that was refused before it came to its ledger: what is kept in mind of that, and what follows from it. */
import type { End } from "../call.ts"
import type { Denial } from "../decision.ts"
import type { Note } from "../guardrails/note.ts"
import type { RefusedCall } from "../ledger/answers.ts"
import { lineOf, type TreeState } from "../ledger/state.ts"
import type { Bundle } from "../policy/assemble.ts"
import { checkAlive, checkToken } from "./credential.ts"
import { endBy, factsOf, tellOfDenial } from "./guardrails.ts"
import { riskOf } from "./risk.ts"

export interface Noticed {
  /** Agents from the root's to the calling one. */
  readonly chain: readonly string[]
  readonly notes: readonly Note[]
  /** It was one too many. */
  readonly storm: Denial | null
  readonly end: End | null
}

/** @returns null: the token opens nothing here, and tells nothing */
export function noticeRefused(
  bundle: Bundle,
  state: TreeState,
  call: RefusedCall,
  denial: Denial,
  now: number,
): Noticed | null {
  const line = lineOf(state, call.task)
  const [task] = line
  if (!task || checkAlive(state, line, now) || checkToken(state, call, now)) return null
  const tool = call.tool === null ? null : (bundle.catalog.tools.get(call.tool) ?? null)
  const facts = factsOf(state, task, tool, { ...call, decisionId: "" }, riskOf(state, line, call.risks, now))
  const told = tellOfDenial(bundle, state.memory, facts, denial, now)
  return { ...told, end: endBy(told.storm, task), chain: line.map(({ agent }) => agent).toReversed() }
}
