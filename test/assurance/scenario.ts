/** An attack, and what ends it. `show.ts` carries it out. */
import type { ServedRequest, World } from "./world.ts"

export type Scenario = Attack & (RemovableControl | FixedControl)

interface Attack {
  /** A sentence that says what the attacker does; no two scenarios have the same. */
  readonly name: string
  /** Words: which control ends it, as the pages say it. */
  readonly control: string
  /** Legitimate work of the same agent. It runs first, and nothing of it may be denied. */
  readonly work: (world: World) => Promise<void>
  /** Carries the attack out, until something stops it. */
  readonly attack: (world: World) => Promise<void>
  /** Whether the attacker has reached their goal, by what the services have served during the attack. */
  readonly isReached: (requests: readonly ServedRequest[]) => boolean
  /** A denial that the records must have. */
  readonly denied: ExpectedDenial
  /** It changes its Narrowgate so that no other scenario can use it, so it gets one of its own. */
  readonly needsOwnNarrowgate?: boolean
}

interface ExpectedDenial {
  readonly code: string
  readonly reason: string
  /** Of a credential: why it was rejected. */
  readonly because?: string
  /** How many requests of the attack are denied for that, at least. Absent: one. */
  readonly times?: number
}

interface RemovableControl {
  readonly without: Without
}

/** Takes a control out of the policies: by file, its text without it. */
export type Without = Readonly<Record<string, (text: string) => string>>

/** A control that no policy takes out, such as a signature. */
interface FixedControl {
  readonly without: null
  /** What is nearest to the attack and allowed: it reaches the attacker's goal, so that nothing else had ended the attack. */
  readonly instead: {
    /** What it is, as the pages say it. */
    readonly words: string
    readonly attack: (world: World) => Promise<void>
  }
}

/** For `without`: the text without this rule of Cedar. */
export const withoutRule =
  (id: string) =>
  (text: string): string => {
    const begin = text.indexOf(`@id("${id}")`)
    return begin < 0 ? text : text.slice(0, begin) + text.slice(text.indexOf(";", begin) + 1)
  }

/** For `without`: one text instead of another. */
export const replacing =
  (before: string, after: string) =>
  (text: string): string =>
    text.replace(before, after)
