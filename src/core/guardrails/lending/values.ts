/**
 * The values that a shared `distinct` has counted in its span, each once, by its last use. A granted take counts as
 * used at once: there is no credit of values. A take that is undone has used none; what other takes have used remains.
 */
import type { LentLimit, Take, TakeAnswer } from "./lending.ts"
import { UnwrittenRows, type SeenValue } from "./rows.ts"
import { leavesAt } from "./span.ts"
import { Uses } from "./uses.ts"

interface Room {
  /** How many other values must leave the span before all of these fit. Null if they never fit. */
  readonly excess: number | null
  /** The last use of the last value that must leave. */
  readonly lastToLeave: number
}

export class LentValues {
  readonly unwritten = new UnwrittenRows<string, SeenValue>()
  /** By value, ordered by their last use, oldest first. */
  readonly #seen = new Map<string, Uses>()
  #lastAt = Number.NEGATIVE_INFINITY

  /** @param seen oldest first; of earlier uses than the last, it only tells whether there were any */
  constructor(seen: readonly SeenValue[]) {
    for (const { value, at, take, isNew } of seen) {
      const uses = new Uses(isNew ? null : at)
      if (take !== UNKNOWN_TAKE) uses.add(take, at)
      this.#set(value, uses, at)
    }
  }

  get size(): number {
    return this.#seen.size
  }

  /** Milliseconds since the epoch, the time of the latest use. */
  get lastAt(): number {
    return this.#lastAt
  }

  /**
   * Counts the values of a take. A repeated take gets the same answer.
   * @param setBackBy milliseconds (span.ts)
   */
  take(
    { id, over = false, look = false }: Take,
    values: ReadonlySet<string>,
    { limit, span }: LentLimit,
    now: number,
    setBackBy: number,
  ): TakeAnswer {
    const before = this.#usedBy(id, values)
    if (before !== null) return { granted: values.size, used: this.size - values.size, since: before, lasts: 0 }
    const used = this.size
    const { excess, lastToLeave } = this.#room(values, limit)
    if (!over && excess === null) return { granted: null, used, waits: null }
    if (!over && excess !== null && excess > 0) {
      return { granted: null, used, waits: leavesAt(span, lastToLeave, setBackBy) - now }
    }
    if (look) return { granted: 0, used, since: now, lasts: 0 }
    this.#use(id, values, now)
    return { granted: values.size, used, since: now, lasts: 0 }
  }

  /** Returns when this take used all of the values. Null if it has not. */
  #usedBy(take: string, values: ReadonlySet<string>): number | null {
    let usedAt: number | null = null
    for (const value of values) {
      const at = this.#seen.get(value)?.get(take)
      if (at === undefined) return null
      usedAt = at
    }
    return usedAt
  }

  #room(values: ReadonlySet<string>, limit: number): Room {
    if (values.size > limit) return { excess: null, lastToLeave: 0 }
    const others = [...this.#seen].filter(([value]) => !values.has(value))
    const excess = Math.max(0, others.length + values.size - limit)
    const [, lastToLeave] = others[excess - 1] ?? []
    return { excess, lastToLeave: lastToLeave?.last?.at ?? 0 }
  }

  #use(take: string, values: ReadonlySet<string>, now: number): void {
    for (const value of values) {
      const uses = this.#seen.get(value) ?? new Uses(null)
      uses.add(take, now)
      this.#seen.delete(value)
      this.#set(value, uses, now)
      this.#write(value, uses)
    }
  }

  /** Undoes a take. Values that no other take has used stop counting; others count from their last use before. */
  undo(take: string): void {
    const undone = [...this.#seen].filter(([, uses]) => uses.undo(take))
    for (const [value, uses] of undone) this.#write(value, uses)
    if (undone.length === 0) return
    const left = [...this.#seen].flatMap(([value, uses]) => (uses.last ? [{ value, uses, at: uses.last.at }] : []))
    this.#seen.clear()
    for (const { value, uses, at } of left.toSorted((a, b) => a.at - b.at)) this.#set(value, uses, at)
  }

  /** Forgets the values that were last used at this time or before, which have left the span for good. */
  forget(until: number): void {
    for (const [value, uses] of this.#seen) {
      if (uses.last && uses.last.at > until) break
      this.#seen.delete(value)
      this.unwritten.dropLater(value)
    }
  }

  /** Moves all times with the clock. */
  move(by: number): void {
    this.unwritten.dropLeftOver()
    for (const [value, uses] of this.#seen) {
      uses.move(by)
      this.#write(value, uses)
    }
    this.#lastAt += by
  }

  clear(): void {
    for (const value of this.#seen.keys()) this.unwritten.put(value, null)
    this.#seen.clear()
  }

  #set(value: string, uses: Uses, lastAt: number): void {
    this.#seen.set(value, uses)
    this.#lastAt = Math.max(this.#lastAt, lastAt)
  }

  #write(value: string, { last, size }: Uses): void {
    const isNew = size === 1 && last?.take !== null
    this.unwritten.put(value, last && { value, at: last.at, take: last.take ?? UNKNOWN_TAKE, isNew })
  }
}

/** Stored in place of a take that is no longer known. */
const UNKNOWN_TAKE = ""
