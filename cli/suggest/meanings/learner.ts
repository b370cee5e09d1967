/** How a bound on what an argument means is learned from its values, one after the other. */
import { brokenBy } from "../../../src/core/catalog/bounds/bounds.ts"
import { BOUND_KINDS } from "../../../src/core/catalog/bounds/kinds.ts"
import type { MeaningBound } from "../../../src/core/catalog/bounds/definition.ts"
import { MOST_VALUES } from "../most-values.ts"
import { isSettled } from "../settled.ts"

export interface Learner {
  /** @param at when the call was made, milliseconds since the epoch */
  add(text: string, at: number): void
  /** Null: some value is nothing of that kind, or the values have too little in common. */
  readonly learned: LearnedMeaning | null
}

export interface LearnedMeaning {
  /** Of one kind. */
  readonly bound: MeaningBound
  /** For people, after the name of the argument. */
  readonly words: string
  /** A value within the bound, and one outside, for the tests. */
  readonly within: string
  readonly outside: string
}

/** Whether a value is within a bound, by its own kind. */
export const isWithin = (bound: MeaningBound, value: string): boolean => brokenBy(bound, value, null) === null

/** Whether a bound could be written so. */
export const isDefinition = (name: keyof MeaningBound, definition: unknown): boolean =>
  BOUND_KINDS[name].definition.safeParse(definition).success

/** A few different texts of which none is new for a while. */
export class FewTexts {
  readonly #texts = new Set<string>()
  #count = 0
  #newestAt = 0

  add(text: string): void {
    this.#count += 1
    if (this.#texts.has(text) || this.#texts.size > MOST_VALUES) return
    this.#texts.add(text)
    this.#newestAt = this.#count
  }

  /** Null: they are too many, or new ones still come. */
  get settled(): readonly string[] | null {
    const isFew = this.#texts.size > 0 && this.#texts.size <= MOST_VALUES
    return isFew && isSettled(this.#newestAt, this.#count) ? [...this.#texts].toSorted() : null
  }
}

/** `2026`, `2026-11`, `20261129`: what follows is in another directory soon. */
const OF_A_TIME = /^(?:19|20)\d\d(?:[-_.]?\d\d){0,2}$/

/** The deepest directory that all have in common, if it has been the same for a while. */
export class CommonDirectory {
  #segments: readonly string[] | null = null
  #count = 0
  #changedAt = 0

  /** @param segments of a directory, without the name of what is in it */
  add(segments: readonly string[]): void {
    this.#count += 1
    const before = this.#segments
    const length = before?.findIndex((segment, place) => segment !== segments[place]) ?? -1
    const common = before ? (length < 0 ? before : before.slice(0, length)) : segments
    if (before?.length !== common.length) this.#changedAt = this.#count
    this.#segments = common
  }

  /** Without what is named for a time. Null: they have none in common, or have had another a while ago. */
  get settled(): readonly string[] | null {
    if (!this.#segments || !isSettled(this.#changedAt, this.#count)) return null
    const time = this.#segments.findIndex((segment) => OF_A_TIME.test(segment))
    const lasting = time < 0 ? this.#segments : this.#segments.slice(0, time)
    return lasting.length === 0 ? null : lasting
  }
}

export const listed = (texts: readonly string[]): string =>
  texts.length === 1 ? (texts[0] ?? "") : `one of ${texts.join(", ")}`
