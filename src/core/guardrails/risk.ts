/**
 * Risk: what others have seen of an agent, a user or a task, told as a level from 0 to 100 that halves with time. It
 * never lets anything through; rules and guardrails read it to refuse sooner. Pure.
 */

/** Seconds. A signal that is gone within a minute would be over before anybody acts on it; a week is for a switch. */
export const HALF_LIFE = { min: 60, max: 604_800, default: 3_600 } as const

export interface Signal {
  /** When it was told: a whole number from 1 to 100. */
  readonly level: number
  /** Milliseconds. */
  readonly at: number
  /** Seconds. */
  readonly halfLife: number
}

/** What was told of an agent, or of a user (issuer and subject, joined by `|`). */
export interface ToldRisk {
  readonly kind: "agent" | "user"
  readonly name: string
  readonly signal: Signal
}

/** Nearly always: one value, so that it costs a call nothing. */
export const NOTHING_TOLD: readonly ToldRisk[] = []

/**
 * What is left of it: a whole number, rounded up so that it never reads lower than it is; what has fallen below 1 is 0.
 * @param now milliseconds; a clock behind the one that stamped the signal reads it whole
 */
export function riskAt({ level, at, halfLife }: Signal, now: number): number {
  const left = level * 2 ** (-Math.max(0, now - at) / (halfLife * 1000))
  return left < 1 ? 0 : Math.ceil(left)
}

/** Milliseconds: the last moment at which it may still read more than 0. */
export function lastOf({ level, at, halfLife }: Signal): number {
  return at + Math.ceil(Math.log2(Math.max(1, level)) * halfLife * 1000)
}

/** Of several the highest counts: two who have seen the same thing have not seen it twice. */
export function highestRisk(signals: Iterable<Signal>, now: number): number {
  let highest = 0
  for (const signal of signals) highest = Math.max(highest, riskAt(signal, now))
  return highest
}
