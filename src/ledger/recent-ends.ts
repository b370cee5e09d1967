/**
 * When tasks and tokens have ended, the latest of them: a call that an edge denied before is its agent's, although its
 * record comes after the end. Otherwise an agent would hide what it tried by ending its task. Memory alone: what is not
 * known here identifies nobody.
 */
import type { IssuedToken } from "../core/task/task.ts"

const MOST = 1_000

interface RecentEnd {
  /** Milliseconds since the epoch. */
  readonly at: number
  /** The token that has ended. Null: a task has. */
  readonly token: IssuedToken | null
}

export class RecentEnds {
  /** By id of the task, or `jti`; in the order of their ends. */
  readonly #ends = new Map<string, RecentEnd>()

  add(id: string, at: number, token: IssuedToken | null = null): void {
    this.#ends.set(id, this.#ends.get(id) ?? { at, token })
    const [oldest] = this.#ends.keys()
    if (this.#ends.size > MOST && oldest !== undefined) this.#ends.delete(oldest)
  }

  of(id: string): RecentEnd | undefined {
    return this.#ends.get(id)
  }

  /** A task that goes on. */
  forget(id: string): void {
    this.#ends.delete(id)
  }
}
