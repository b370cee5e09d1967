/**
 * How long one request waits for what, by the Worker's clock, which only moves while it waits. It is written beside the
 * work, and read for the record alone.
 */
import type { Step, Steps } from "../core/record/fields/trace.ts"

export class Waits {
  /** Null until something has taken any time: nearly all requests wait for nothing but their ledger. */
  #steps: Partial<Record<Step, number>> | null = null

  /** Returns what the work returns. */
  async of<Value>(step: Step, work: Promise<Value>): Promise<Value> {
    const since = Date.now()
    try {
      return await work
    } finally {
      this.#add(step, Date.now() - since)
    }
  }

  /** @param total milliseconds that the request has waited in all; what nothing else accounts for is this step's */
  rest(step: Step, total: number): void {
    this.#add(step, total - Object.values(this.#steps ?? {}).reduce((sum, ms) => sum + ms, 0))
  }

  #add(step: Step, ms: number): void {
    if (ms <= 0) return
    this.#steps ??= {}
    this.#steps[step] = (this.#steps[step] ?? 0) + ms
  }

  /** Null if nothing has taken any time. */
  get steps(): Steps | null {
    return this.#steps
  }
}
