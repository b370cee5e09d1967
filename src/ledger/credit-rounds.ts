/** A step of a ledger that needs what all ledgers share: what it needs is requested in rounds, and the step tried again. */
import type { Need } from "../core/guardrails/kind.ts"
import type { Pointer } from "../core/policy/bundle.ts"
import { CreditRequest } from "./credit-request.ts"
import { UNKNOWN_TREE } from "./protocol.ts"
import type { Trees } from "./trees.ts"

/** Rounds in which a step requests credit, if others of its ledger use up what the ledger was lent … */
const MOST_ROUNDS = 8
/** … and of them, those in which it waits for another call's request: after that it makes its own. */
const PATIENT_ROUNDS = 2

/** The step depends on counts that all ledgers share: it has decided nothing. */
export interface Needs {
  readonly needs: readonly Need[]
}

/**
 * @param until milliseconds since the epoch, when the answer no longer counts
 * @param first what the step needed when it was tried without any request
 * @param step receives whether nothing more can be had; it needs nothing more then
 */
export async function withCredit<Result extends object>(
  trees: Trees,
  pointer: Pointer,
  until: number,
  first: Needs,
  step: (isFinal: boolean) => Result | Needs,
): Promise<Result | typeof UNKNOWN_TREE> {
  // All that any step needed: what one round has brought is given back if the next one needs something else.
  const needs = new Map<string, Need>()
  const request = new CreditRequest(pointer.seq, until)
  const { credits } = trees
  let missing = first
  try {
    for (let round = 1; ; round++) {
      const { state } = trees
      if (!state) return UNKNOWN_TREE
      for (const need of missing.needs) needs.set(`${need.owner}|${need.place}`, need)
      const isLast = round === MOST_ROUNDS
      request.waits = round <= PATIENT_ROUNDS
      const answer = await credits.with(state.memories, [...needs.values()], request, (isFinal) =>
        step(isFinal || isLast),
      )
      if (!("needs" in answer)) return answer
      missing = answer
    }
  } finally {
    credits.done(request)
  }
}
