/**
 * Risk: a level from 0 to 100, reported of an agent, a user or a task, that halves with time. It never allows anything;
 * rules and guardrails read it to deny sooner. Pure.
 */

/**
 * Seconds. A risk that is gone within a minute would be over before anyone reacts; beyond a week a revocation is the
 * right means.
 */
export const HALF_LIFE = { min: 60, max: 604_800, default: 3_600 } as const

export interface Signal {
  /** The reported level: a whole number from 1 to 100. */
  readonly level: number
  /** Milliseconds since the epoch. */
  readonly at: number
  /** Seconds. */
  readonly halfLife: number
}

/** A risk that was reported of an agent, or of a user (issuer and subject, joined by `|`). */
export interface ReportedRisk {
  readonly kind: "agent" | "user"
  readonly name: string
  readonly signal: Signal
}

/** Nearly all calls have none: one shared value costs them nothing. */
export const NO_RISKS: readonly ReportedRisk[] = []

/**
 * Returns the current level: a whole number, rounded up so that it is never too low. A level below 1 is 0.
 * @param now milliseconds; a clock behind the one that stamped the signal reads the full level
 */
export function riskAt({ level, at, halfLife }: Signal, now: number): number {
  const left = level * 2 ** (-Math.max(0, now - at) / (halfLife * 1000))
  return left < 1 ? 0 : Math.ceil(left)
}

/** Milliseconds since the epoch: the last moment at which the level may be above 0. */
export function lastOf({ level, at, halfLife }: Signal): number {
  return at + Math.ceil(Math.log2(Math.max(1, level)) * halfLife * 1000)
}

/** Returns the highest of several levels: two reports of the same event do not add up. */
export function highestRisk(signals: Iterable<Signal>, now: number): number {
  let highest = 0
  for (const signal of signals) highest = Math.max(highest, riskAt(signal, now))
  return highest
}
