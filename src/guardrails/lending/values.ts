/**
 * Values that a shared `distinct` has seen in its span, each counted once, by its last use. What a take is granted is
 * used at once: there is no credit of values.
 */
import { Unwritten, type Seen } from "./rows.ts"

export interface Room {
  /** Values of others that have to leave before all of these fit; null: they never do. */
  readonly excess: number | null
  /** When that would be, of the last one that has to leave. */
  readonly lastToLeave: number
}

export class LentValues {
  readonly unwritten = new Unwritten<string, Seen>()
  /** By their last use, oldest first. */
  readonly #seen = new Map<string, Seen>()
  #lastAt = Number.NEGATIVE_INFINITY

  /** @param seen oldest first */
  constructor(seen: readonly Seen[]) {
    for (const each of seen) this.#set(each)
  }

  get size(): number {
    return this.#seen.size
  }

  /** Milliseconds: the time of the latest use. */
  get lastAt(): number {
    return this.#lastAt
  }

  /** When this very take used all of them; null where it did not, or others have used some since. */
  usedBy(take: string, values: ReadonlySet<string>): number | null {
    let usedAt: number | null = null
    for (const value of values) {
      const seen = this.#seen.get(value)
      if (seen?.take !== take) return null
      usedAt = seen.at
    }
    return usedAt
  }

  room(values: ReadonlySet<string>, limit: number): Room {
    if (values.size > limit) return { excess: null, lastToLeave: 0 }
    const others = [...this.#seen.values()].filter(({ value }) => !values.has(value))
    const excess = Math.max(0, others.length + values.size - limit)
    return { excess, lastToLeave: others[excess - 1]?.at ?? 0 }
  }

  use(take: string, values: ReadonlySet<string>, now: number): void {
    for (const value of values) {
      const before = this.#seen.get(value)
      const seen = { value, at: now, take, isNew: !before || (before.isNew && before.take === take) }
      this.#seen.delete(value)
      this.#set(seen)
      this.unwritten.put(value, seen)
    }
  }

  /** Values that nobody else has used stop counting. */
  undo(take: string): void {
    for (const seen of this.#seen.values()) if (seen.take === take && seen.isNew) this.#drop(seen.value)
  }

  /** What was last used by then has left the span, for good. */
  forget(until: number): void {
    for (const { value, at } of this.#seen.values()) {
      if (at > until) break
      this.#seen.delete(value)
      this.unwritten.dropLater(value)
    }
  }

  clear(): void {
    for (const value of this.#seen.keys()) this.#drop(value)
  }

  #drop(value: string): void {
    this.#seen.delete(value)
    this.unwritten.put(value, null)
  }

  #set(seen: Seen): void {
    this.#seen.set(seen.value, seen)
    this.#lastAt = Math.max(this.#lastAt, seen.at)
  }
}
