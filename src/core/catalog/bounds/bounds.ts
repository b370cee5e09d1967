/**
 * Argument bounds. They only accumulate: a grant holds a list of them for each tool, and every one must hold, so that no
 * step of narrowing can relax one. A bound of some kind does not hold if its argument is absent, unless it says so, or of a
 * type that the kind cannot judge; a bound of none only names the argument for those that are closed.
 */
import { isObject } from "../../encoding/json.ts"
import { Work } from "../../encoding/work.ts"
import { Miss, type Judging } from "./kind.ts"
import { OTHERS, type ArgumentBound, type ArgumentBounds, type BoundsDefinition } from "./definition.ts"
import { meaningsOf, type Meaning } from "./kinds.ts"
import { plainComparisons, type PlainComparison } from "./plain.ts"

/** As a grant holds them. */
export function conjunctOf({ arguments: bounds, closed }: BoundsDefinition): ArgumentBounds {
  return closed ? { ...bounds, [OTHERS]: { absent: true } } : bounds
}

export interface Violation {
  readonly argument: string
  readonly bound: string
}

/** What bounds are judged with: when the call is decided, and what they draw from. */
export type Evaluation = Pick<Judging, "now" | "work">

/** Units of one bound, beside those of its kinds. */
const EACH = 20

/** Returns the first bound that does not hold, or null. Throws OutOfWork. */
export function violation(
  bounds: readonly ArgumentBounds[],
  values: Readonly<Record<string, unknown>>,
  { now, work }: Evaluation,
): Violation | null {
  for (const conjunct of bounds) {
    const isClosed = Object.hasOwn(conjunct, OTHERS)
    const judging = { isClosed, now, work }
    for (const [argument, bound] of Object.entries(conjunct)) {
      if (argument === OTHERS) continue
      const broken = brokenIn(bound, Object.hasOwn(values, argument) ? values[argument] : undefined, judging)
      if (broken !== null) return { argument, bound: broken }
    }
    const other = isClosed ? unnamed(conjunct, values, work) : undefined
    if (other !== undefined) return { argument: other, bound: "closed: no bound names it" }
  }
  return null
}

function unnamed(conjunct: ArgumentBounds, values: Readonly<Record<string, unknown>>, work: Work): string | undefined {
  const names = Object.keys(values)
  work.take(names.length * UNITS_OF_NAME)
  return names.find((name) => name === OTHERS || !Object.hasOwn(conjunct, name))
}
const UNITS_OF_NAME = 5

/** A bound outside of a call. */
const alone = (now: number | null): Judging => ({ isClosed: false, now, work: new Work() })

/** Returns what does not hold, as a denial has it: `max 100`, `path ["/srv"]: it is outside`. */
export const brokenBy = (bound: ArgumentBound, value: unknown, now: number | null): string | null =>
  brokenIn(bound, value, alone(now))

function brokenIn(bound: ArgumentBound, value: unknown, judging: Judging): string | null {
  const { work } = judging
  work.take(EACH)
  if (value === undefined && bound.optional) return null
  const characters = typeof value === "string" ? value.length : 0
  for (const { kind, operand, units, holds } of comparisonsOf(bound)) {
    work.take(units(characters))
    if (!holds(value)) return `${kind} ${JSON.stringify(operand)}`
  }
  const meanings = meaningsOf(bound)
  for (const meaning of meanings) {
    const miss = missOf(meaning, value, judging)
    const { name, kind, definition } = meaning
    if (miss) return `${kind.isLong ? name : `${name} ${JSON.stringify(definition)}`}: ${miss.how}`
  }
  return judging.isClosed &&
    hasObject(value, work) &&
    !meanings.some(({ kind, definition }) => kind.isOfObjects(definition))
    ? UNNAMED_MEMBER
    : null
}

function comparisonsOf(bound: ArgumentBound): readonly PlainComparison[] {
  let all = comparisons.get(bound)
  if (!all) comparisons.set(bound, (all = plainComparisons(bound)))
  return all
}
/** A bound belongs to a grant or a bundle, and is read for each call. */
const comparisons = new WeakMap<ArgumentBound, readonly PlainComparison[]>()

/** Of a violation of closed bounds within an argument that one of them names. */
export const UNNAMED_MEMBER = "closed: it has a member that no bound names"

/** Members of an object are arguments, too, wherever it stands in the value. */
function hasObject(value: unknown, work: Work): boolean {
  work.take(UNITS_OF_NAME)
  return Array.isArray(value)
    ? value.some((item) => hasObject(item, work))
    : isObject(value) && Object.keys(value).length > 0
}

/** Each item of a list must be within the bound. Of an empty one nothing is: upstreams may take it for all there is. */
function missOf(meaning: Meaning, value: unknown, judging: Judging): Miss | null {
  if (value === undefined) return ABSENT
  if (meaning.kind.judgesWhole || !Array.isArray(value)) return missOfOne(meaning, value, judging)
  if (value.length === 0) return EMPTY
  const misses = value.map((item) => missOfOne(meaning, item, judging))
  const first = misses.find((miss) => miss !== null)
  // Some are within it, and so what it is about.
  return first
    ? new Miss(
        first.how,
        misses.some((miss) => miss?.isUnclear !== false),
      )
    : null
}
const ABSENT = new Miss("it is absent", false)
const EMPTY = new Miss("it is an empty list", true)

/** The one place where a value is read and judged by a kind, so that none is without drawing the kind's units. */
function missOfOne({ kind, compiled }: Meaning, value: unknown, judging: Judging): Miss | null {
  const { work } = judging
  work.take(compiled.units)
  if (typeof value === "string" && !kind.judgesWhole) {
    const read = work.once(kind.read, value, kind.units(value.length))
    return read instanceof Miss ? read : compiled.judge(read, judging)
  }
  work.take(kind.units(0))
  const read = kind.read(value, work)
  return read instanceof Miss ? read : compiled.judge(read, judging)
}

/**
 * Whether the value is nothing that the bound can judge: `"150"` is not at least 100, but an upstream may read it as a
 * number, `null` as the default, and `/a/..` as some path. An absent argument is judged: the bound does not hold.
 */
export function isBeyond(bound: ArgumentBound, value: unknown, { now, work }: Evaluation): boolean {
  work.take(EACH)
  if (value === undefined) return false
  const { eq, in: listed = [], min, max, like, max_length } = bound
  const scalars = eq === undefined ? listed : [eq, ...listed]
  return (
    (scalars.length > 0 && scalars.every((scalar) => typeof scalar !== typeof value)) ||
    ((min !== undefined || max !== undefined) && typeof value !== "number") ||
    (like !== undefined && typeof value !== "string") ||
    (max_length !== undefined && typeof value !== "string" && !Array.isArray(value)) ||
    meaningsOf(bound).some((meaning) => missOf(meaning, value, { isClosed: false, now, work })?.isUnclear === true)
  )
}
