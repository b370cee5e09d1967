/**
 * Counters are durable in blocks: credit is written down before it is used, so that a crash can only ever have counted
 * too much, and what is left of a block is given back when the ledger goes quiet (DESIGN §2). A write on each call
 * would cost two thirds of the throughput.
 */

/** Under this limit each admission is written: there, a block lost to a crash would be felt. */
const EXACT_BELOW = 100
/** Longest block; bounds what a crash can cost a counter without a limit. */
const LONGEST = 256

/**
 * How much credit to write down at once.
 * @param limit what the counter may reach; null: nothing limits it, but rules may read it
 * @param used what it has reached
 */
export function blockSize(limit: number | null, used: number): number {
  if (limit !== null) return limit < EXACT_BELOW ? 1 : Math.floor(limit / EXACT_BELOW)
  return Math.min(LONGEST, Math.max(1, Math.floor(used / 10)))
}
