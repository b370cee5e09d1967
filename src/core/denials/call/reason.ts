/** One reason to deny a call: all that there is to say about it, in one place. */
import type { Code } from "../terms/code.ts"
import type { Members, Reasoned, ShownEvidence, Values } from "../terms/evidence.ts"

/**
 * By what another bundle can decide a recorded call anew that was denied so: its rules, its guardrails, its registry of
 * agents, or which arguments it reads. Null if the record does not hold what it was decided by: a token, a grant, a switch.
 */
export type DecidedAnew = "rules" | "guardrails" | "registry" | "arguments" | null

/** What every reason has. */
interface AnyReason<E extends Members> extends Reasoned<E> {
  readonly code: Code
  /** For operators: a sentence without its full stop. They may read all evidence that a record shows. */
  forOperators(evidence: ShownEvidence<E>): string
  /**
   * For the caller, who may be hostile: only what it can see in its own request, and of policy no more than that something
   * of the request had to be read. Null if the sentence of the code is all that the caller learns.
   */
  forCaller(evidence: Values<E>): string | null
}

export interface CallReason<E extends Members = Members> extends AnyReason<E> {
  readonly decidedAnew: DecidedAnew
}

export function reason<const E extends Members>(entry: CallReason<E>): CallReason<E> {
  return entry
}

/** A reason by which a recorded call is never decided anew. */
export function final<const E extends Members>(entry: AnyReason<E>): CallReason<E> {
  return { ...entry, decidedAnew: null }
}

export const ONLY_CODE = (): null => null
