/** What a framework requires, by its ids, and what shows it here: one table for the tests and for the pages. */
import type { Evidence } from "../evidence.ts"
import type { Scenario } from "../scenario.ts"

/**
 * `answered`: an authorizer ends it. `limited`: it only limits the damage. `outside`: it is not about calls, or it is not
 * met; the words say which, and what remains.
 */
export type Coverage = "answered" | "limited" | "outside"

export type Demonstration = Scenario | Evidence

export interface Entry {
  readonly id: string
  /** The ids of the framework that it stands for, if there are several. */
  readonly ids?: readonly string[]
  /** The official one, unless the note of the framework says otherwise. */
  readonly title: string
  /** In our words, as sentences: what it means for an authorizer, and what is left. */
  readonly words: string
  readonly coverage: Coverage
  /** What shows it. Only what is outside may have none. */
  readonly shownBy: readonly Demonstration[]
  /** Further tests of this repository, `file: name`, which are named but not run here. */
  readonly tests?: readonly string[]
}

export interface Framework {
  /** Of its page. */
  readonly id: string
  readonly title: string
  /** Version and date. */
  readonly version: string
  readonly url: string
  /** The introduction of its page, as sentences. */
  readonly note?: string
  /** All ids of the framework that have no entry are outside. */
  readonly othersOutside?: true
  readonly entries: readonly Entry[]
}
