/**
 * Validates the requests of ledgers to a shared limit. They do not come from strangers, but nothing malformed is ever
 * counted.
 */
import { LONGEST_PERIOD } from "../definition.ts"
import type { LentLimit, Settled, Take } from "./lending.ts"

const LONGEST_NAME = 512
/** The most values of one take, and the most settlements of one request. */
const MOST_AT_ONCE = 10_000

/** Throws if the take is malformed, which is a defect of the ledger. */
export function checkTake({ id, holder, limit, amount, want, least = 0, values, settled }: Take): void {
  checkNames([id, holder, ...(values ?? [])])
  checkLimit(limit)
  for (const each of [amount, want, least]) check(isCount(each), "an amount is a safe integer from 0")
  check(want >= amount, "what is wanted is not less than what is needed")
  check((values !== undefined) === (limit.measure.kind === "distinct"), "a distinct has values, and nothing else has")
  check((values?.length ?? 0) <= MOST_AT_ONCE, "too many values")
  checkSettled(holder, settled)
}

export function checkSettled(holder: string, settled: readonly Settled[]): void {
  checkNames([holder, ...settled.map(({ id }) => id)])
  check(settled.length <= MOST_AT_ONCE, "too many blocks at once")
  for (const { used } of settled) check(isCount(used), "what was used is a safe integer from 0")
}

function checkLimit({ seq, measure, limit, span }: LentLimit): void {
  check(isCount(seq) && isCount(limit), "a limit and its bundle's number are safe integers from 0")
  check(isCount(span.seconds) && span.seconds >= 1 && span.seconds <= LONGEST_PERIOD, "a span of 1 s to 31 days")
  if (span.kind !== "bucket") return
  check(isCount(span.burst), "a burst is a safe integer from 0")
  check(measure.kind !== "distinct", "values have no bucket")
}

function checkNames(names: readonly string[]): void {
  for (const name of names) check(name !== "" && name.length <= LONGEST_NAME, "a name of 1 to 512 characters")
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`A shared limit was asked wrongly: ${what}.`)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
