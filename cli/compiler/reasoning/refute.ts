/**
 * Whether all conjuncts of a rule can be true at once. Sound, not complete: a contradiction that it finds is one for
 * every call, but it does not find all. An expression has the same value wherever it stands in one request, so the
 * facts about it accumulate. Pure.
 */
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { compilePattern } from "../../../src/core/policy/cedar/like.ts"
import type { KnownFacts, KnownValues } from "./known.ts"
import { constantOf, constantsOf, integerOf, keyOf, shownConstant } from "./term.ts"

export interface Claim {
  readonly expression: unknown
  readonly expected: boolean
  /** The conjunct that it belongs to. */
  readonly index: number
}

export type Contradiction =
  /** Two conjuncts, or parts of one, that cannot be true together. */
  | { readonly kind: "clash"; readonly index: number; readonly with: number }
  /** A name that nothing has: `value`, which should be one of `known`. */
  | { readonly kind: "unknown"; readonly index: number; readonly value: string; readonly known: KnownValues }

/** Each `||` doubles the ways in which a rule can hold; a rule with more ways than this is not analysed. */
const MOST_WAYS = 64

/** Null if all may be true. */
export function refute(claims: readonly Claim[], knownFacts: KnownFacts): Contradiction | null {
  return attempt(claims, new Map(), { known: knownFacts, ways: MOST_WAYS })
}

/** The facts so far about the value of an expression. */
interface Fact {
  readonly only: ReadonlySet<string> | null
  readonly not: ReadonlySet<string>
  readonly least: number
  readonly most: number
  readonly likes: readonly unknown[]
  /** The conjunct that last contributed a fact; null if only registered values did. */
  readonly from: number | null
  readonly known: KnownValues | null
}

type Facts = ReadonlyMap<string, Fact>

interface Search {
  readonly known: KnownFacts
  ways: number
}

function attempt(claims: readonly Claim[], facts: Facts, search: Search): Contradiction | null {
  const [first, ...rest] = claims
  if (!first) return null
  const { expression, expected, index } = first
  const node = isNode(expression) ? expression : {}
  const claim = (part: unknown, wanted: boolean): Claim => ({ expression: part, expected: wanted, index })
  const negated = node["!"]
  if (isNode(negated)) return attempt([claim(negated["arg"], !expected), ...rest], facts, search)
  for (const operator of ["&&", "||"] as const) {
    const pair = node[operator]
    if (!isNode(pair)) continue
    const [left, right] = [claim(pair["left"], expected), claim(pair["right"], expected)]
    if ((operator === "&&") === expected) return attempt([left, right, ...rest], facts, search)
    return either([left, ...rest], [claim(pair["left"], !expected), right, ...rest], facts, search)
  }
  const choice = node["if-then-else"]
  if (isNode(choice)) {
    const [then, otherwise] = [claim(choice["then"], expected), claim(choice["else"], expected)]
    return either(
      [claim(choice["if"], true), then, ...rest],
      [claim(choice["if"], false), otherwise, ...rest],
      facts,
      search,
    )
  }
  const after = learn(first, facts, search.known)
  return after instanceof Map ? attempt(rest, after, search) : after.clash
}

function either(one: readonly Claim[], other: readonly Claim[], facts: Facts, search: Search): Contradiction | null {
  search.ways--
  if (search.ways < 0) return null
  const first = attempt(one, facts, search)
  return first && attempt(other, facts, search) ? first : null
}

type Learned = Map<string, Fact> | { readonly clash: Contradiction }

/** Learns only that the expression has this value if it is of no kind that is understood. */
function learn({ expression, expected, index }: Claim, before: Facts, known: KnownFacts): Learned {
  const facts = new Map(before)
  let clash: Contradiction | null = null
  const say = (of: unknown, change: (fact: Fact) => Partial<Fact>): void => {
    if (clash) return
    clash = narrow(facts, of, change, index, known)
  }
  const fact = relationIn(expression, expected, known)
  if (fact === "never") return { clash: { kind: "clash", index, with: index } }
  if (fact && "unknown" in fact) return { clash: { kind: "unknown", index, ...fact.unknown } }
  if (fact) say(fact.of, fact.change)
  const constant = constantOf(expression)
  if (constant !== null)
    return constant === `boolean ${expected}` ? facts : { clash: { kind: "clash", index, with: index } }
  say(expression, only(`boolean ${expected}`))
  for (const [holder, name] of membersRead(expression)) say(has(holder, name), only("boolean true"))
  return clash ? { clash } : facts
}

interface RefutedClaim {
  readonly of: unknown
  readonly change: (fact: Fact) => Partial<Fact>
}

type Relation =
  | RefutedClaim
  | { readonly unknown: { readonly value: string; readonly known: KnownValues } }
  | "never"
  | null

/** What the expression implies about one of its operands. */
function relationIn(expression: unknown, expected: boolean, knownFacts: KnownFacts): Relation {
  const [operator, operands] = isNode(expression) ? (Object.entries(expression)[0] ?? []) : []
  if (!isNode(operands) || operator === undefined) return null
  const { left, right } = operands
  switch (operator) {
    case "==":
    case "!=":
      return equality(left, right, (operator === "==") === expected)
    case "<":
    case "<=":
    case ">":
    case ">=":
      return comparison(operator, left, right, expected)
    case "contains":
      return membership(left, right, expected, knownFacts)
    case "containsAny":
    case "containsAll":
      return expected ? overlap(operator, left, right, knownFacts) : null
    case "like":
      return expected ? { of: left, change: ({ likes }) => ({ likes: [...likes, operands["pattern"]] }) } : null
    case "is":
      return typeof operands["entity_type"] === "string" && (expected || operands["in"] === undefined)
        ? { of: { type: left }, change: expected ? only(operands["entity_type"]) : except([operands["entity_type"]]) }
        : null
    default:
      return null
  }
}

function equality(left: unknown, right: unknown, equal: boolean): Relation {
  const [one, other] = [constantOf(left), constantOf(right)]
  if (one !== null && other !== null) return (one === other) === equal ? null : "never"
  if (keyOf(left) === keyOf(right)) return equal ? null : "never"
  const constant = one ?? other
  if (constant === null) return null
  return { of: one === null ? left : right, change: equal ? only(constant) : except([constant]) }
}

const MIRRORED = { "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const
const OPPOSITE = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" } as const

function comparison(operator: keyof typeof MIRRORED, left: unknown, right: unknown, expected: boolean): Relation {
  const [one, other] = [integerOf(left), integerOf(right)]
  const wanted = expected ? operator : OPPOSITE[operator]
  if (one !== null && other !== null) return compare(wanted, one, other) ? null : "never"
  if (one === null && other === null) return null
  const [of, bound, as] = other === null ? [right, one ?? 0, MIRRORED[wanted]] : [left, other, wanted]
  return {
    of,
    change: ({ least, most }) => ({
      least: as === ">" ? Math.max(least, bound + 1) : as === ">=" ? Math.max(least, bound) : least,
      most: as === "<" ? Math.min(most, bound - 1) : as === "<=" ? Math.min(most, bound) : most,
    }),
  }
}

function compare(operator: keyof typeof MIRRORED, one: number, other: number): boolean {
  if (operator === "<" || operator === ">=") return one < other === (operator === "<")
  return one > other === (operator === ">")
}

/** `["a", "b"].contains(x)` restricts `x`; `labels.contains("a")` requires a label of that name. */
function membership(left: unknown, right: unknown, expected: boolean, knownFacts: KnownFacts): Relation {
  const constants = constantsOf(left)
  const one = constantOf(right)
  if (constants && one !== null) return constants.includes(one) === expected ? null : "never"
  if (constants) return { of: right, change: expected ? among(constants) : except(constants) }
  const members = knownFacts.members.get(keyOf(left))
  if (!members || one === null || !expected) return null
  return missing(members, one)
}

function overlap(
  operator: "containsAny" | "containsAll",
  left: unknown,
  right: unknown,
  knownFacts: KnownFacts,
): Relation {
  const members = knownFacts.members.get(keyOf(left))
  const constants = constantsOf(right)
  if (!members || !constants) return null
  const unknown = constants.map((constant) => missing(members, constant)).filter((each) => each !== null)
  const [first = "never"] = unknown
  return unknown.length > 0 && (operator === "containsAll" || unknown.length === constants.length) ? first : null
}

function missing(values: KnownValues, constant: string): Extract<Relation, { unknown: unknown }> | null {
  return values.names.has(constant.replace(/^text /u, ""))
    ? null
    : { unknown: { value: shownConstant(constant), known: values } }
}

const only = (constant: string) => among([constant])

function among(constants: readonly string[]): RefutedClaim["change"] {
  return (fact) => ({ only: new Set(constants.filter((each) => fact.only?.has(each) ?? true)) })
}

function except(constants: readonly string[]): RefutedClaim["change"] {
  return ({ not }) => ({ not: new Set([...not, ...constants]) })
}

function has(left: unknown, attr: string): unknown {
  return { has: { left, attr } }
}

/** Members that are read in any case, without which the expression would err: a `has` of them is settled. */
function membersRead(expression: unknown): readonly (readonly [holder: unknown, name: string])[] {
  if (!isNode(expression)) return []
  const [operator, operands] = Object.entries(expression)[0] ?? []
  if (!isNode(operands)) return []
  const { left, right, attr, arg } = operands
  switch (operator) {
    case ".":
      return typeof attr === "string" ? [[left, attr], ...membersRead(left)] : []
    case "has":
    case "like":
    case "is":
      return membersRead(left)
    case "neg":
    case "isEmpty":
      return membersRead(arg)
    case "&&":
    case "||":
    case "if-then-else":
      return []
    default:
      return [...membersRead(left), ...membersRead(right)]
  }
}

/** Null if some value of it remains possible. */
function narrow(
  facts: Map<string, Fact>,
  of: unknown,
  change: (fact: Fact) => Partial<Fact>,
  index: number,
  knownFacts: KnownFacts,
): Contradiction | null {
  const key = keyOf(of)
  const before = facts.get(key) ?? initial(key, knownFacts)
  const after: Fact = { ...before, ...change(before), from: index }
  facts.set(key, after)
  if (isPossible(after)) return null
  const name = soleName(change, before)
  if (before.from === null && before.known && name !== null) {
    return { kind: "unknown", index, value: name, known: before.known }
  }
  return { kind: "clash", index, with: before.from ?? index }
}

/** The one value that a conjunct requires, if it is a single one. */
function soleName(change: (fact: Fact) => Partial<Fact>, before: Fact): string | null {
  const [first, ...more] = change({ ...before, only: null }).only ?? []
  return first !== undefined && more.length === 0 ? shownConstant(first) : null
}

function initial(key: string, { values, least }: KnownFacts): Fact {
  const known = values.get(key) ?? null
  return {
    only: known && new Set(Array.from(known.names, (name) => `text ${name}`)),
    not: new Set(),
    least: least.get(key) ?? -Infinity,
    most: Infinity,
    likes: [],
    from: null,
    known,
  }
}

function isPossible({ only, not, least, most, likes }: Fact): boolean {
  if (least > most) return false
  if (least === most && not.has(`number ${least}`)) return false
  if (!only) return !(not.has("boolean true") && not.has("boolean false") && least > -Infinity)
  const isBounded = least > -Infinity || most < Infinity
  return [...only].some((constant) => {
    if (not.has(constant)) return false
    if (isBounded && !isWithin(constant, least, most)) return false
    return likes.every((pattern) => constant.startsWith("text ") && isLike(constant.slice(5), pattern))
  })
}

function isWithin(constant: string, least: number, most: number): boolean {
  if (!constant.startsWith("number ")) return false
  const number = Number(constant.slice(7))
  return number >= least && number <= most
}

function isLike(text: string, pattern: unknown): boolean {
  return compilePattern(pattern, "lint")(text)
}
