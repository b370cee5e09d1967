/**
 * Argument bounds. They only ever add up: a grant holds a list of them for each tool, and every one must hold
 * (DESIGN §4). A bound on an argument that is absent, or of a type the bound cannot judge, does not hold.
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

/** The first bound that does not hold, or null. */
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

function brokenKind(bound: ArgumentBound, judged: unknown): keyof ArgumentBound | null {
  if (bound.eq !== undefined && judged !== bound.eq) return "eq"
  if (bound.in !== undefined && !bound.in.some((allowed) => allowed === judged)) return "in"
  if (bound.min !== undefined && !(typeof judged === "number" && judged >= bound.min)) return "min"
  if (bound.max !== undefined && !(typeof judged === "number" && judged <= bound.max)) return "max"
  if (bound.like !== undefined && !(typeof judged === "string" && isLike(judged, bound.like))) return "like"
  if (bound.max_length !== undefined && !(lengthOf(judged) <= bound.max_length)) return "max_length"
  return null
}

/** NaN where a length makes no sense, so that no comparison with it holds. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return Array.from(value).length
  return Array.isArray(value) ? value.length : Number.NaN
}

/** Wildcard match in time linear in both lengths' product at worst: no regular expression of an operator's or agent's making runs here. */
export function isLike(text: string, pattern: string): boolean {
  let at = 0
  let star = -1
  let resume = 0
  let index = 0
  while (index < text.length) {
    if (pattern[at] === "*") {
      star = at++
      resume = index
    } else if (at < pattern.length && pattern[at] === text[index]) {
      at++
      index++
    } else if (star >= 0) {
      at = star + 1
      index = ++resume
    } else return false
  }
  while (pattern[at] === "*") at++
  return at === pattern.length
}
