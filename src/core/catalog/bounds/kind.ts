/**
 * A kind of bound that judges what an argument means, not how it is spelled: a path, a URL, an address. Everything about
 * a kind stands in one file, and `kinds.ts` lists them.
 */
import type * as z from "zod"
import type { Work } from "../../encoding/work.ts"

/** How a value misses a bound. A class, because a value of a call may have any members. */
export class Miss {
  /** For people, after the bound. Nothing of the value is in it. */
  readonly how: string
  /** Readers differ over what the value means, or it is nothing that the kind can judge: it may be within the bound. */
  readonly isUnclear: boolean

  constructor(how: string, isUnclear: boolean) {
    this.how = how
    this.isUnclear = isUnclear
  }
}

/** What a bound is judged with, besides its value. */
export interface Judging {
  /** A member that the bound does not name is a miss. */
  readonly isClosed: boolean
  /**
   * When the call is decided, milliseconds since the epoch. Null: that is not known, and what depends on it is left open.
   */
  readonly now: number | null
  /** What evaluates the call draws from it. */
  readonly work: Work
}

/** A definition as it is judged by. Everything that depends on the definition alone is computed when it is made. */
export interface CompiledBound<Read> {
  /** Units of one judgement (work.ts), beside those that it draws itself. */
  readonly units: number
  /** Null if the value is within the bound. */
  judge(read: Read, judging: Judging): Miss | null
}

export interface BoundKind<Definition, Read> {
  /** What may be written. A bundle and a grant hold it as it is written. */
  readonly definition: z.ZodType<Definition>
  /** Whether it judges any value as a whole. Otherwise each item of a list must be within the bound. */
  readonly judgesWhole: boolean
  /** Whether members of an object are arguments that the bound names (see `closed`). */
  isOfObjects(definition: Definition): boolean
  /** Returns what a value means, whatever the bound: of a text once for all bounds of a call. */
  readonly read: (value: unknown, work: Work) => Read | Miss
  /** Units of reading a value, whose text has so many characters (work.ts). */
  units(characters: number): number
  compile(definition: Definition): CompiledBound<Read>
  /** Whether what is within it depends on when the call is decided. Absent: never. */
  dependsOnTime?(definition: Definition): boolean
  /** After the name of the argument: `is a path in /srv/reports`. */
  words(definition: Definition): string
  /** Whether a denial names the kind alone, because definitions are long. */
  readonly isLong?: true
  /** Why no value is ever within it; null if some may be. */
  contradiction(definition: Definition): string | null
  /** Whether all that is within one is within the other, as far as it is easily seen. */
  implies(one: Definition, other: Definition): boolean
}

export const outside = (how: string): Miss => new Miss(how, false)
export const unclear = (how: string): Miss => new Miss(how, true)

/** What follows from a definition, which belongs to a grant or a bundle and is read for each call. */
export function remembered<Definition extends object, Compiled>(
  compile: (definition: Definition) => Compiled,
): (definition: Definition) => Compiled {
  const all = new WeakMap<Definition, { readonly compiled: Compiled }>()
  return (definition) => {
    const known = all.get(definition)
    if (known) return known.compiled
    const compiled = compile(definition)
    all.set(definition, { compiled })
    return compiled
  }
}

/** Words for one of several. */
export function anyOf(texts: readonly string[]): string {
  // Agents write bounds too: what could be read as our own words is quoted.
  const quoted = texts.map((text) => (/^[\w.:/*@[\]-]+$/.test(text) ? text : JSON.stringify(text)))
  return quoted.length === 1 ? (quoted[0] ?? "") : `one of ${quoted.join(", ")}`
}

/** Whether each of these is in, or covered by one of, the others. */
export function eachCovered<Item>(
  some: readonly Item[],
  others: readonly Item[],
  covers: (wide: Item, narrow: Item) => boolean,
): boolean {
  return some.every((narrow) => others.some((wide) => covers(wide, narrow)))
}

/** Of a list in a definition. */
export const MOST_ITEMS = 64
export const LONGEST_ITEM = 256
