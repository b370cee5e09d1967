/** The kinds of bounds that judge what an argument means. A new kind is a file beside this one, and a row here and in `MeaningBound`. */
import { cidr } from "./cidr.ts"
import { date } from "./date.ts"
import type { MeaningBound } from "./definition.ts"
import { email } from "./email.ts"
import type { BoundKind, CompiledBound } from "./kind.ts"
import { path } from "./path.ts"
import { quantity } from "./quantity.ts"
import { schema } from "./schema.ts"
import { url } from "./url.ts"

export const BOUND_KINDS: {
  readonly [Name in keyof MeaningBound]-?: BoundKind<NonNullable<MeaningBound[Name]>, unknown>
} = {
  path,
  url,
  email,
  cidr,
  quantity,
  date,
  schema,
}

/** Members of a bound, as files and requests may write them. */
export const MEANING_FIELDS = {
  path: path.definition.exactOptional(),
  url: url.definition.exactOptional(),
  email: email.definition.exactOptional(),
  cidr: cidr.definition.exactOptional(),
  quantity: quantity.definition.exactOptional(),
  date: date.definition.exactOptional(),
  schema: schema.definition.exactOptional(),
} satisfies Readonly<Record<keyof MeaningBound, unknown>>

/** What a bound says by one kind. */
export interface Meaning {
  readonly name: string
  readonly kind: BoundKind<unknown, unknown>
  readonly definition: unknown
  readonly compiled: CompiledBound<unknown>
}

type AnyKind = BoundKind<unknown, unknown>
const KINDS: ReadonlyMap<string, AnyKind> = new Map(Object.entries<AnyKind>(BOUND_KINDS))

export function meaningsOf(bound: object): readonly Meaning[] {
  let all = meanings.get(bound)
  if (!all) meanings.set(bound, (all = findMeanings(bound)))
  return all
}
/** A bound belongs to a grant or a bundle, and is read for each call. */
const meanings = new WeakMap<object, readonly Meaning[]>()

function findMeanings(bound: object): readonly Meaning[] {
  return Object.entries(bound).flatMap(([name, definition]: [string, unknown]) => {
    const kind = KINDS.get(name)
    return kind ? [{ name, kind, definition, compiled: kind.compile(definition) }] : []
  })
}
