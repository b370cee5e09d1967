/**
 * The time by which a ledger, or a count that ledgers share, counts. It never runs faster than true time, whatever the
 * platform's clock does: so what was counted within a span of true time is at most a span old, and no limit is exceeded.
 *
 * A ledger only sees the platform's clock, and only at its steps. Two kinds of steps are not the passing of time:
 * - The clock shows an earlier time than before. It was set back.
 * - The clock was set back, and now comes forward by at least as much. Either it is right again, or there was a pause. That
 *   cannot be distinguished, so no time has passed.
 * In both cases what was counted moves with the clock: it is no older afterwards than it was before.
 *
 * Other steps cannot be distinguished from a pause: a leap ahead that follows no such step, and any step that is shorter
 * than the pause in which it falls. They count as time that has passed.
 */

/** Machines on which the ledger wakes differ by less. Until their clock has caught up, the ledger's stands still. */
const JITTER_MS = 1_000

/**
 * How far the clock was set back and has not come forward since: the last time, and in all, in milliseconds. Null if it
 * was not.
 */
export type SetBack = { readonly last: number; readonly sum: number } | null

export interface ClockStep {
  /** Milliseconds by which everything that was counted moves. */
  readonly by: number
  /** Afterwards. */
  readonly setBack: SetBack
}

/**
 * @param clock the latest time that the ledger has seen, in milliseconds
 * @param now milliseconds, by the platform's clock
 * @returns null if the time in between has passed
 */
export function clockStep(clock: number, setBack: SetBack, now: number): ClockStep | null {
  const by = now - clock
  if (by <= -JITTER_MS) return { by, setBack: { last: -by, sum: (setBack?.sum ?? 0) - by } }
  if (!setBack || by < setBack.last) return null
  const sum = setBack.sum - by
  return { by, setBack: sum > 0 ? { last: sum, sum } : null }
}
