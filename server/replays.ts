/** Remembers which decisions have been used, so that each allowed call happens once. */

/** Of several processes, or of a Worker, this is a store that they share, such as a Durable Object. */
export interface ReplayStore {
  /**
   * True if the decision was not used before, and is from now on, in one step.
   * @param expires seconds since the epoch, until when it has to be remembered
   */
  use(decision: string, expires: number): boolean | Promise<boolean>
}

/** More calls than a process answers in the life of a token. */
const MOST_REMEMBERED = 100_000

/**
 * For a service of one process. It remembers 100,000 decisions; if all of them can still be repeated, a further one
 * counts as used: nothing is forgotten too early.
 */
export function memoryReplays(most: number = MOST_REMEMBERED): ReplayStore {
  const used = new Map<string, number>()
  return {
    use(decision, expires) {
      if (used.has(decision)) return false
      if (used.size >= most) {
        const now = Date.now() / 1000
        for (const [each, until] of used) if (until < now) used.delete(each)
        if (used.size >= most) return false
      }
      used.set(decision, expires)
      return true
    },
  }
}
