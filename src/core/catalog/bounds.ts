/**
 * Argument bounds. They only accumulate: a grant holds a list of them for each tool, and every one must hold, so that no
 * step of narrowing can relax one. A bound does not hold if its argument is absent, or of a type that it cannot judge.
 */
type Scalar = string | number | boolean

export interface ArgumentBound {
  readonly eq?: Scalar
  readonly in?: readonly Scalar[]
  /** Inclusive. */
  readonly min?: number
  /** Inclusive. */
  readonly max?: number
  /** `*` stands for any run of characters. */
  readonly like?: string
  /** Characters (Unicode code points) of a string, members of a list. */
  readonly max_length?: number
}

/** By argument name. */
export type ArgumentBounds = Readonly<Record<string, ArgumentBound>>

export interface Violation {
  readonly argument: string
  readonly bound: string
}

/** Returns the first bound that does not hold, or null. */
export function violation(
  bounds: readonly ArgumentBounds[],
  values: Readonly<Record<string, unknown>>,
): Violation | null {
  for (const conjunct of bounds) {
    for (const [argument, bound] of Object.entries(conjunct)) {
      const value = Object.hasOwn(values, argument) ? values[argument] : undefined
      const kind = brokenKind(bound, value)
      if (kind !== null) return { argument, bound: `${kind} ${JSON.stringify(bound[kind])}` }
    }
  }
  return null
}

/**
 * Whether the value's type is outside what the bound can judge: `"150"` is not at least 100, but an upstream may read
 * it as a number, and `null` as the default. An absent argument is judged: the bound does not hold.
 */
export function isBeyond(bound: ArgumentBound, value: unknown): boolean {
  if (value === undefined) return false
  const { eq, in: listed = [], min, max, like, max_length } = bound
  const scalars = eq === undefined ? listed : [eq, ...listed]
  return (
    (scalars.length > 0 && scalars.every((scalar) => typeof scalar !== typeof value)) ||
    ((min !== undefined || max !== undefined) && typeof value !== "number") ||
    (like !== undefined && typeof value !== "string") ||
    (max_length !== undefined && typeof value !== "string" && !Array.isArray(value))
  )
}

function brokenKind(bound: ArgumentBound, judged: unknown): keyof ArgumentBound | null {
  if (bound.eq !== undefined && judged !== bound.eq) return "eq"
  if (bound.in !== undefined && !bound.in.some((allowed) => allowed === judged)) return "in"
  if (bound.min !== undefined && !(typeof judged === "number" && judged >= bound.min)) return "min"
  if (bound.max !== undefined && !(typeof judged === "number" && judged <= bound.max)) return "max"
  if (bound.like !== undefined && !(typeof judged === "string" && isLike(judged, bound.like))) return "like"
  if (bound.max_length !== undefined && !(lengthOf(judged) <= bound.max_length)) return "max_length"
  return null
}

/**
 * Returns an argument of which no value satisfies all of its bounds, or null: bounds accumulate, and those of a child
 * task may leave nothing of its parent's. Considers only `eq`, `in`, `min`, `max` and types.
 */
export function contradiction(bounds: readonly ArgumentBounds[]): string | null {
  for (const [argument, all] of boundsByArgument(bounds)) if (!leavesValue(all)) return argument
  return null
}

function boundsByArgument(bounds: readonly ArgumentBounds[]): ReadonlyMap<string, readonly ArgumentBound[]> {
  const byArgument = new Map<string, ArgumentBound[]>()
  for (const [argument, bound] of bounds.flatMap((each) => Object.entries(each))) {
    const all = byArgument.get(argument)
    if (all) all.push(bound)
    else byArgument.set(argument, [bound])
  }
  return byArgument
}

function leavesValue(all: readonly ArgumentBound[]): boolean {
  const values = listedValues(all)
  if (values) return values.length > 0
  const { min, max } = rangeOf(all)
  const isNumber = all.some((bound) => bound.min !== undefined || bound.max !== undefined)
  const isOther = all.some((bound) => bound.like !== undefined || bound.max_length !== undefined)
  return min <= max && !(isNumber && isOther)
}

/** The values that `eq` and `in` list and every bound accepts. Null if no bound lists any. */
function listedValues(all: readonly ArgumentBound[]): readonly Scalar[] | null {
  const [listed] = all.flatMap(({ eq, in: values }) => [
    ...(eq === undefined ? [] : [[eq]]),
    ...(values ? [values] : []),
  ])
  if (!listed) return null
  return [...new Set(listed)].filter((value) => all.every((bound) => brokenKind(bound, value) === null))
}

function rangeOf(all: readonly ArgumentBound[]): { readonly min: number; readonly max: number } {
  const min = Math.max(...all.map((bound) => bound.min ?? -Infinity))
  const max = Math.min(...all.map((bound) => bound.max ?? Infinity))
  return { min, max }
}

/** Several bounds of an argument as one. If no value satisfies all of them, `in` is empty, or `min` is above `max`. */
type JointBound = Omit<ArgumentBound, "like"> & {
  /** A list if no pattern implies the others; the argument then matches all of them. */
  readonly like?: string | readonly string[]
}

/** By argument name. */
export type JointBounds = Readonly<Record<string, JointBound>>

/** Returns what all the bounds allow together, with one bound for each argument. */
export function jointBounds(bounds: readonly ArgumentBounds[]): JointBounds {
  return Object.fromEntries(Array.from(boundsByArgument(bounds), ([argument, all]) => [argument, jointBound(all)]))
}

function jointBound(all: readonly ArgumentBound[]): JointBound {
  const [one, ...others] = new Map(all.map((bound) => [JSON.stringify(bound), bound])).values()
  if (one && others.length === 0) return one
  const values = listedValues(all)
  const [value] = values ?? []
  if (values) return values.length === 1 && value !== undefined ? { eq: value } : { in: values }
  const { min, max } = rangeOf(all)
  const [pattern, ...more] = narrowestOf(all.flatMap(({ like }) => like ?? []))
  const max_length = Math.min(...all.map((bound) => bound.max_length ?? Infinity))
  return {
    ...(min === -Infinity ? {} : { min }),
    ...(max === Infinity ? {} : { max }),
    ...(pattern === undefined ? {} : { like: more.length === 0 ? pattern : [pattern, ...more] }),
    ...(max_length === Infinity ? {} : { max_length }),
  }
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

/** NaN if the value has no length, so that no comparison with it holds. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return Array.from(value).length
  return Array.isArray(value) ? value.length : Number.NaN
}

/**
 * Matches each literal between the wildcards at its leftmost place, without backtracking. So no pattern and no argument
 * makes it quadratic in practice, and no regular expression that an agent wrote runs here.
 */
export function isLike(text: string, pattern: string): boolean {
  const literals = pattern.split("*")
  const [first = ""] = literals
  if (literals.length === 1) return text === first
  const last = literals.at(-1) ?? ""
  const end = text.length - last.length
  if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false
  let position = first.length
  for (const literal of literals.slice(1, -1)) {
    const found = text.indexOf(literal, position)
    if (found < 0 || found + literal.length > end) return false
    position = found + literal.length
  }
  return true
}
