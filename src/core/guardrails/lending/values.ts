/**
 * Values that a shared `distinct` has seen in its span, each counted once, by its last use. What a take is granted is
 * used at once: there is no credit of values. A take that is undone has used none; what others have used stays.
 */
import type { LentLimit, Take, TakeAnswer } from "./lending.ts"
import { Unwritten, type Seen } from "./rows.ts"
import { leavesAt } from "./span.ts"
import { Uses } from "./uses.ts"

interface Room {
  /** Values of others that have to leave before all of these fit; null: they never do. */
  readonly excess: number | null
  /** When that would be, of the last one that has to leave. */
  readonly lastToLeave: number
}

export class LentValues {
  readonly unwritten = new Unwritten<string, Seen>()
  /** By their last use, oldest first. */
  readonly #seen = new Map<string, Uses>()
  #lastAt = Number.NEGATIVE_INFINITY

  /** @param seen oldest first; of earlier uses than the last it says only whether there were any */
  constructor(seen: readonly Seen[]) {
    for (const { value, at, take, isNew } of seen) {
      const uses = new Uses(isNew ? null : at)
      if (take !== NOBODY) uses.add(take, at)
      this.#set(value, uses, at)
    }
  }

  get size(): number {
    return this.#seen.size
  }

  /** Milliseconds: the time of the latest use. */
  get lastAt(): number {
    return this.#lastAt
  }

  /** A take that comes again is answered as before. */
  take(
    { id, over = false, look = false }: Take,
    values: ReadonlySet<string>,
    { limit, span }: LentLimit,
    now: number,
  ): TakeAnswer {
    const before = this.#usedBy(id, values)
    if (before !== null) return { granted: values.size, used: this.size - values.size, since: before, lasts: 0 }
    const used = this.size
    const { excess, lastToLeave } = this.#room(values, limit)
    if (!over && excess === null) return { granted: null, used, waits: null }
    if (!over && excess !== null && excess > 0) {
      return { granted: null, used, waits: leavesAt(span, lastToLeave) - now }
    }
    if (look) return { granted: 0, used, since: now, lasts: 0 }
    this.#use(id, values, now)
    return { granted: values.size, used, since: now, lasts: 0 }
  }

  /** When this take used all of them. Null: it has not. */
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

  /** Values that nobody else has used stop counting; others count from when they were last used before. */
  undo(take: string): void {
    const undone = [...this.#seen].filter(([, uses]) => uses.undo(take))
    for (const [value, uses] of undone) this.#write(value, uses)
    if (undone.length === 0) return
    const left = [...this.#seen].flatMap(([value, uses]) => (uses.last ? [{ value, uses, at: uses.last.at }] : []))
    this.#seen.clear()
    for (const { value, uses, at } of left.toSorted((a, b) => a.at - b.at)) this.#set(value, uses, at)
  }

  /** What was last used by then has left the span, for good. */
  forget(until: number): void {
    for (const [value, uses] of this.#seen) {
      if (uses.last && uses.last.at > until) break
      this.#seen.delete(value)
      this.unwritten.dropLater(value)
    }
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
    this.unwritten.put(value, last && { value, at: last.at, take: last.take ?? NOBODY, isNew })
  }
}

/** In storage, of takes that are told apart no more. */
const NOBODY = ""
