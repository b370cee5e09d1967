/** Evidence as a comment: how many calls, from when to when, and an example to look up. */
import { printableText } from "../terminal/escape.ts"
import type { Evidence } from "./observed-use.ts"

const day = (at: number): string => new Date(at).toISOString().slice(0, 10)

export function spanText({ from, to }: Pick<Evidence, "from" | "to">): string {
  return day(from) === day(to) ? day(from) : `${day(from)} to ${day(to)}`
}

/** In one line, whatever the ids of a file of records are: they must not end the comment. */
export function evidenceText(evidence: Evidence): string {
  const { calls, first, last } = evidence
  const examples = first === last ? first : `${first}, ${last}`
  return `${calls} ${calls === 1 ? "call" : "calls"}, ${spanText(evidence)}, ${printableText(examples)}`
}

export function joined(all: readonly Evidence[]): Evidence | null {
  const [one, ...others] = all
  if (!one) return null
  return others.reduce((a, b) => {
    const [oldest, newest] = [a.from <= b.from ? a : b, a.to >= b.to ? a : b]
    return { calls: a.calls + b.calls, from: oldest.from, to: newest.to, first: oldest.first, last: newest.last }
  }, one)
}
