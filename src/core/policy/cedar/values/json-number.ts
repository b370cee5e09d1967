/**
 * Numbers of JSON as Cedar values: integers, or decimals where the schema declares one. The strict reader has rejected
 * any number that its double does not hold exactly, so the shortest text of the double is the number that the upstream
 * reads, however it was written: `49.990` and `4.999e1` are 49.99.
 */
import { EvaluationError } from "./evaluation-error.ts"
import type { Decimal } from "./extension-value.ts"
import { fromDigits } from "./long.ts"

/** Which numbers of a value are decimals: itself, each element of a list, or members of an object. */
export type Decimals = "decimal" | { readonly each: Decimals } | { readonly members: DecimalMembers }
/** By name; a member that holds no decimal is absent. */
export type DecimalMembers = Readonly<Record<string, Decimals>>

/** All that a schema declares so: what holds no decimal is absent. */
export interface DeclaredDecimals {
  /** Of the context, by the key of the action. */
  readonly contexts: Readonly<Record<string, DecimalMembers>>
  /** Of the attributes, by the type of the entity. */
  readonly attributes: Readonly<Record<string, DecimalMembers>>
}

const NO_DECIMALS: DecimalMembers = {}

export function decimalsIn(all: Readonly<Record<string, DecimalMembers>>, name: string): DecimalMembers {
  return (Object.hasOwn(all, name) ? all[name] : undefined) ?? NO_DECIMALS
}

/** Of a record among these members. */
export function decimalsWithin(members: DecimalMembers, name: string): DecimalMembers {
  const within = decimalsOfMember(members, name)
  return typeof within === "object" && "members" in within ? within.members : NO_DECIMALS
}

export function decimalsOfMember(members: DecimalMembers, name: string): Decimals | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

/**
 * A text counts too, because queries and many APIs have amounts as texts, and no rule can convert one: Cedar's strict
 * validation accepts `decimal("…")` of a literal only. But only a text that every reader reads alike, with no more
 * digits than a double holds. `undefined`: anything else, even of another type, with which a rule would compare nothing.
 */
export function readDecimal(json: unknown): Decimal | undefined {
  if (typeof json === "number") return decimalOf(json)
  if (typeof json !== "string" || !PLAIN.test(json)) return undefined
  return json.replaceAll(/\D/g, "").length > SAFE_DIGITS ? undefined : decimalOf(Number(json))
}
/** As JSON writes a number, without an exponent. */
const PLAIN = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?$/
/** Any decimal with this many digits is a double of its own (IEEE 754). */
const SAFE_DIGITS = 15

export function isDecimal(value: unknown): value is Decimal {
  return typeof value === "object" && value !== null && "kind" in value && value.kind === "decimal"
}

export function makeDecimal(value: bigint): Decimal {
  return { kind: "decimal", key: `decimal(${value})`, value }
}

/** As `decimal("…")` reads it in a rule. */
export function decimalText({ value }: Decimal): string {
  const digits = String(value < 0n ? -value : value).padStart(FRACTION + 1, "0")
  const fraction = digits.slice(-FRACTION).replace(/0+$/, "")
  return `${value < 0n ? "-" : ""}${digits.slice(0, -FRACTION)}.${fraction === "" ? "0" : fraction}`
}

/** Digits after the point. */
const FRACTION = 4
/** A number of which Number.toString shows an exponent has too many digits before or after the point. */
const SHORTEST = /^(-?)(\d+)(?:\.(\d{1,4}))?$/

function decimalOf(number: number): Decimal | undefined {
  const [, sign, whole, fraction = ""] = SHORTEST.exec(String(number)) ?? []
  if (whole === undefined) return undefined
  try {
    return makeDecimal(fromDigits(sign === "-", whole + fraction.padEnd(FRACTION, "0")))
  } catch (error) {
    if (error instanceof EvaluationError) return undefined
    throw error
  }
}
