/** An attack, and what ends it. `show.ts` carries it out. */
import type { Deed, World } from "./world.ts"

export type Scenario = Attack & (Removable | Fixed)

interface Attack {
  /** A sentence that says what the attacker does; no two scenarios have the same. */
  readonly name: string
  /** Words: which control ends it, as the pages say it. */
  readonly control: string
  /** What the same agent may well do. It runs first, and nothing of it may be denied. */
  readonly work: (world: World) => Promise<void>
  /** Carries the attack out, as far as it gets. */
  readonly attack: (world: World) => Promise<void>
  /** Whether the attacker has what they wanted, by what was done during the attack. */
  readonly isReached: (deeds: readonly Deed[]) => boolean
  /** A denial that the records must have. */
  readonly denied: Denied
  /** It leaves a Narrowgate behind that others cannot use, so it has one of its own. */
  readonly isApart?: boolean
}

interface Denied {
  readonly code: string
  readonly reason: string
  /** Of a credential: why it was rejected. */
  readonly because?: string
  /** How many requests of the attack are denied for that, at least. Absent: one. */
  readonly times?: number
}

/** A control of the policies. */
interface Removable {
  readonly without: Without
}

/** Takes a control out: by file of the policies, its text without it. */
export type Without = Readonly<Record<string, (text: string) => string>>

/** A control that no policy takes out, such as a signature. */
interface Fixed {
  readonly without: null
  /** The nearest to the attack that the control lets through: the attacker's end is reached, so nothing else had ended it. */
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
