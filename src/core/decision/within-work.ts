import { UNSEEN_ARGUMENTS, type CallArguments } from "../catalog/arguments.ts"
import { OutOfWork, Work } from "../encoding/work.ts"

/** The meter of a call with arguments of so many characters: to hash and record them is drawn already. */
export function workOfCall({ arguments: { complete }, size }: SizedCall): Work {
  const work = new Work()
  if (complete) work.take(size * UNITS_OF_CHARACTER)
  return work
}
const UNITS_OF_CHARACTER = 1

interface SizedCall {
  readonly arguments: CallArguments
  /** Of its target and its body, in characters. */
  readonly size: number
}

/**
 * Runs a pure step with the meter of a call. If the step takes more work than a call may, it runs again as if no argument
 * had been seen: then only denials and what they cause are left, which take no work that arguments multiply.
 */
export function withinWork<Called extends { readonly arguments: CallArguments }, Result>(
  call: Called,
  work: Work,
  step: (call: Called, work: Work, isTooMuch: boolean) => Result,
): Result {
  try {
    return step(call, work, false)
  } catch (error) {
    if (!(error instanceof OutOfWork)) throw error
    return step({ ...call, arguments: UNSEEN_ARGUMENTS }, new Work(Infinity), true)
  }
}
