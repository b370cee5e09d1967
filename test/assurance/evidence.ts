/**
 * What is shown without an attack: that people decide, that authority ends when they end it, that records prove what was
 * done. It holds in the guarded world. Once its setting is taken out of the policies, the very expectation that depends on
 * it fails, or the policies cannot be live. If no policy takes it out, what holds is compared with its opposite.
 */
import type { GuardedWorld } from "./guarded.ts"
import type { Without } from "./scenario.ts"

export type Evidence = Claim & (RemovableSetting | RequiredSetting | NoSetting)

interface Claim {
  /** A sentence that says what holds. */
  readonly name: string
  /** Words: what it depends on, as the pages say it. */
  readonly control: string
  /** Asserts it. */
  readonly holds: (world: GuardedWorld) => Promise<void>
  /** It changes its Narrowgate so that no other scenario can use it, so it gets one of its own. */
  readonly needsOwnNarrowgate?: boolean
}

interface RemovableSetting {
  /** Takes out what it depends on. */
  readonly without: Without
  /** The expectation that fails then, by its message. */
  readonly fails: string
  readonly problem?: undefined
}

/** A setting without which policies cannot be live. */
interface RequiredSetting {
  readonly without: Without
  /** The problem that the compiler then reports. */
  readonly problem: string
}

/** What no policy takes out, such as a signature. */
interface NoSetting {
  readonly without: null
  readonly instead: {
    /** What it is compared with, as the pages say it. */
    readonly words: string
    /** Asserts that what holds does not hold there. In a Narrowgate of its own. */
    readonly shows: (world: GuardedWorld) => Promise<void>
  }
  readonly problem?: undefined
}
