/** What several bounds allow together: they accumulate, and those of a child task may leave nothing of its parent's. */
import { brokenBy } from "./bounds.ts"
import { OTHERS, type ArgumentBound, type ArgumentBounds, type Scalar } from "./definition.ts"
import { meaningsOf, type Meaning } from "./kinds.ts"
import { isLike } from "./like.ts"

/**
 * Returns an argument of which no value satisfies all of its bounds, or null. Considers only `eq`, `in`, `min`, `max`,
 * types, and what is refused because other bounds are closed.
 * @param now milliseconds since the epoch
 */
export function contradiction(bounds: readonly ArgumentBounds[], now: number): string | null {
  for (const [argument, all] of boundsByArgument(bounds)) {
    // What may be absent keeps to them so.
    if (all.every(mayBeAbsent)) continue
    if (isRefused(argument, bounds) || !leavesValue(all, now)) return argument
  }
  return null
}

const mayBeAbsent = (bound: ArgumentBound): boolean => brokenBy(bound, undefined, null) === null

/** Whether one of the bounds is closed and does not name the argument. */
function isRefused(argument: string, bounds: readonly ArgumentBounds[]): boolean {
  return bounds.some((each) => Object.hasOwn(each, OTHERS) && !Object.hasOwn(each, argument))
}

/** Without `OTHERS`. */
function boundsByArgument(bounds: readonly ArgumentBounds[]): ReadonlyMap<string, readonly ArgumentBound[]> {
  const byArgument = new Map<string, ArgumentBound[]>()
  for (const [argument, bound] of bounds.flatMap((each) => Object.entries(each))) {
    if (argument === OTHERS) continue
    const all = byArgument.get(argument)
    if (all) all.push(bound)
    else byArgument.set(argument, [bound])
  }
  return byArgument
}

function leavesValue(all: readonly ArgumentBound[], now: number): boolean {
  const values = listedValues(all, now)
  if (values) return values.length > 0
  const { min, max } = rangeOf(all)
  const isNumber = all.some((bound) => bound.min !== undefined || bound.max !== undefined)
  const isOther = all.some(
    (bound) =>
      bound.like !== undefined ||
      bound.max_length !== undefined ||
      meaningsOf(bound).some(({ kind }) => !kind.judgesWhole),
  )
  return min <= max && !(isNumber && isOther)
}

/** The values that `eq` and `in` list and every bound accepts. Null if no bound lists any. */
function listedValues(all: readonly ArgumentBound[], now: number | null): readonly Scalar[] | null {
  const [listed] = all.flatMap(({ eq, in: values }): (readonly Scalar[])[] => [
    ...(eq === undefined ? [] : [[eq]]),
    ...(values ? [values] : []),
  ])
  if (!listed) return null
  return [...new Set(listed)].filter((value) => all.every((bound) => brokenBy(bound, value, now) === null))
}

function rangeOf(all: readonly ArgumentBound[]): { readonly min: number; readonly max: number } {
  const min = Math.max(...all.map((bound) => bound.min ?? -Infinity))
  const max = Math.min(...all.map((bound) => bound.max ?? Infinity))
  return { min, max }
}

/**
 * By argument name: several bounds as one. If no value satisfies all of them, `in` is empty, or `min` is above `max`. Where
 * neither of two patterns implies the other, `like` is a list; of other kinds it is `{ all: […] }` then.
 */
export type JointBounds = Readonly<Record<string, object>>

/**
 * Returns what all the bounds allow together, with one bound for each argument, and one of `OTHERS` if others are
 * refused. What one of them refuses, and no other requires, is among these.
 */
export function jointBounds(bounds: readonly ArgumentBounds[]): JointBounds {
  const own = Array.from(boundsByArgument(bounds)).filter(
    ([argument, all]) => !isRefused(argument, bounds) || !all.every(mayBeAbsent),
  )
  const isClosed = bounds.some((each) => Object.hasOwn(each, OTHERS))
  const joint = own.map(([argument, all]): [string, object] => [argument, jointBound(all)])
  return Object.fromEntries(isClosed ? [...joint, [OTHERS, { absent: true }]] : joint)
}

function jointBound(all: readonly ArgumentBound[]): object {
  const [one, ...others] = new Map(all.map((bound) => [JSON.stringify(bound), bound])).values()
  if (one && others.length === 0) return one
  const values = listedValues(all, null)
  const [value] = values ?? []
  const optional = all.every(mayBeAbsent) && { optional: true as const }
  if (values) {
    const ofTime = all.flatMap(meaningsOf).filter(({ kind, definition }) => kind.dependsOnTime?.(definition))
    const listed = values.length === 1 && value !== undefined ? { eq: value } : { in: values }
    return { ...listed, ...jointMeanings(ofTime), ...optional }
  }
  const { min, max } = rangeOf(all)
  const [pattern, ...more] = narrowestOf(all.flatMap(({ like }) => like ?? []))
  const max_length = Math.min(...all.map((bound) => bound.max_length ?? Infinity))
  return {
    ...(min === -Infinity ? {} : { min }),
    ...(max === Infinity ? {} : { max }),
    ...(pattern === undefined ? {} : { like: more.length === 0 ? pattern : [pattern, ...more] }),
    ...(max_length === Infinity ? {} : { max_length }),
    ...jointMeanings(all.flatMap(meaningsOf)),
    ...optional,
  }
}

/** By kind: without those that another one implies. */
function jointMeanings(all: readonly Meaning[]): Readonly<Record<string, unknown>> {
  const entries = Array.from(
    Map.groupBy(all, ({ name }) => name),
    ([name, alike]) => {
      const [one, ...more] = alike.reduce<readonly Meaning[]>((kept, meaning) => {
        const implies = (a: Meaning, b: Meaning): boolean => meaning.kind.implies(a.definition, b.definition)
        if (kept.some((other) => implies(other, meaning))) return kept
        return [...kept.filter((other) => !implies(meaning, other)), meaning]
      }, [])
      return [name, more.length === 0 ? one?.definition : { all: [one, ...more].map((each) => each?.definition) }]
    },
  )
  return Object.fromEntries(entries)
}

/**
 * Returns the patterns without those that another one implies. A pattern implies each pattern that its own text matches:
 * wherever it has a wildcard, the other one has one, too.
 */
function narrowestOf(patterns: readonly string[]): readonly string[] {
  return patterns.reduce<readonly string[]>((kept, pattern) => {
    if (kept.some((other) => isLike(other, pattern))) return kept
    return [...kept.filter((other) => !isLike(pattern, other)), pattern]
  }, [])
}
