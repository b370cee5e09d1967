/**
 * Argument bounds. They only accumulate: a grant holds a list of them for each tool, and every one must hold, so that no
 * step of narrowing can relax one. A bound of some kind does not hold if its argument is absent, unless it says so, or of a
 * type that the kind cannot judge; a bound of none only names the argument for those that are closed.
 */
import { isObject } from "../../encoding/json.ts"
import type { Judging, Miss } from "./kind.ts"
import { OTHERS, type ArgumentBound, type ArgumentBounds, type BoundsDefinition } from "./definition.ts"
import { meaningsOf, type Meaning } from "./kinds.ts"
import { isLike } from "./like.ts"
import type { Steps } from "./schema/regular-expression.ts"

/** Some tens of milliseconds; a call has at most 5,000 members and elements. */
const MOST_STEPS = 200_000

const newSteps = (): Steps => ({ left: MOST_STEPS })

/** Of one bound, outside of a call. */
const alone = (now: number | null): Judging => ({ isClosed: false, now, steps: newSteps() })

/** As a grant holds them. */
export function conjunctOf({ arguments: bounds, closed }: BoundsDefinition): ArgumentBounds {
  return closed ? { ...bounds, [OTHERS]: { absent: true } } : bounds
}

export interface Violation {
  readonly argument: string
  readonly bound: string
}

/**
 * Returns the first bound that does not hold, or null.
 * @param now when the call is decided, milliseconds since the epoch; null: that is not known, and what depends on it is
 *   left open
 */
export function violation(
  bounds: readonly ArgumentBounds[],
  values: Readonly<Record<string, unknown>>,
  now: number | null,
): Violation | null {
  const steps = newSteps()
  for (const conjunct of bounds) {
    const isClosed = Object.hasOwn(conjunct, OTHERS)
    const judging = { isClosed, now, steps }
    for (const [argument, bound] of Object.entries(conjunct)) {
      if (argument === OTHERS) continue
      const broken = brokenIn(bound, Object.hasOwn(values, argument) ? values[argument] : undefined, judging)
      if (broken !== null) return { argument, bound: broken }
    }
    const other = isClosed
      ? Object.keys(values).find((name) => name === OTHERS || !Object.hasOwn(conjunct, name))
      : undefined
    if (other !== undefined) return { argument: other, bound: "closed: no bound names it" }
  }
  return null
}

/** Returns what does not hold, as a denial has it: `max 100`, `path ["/srv"]: it is outside`. */
export const brokenBy = (bound: ArgumentBound, value: unknown, now: number | null): string | null =>
  brokenIn(bound, value, alone(now))

function brokenIn(bound: ArgumentBound, value: unknown, judging: Judging): string | null {
  if (value === undefined && bound.optional) return null
  const plain = brokenKind(bound, value)
  if (plain !== null) return `${plain} ${JSON.stringify(bound[plain])}`
  const meanings = meaningsOf(bound)
  for (const meaning of meanings) {
    const miss = missOf(meaning, value, judging)
    const { name, kind, definition } = meaning
    if (miss) return `${kind.isLong ? name : `${name} ${JSON.stringify(definition)}`}: ${miss.how}`
  }
  return judging.isClosed && hasObject(value) && !meanings.some(({ kind, definition }) => kind.isOfObjects(definition))
    ? UNNAMED_MEMBER
    : null
}

/** Of a violation of closed bounds within an argument that one of them names. */
export const UNNAMED_MEMBER = "closed: it has a member that no bound names"

/** Members of an object are arguments, too, wherever it stands in the value. */
function hasObject(value: unknown): boolean {
  return Array.isArray(value) ? value.some(hasObject) : isObject(value) && Object.keys(value).length > 0
}

/** Each item of a list must be within the bound. Of an empty one nothing is: upstreams may take it for all there is. */
function missOf({ kind, definition }: Meaning, value: unknown, judging: Judging): Miss | null {
  if (value === undefined) return { how: "it is absent", isUnclear: false }
  if (kind.judgesWhole || !Array.isArray(value)) return kind.judge(definition, value, judging)
  if (value.length === 0) return { how: "it is an empty list", isUnclear: true }
  const misses = value.map((item) => kind.judge(definition, item, judging))
  const first = misses.find((miss) => miss !== null)
  // Some are within it, and so what it is about.
  return first ? { how: first.how, isUnclear: misses.some((miss) => miss?.isUnclear !== false) } : null
}

/**
 * Whether the value is nothing that the bound can judge: `"150"` is not at least 100, but an upstream may read it as a
 * number, `null` as the default, and `/a/..` as some path. An absent argument is judged: the bound does not hold.
 */
export function isBeyond(bound: ArgumentBound, value: unknown, now: number | null): boolean {
  if (value === undefined) return false
  const { eq, in: listed = [], min, max, like, max_length } = bound
  const scalars = eq === undefined ? listed : [eq, ...listed]
  return (
    (scalars.length > 0 && scalars.every((scalar) => typeof scalar !== typeof value)) ||
    ((min !== undefined || max !== undefined) && typeof value !== "number") ||
    (like !== undefined && typeof value !== "string") ||
    (max_length !== undefined && typeof value !== "string" && !Array.isArray(value)) ||
    meaningsOf(bound).some((meaning) => missOf(meaning, value, alone(now))?.isUnclear === true)
  )
}

type PlainKind = "eq" | "in" | "min" | "max" | "like" | "max_length"

function brokenKind(bound: ArgumentBound, judged: unknown): PlainKind | null {
  if (bound.eq !== undefined && judged !== bound.eq) return "eq"
  if (bound.in !== undefined && !bound.in.some((allowed) => allowed === judged)) return "in"
  if (bound.min !== undefined && !(typeof judged === "number" && judged >= bound.min)) return "min"
  if (bound.max !== undefined && !(typeof judged === "number" && judged <= bound.max)) return "max"
  if (bound.like !== undefined && !(typeof judged === "string" && isLike(judged, bound.like))) return "like"
  if (bound.max_length !== undefined && !(lengthOf(judged) <= bound.max_length)) return "max_length"
  return null
}

/** NaN if the value has no length, so that no comparison with it holds. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return Array.from(value).length
  return Array.isArray(value) ? value.length : Number.NaN
}
