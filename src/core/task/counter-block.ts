/**
 * Counters are durable in blocks. Credit is written before it is used, so that a crash can only have counted too much,
 * and the rest of a block is returned when no calls come. A write on each call would cost two thirds of the throughput.
 */

/** Under this limit each admission is written, because the loss of a block in a crash would be noticeable. */
const EXACT_BELOW = 100
/** The longest block; it bounds what a crash can cost a counter without a limit. */
const LONGEST = 256

/**
 * How much credit to write at once.
 * @param limit of the counter; null: it has none, but rules may read it
 * @param used the counter's current value
 */
export function blockSize(limit: number | null, used: number): number {
  if (limit !== null) return limit < EXACT_BELOW ? 1 : Math.floor(limit / EXACT_BELOW)
  return Math.min(LONGEST, Math.max(1, Math.floor(used / 10)))
}
