/** One reason to deny a call: everything about it, in one place. */
import type { Code } from "../terms/code.ts"
import type { Members, Reasoned, ShownEvidence, Values } from "../terms/evidence.ts"

/**
 * What another bundle needs to decide a recorded call with this denial again: its rules, its guardrails, its registry
 * of agents, or the arguments that it reads. Null if the record does not contain what decided: a token, a grant, a
 * switch.
 */
export type DecidedAnew = "rules" | "guardrails" | "registry" | "arguments" | null

/** The members of every reason. */
interface AnyReason<E extends Members> extends Reasoned<E> {
  readonly code: Code
  /** A sentence for operators, without its full stop. They may read all evidence that a record shows. */
  forOperators(evidence: ShownEvidence<E>): string
  /**
   * A sentence for the caller, who may be hostile. It contains only what the caller can see in its own request, of which
   * its token is a part, and of policy no more than that something in the request must be readable. Null if the caller only gets the sentence of
   * the code.
   */
  forCaller(evidence: Values<E>): string | null
}

export interface CallReason<E extends Members = Members> extends AnyReason<E> {
  readonly decidedAnew: DecidedAnew
}

export function reason<const E extends Members>(entry: CallReason<E>): CallReason<E> {
  return entry
}

/** A reason with which a recorded call is never decided again. */
export function final<const E extends Members>(entry: AnyReason<E>): CallReason<E> {
  return { ...entry, decidedAnew: null }
}

export const ONLY_CODE = (): null => null
