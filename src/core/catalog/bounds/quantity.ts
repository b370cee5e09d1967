/**
 * `quantity`: a number with a unit, `100 EUR`, `1.5 GiB`, `30 s`, compared exactly. A currency is compared with itself
 * alone; bytes and times are converted.
 */
import * as z from "zod"
import type { QuantityBound } from "./definition.ts"
import { isObject } from "../../encoding/json.ts"
import { memberVariants } from "../arguments.ts"
import { compare, exactOf, times, type Exact } from "../../encoding/exact-number.ts"
import type { Work } from "../../encoding/work.ts"
import { Miss, outside, unclear, type BoundKind, type CompiledBound } from "./kind.ts"

interface Quantity {
  readonly number: Exact
  readonly unit: string
}

/** Of one dimension, and how much of its smallest unit: for some readers a kilobyte is 1,000 bytes, for others 1,024. */
interface Unit {
  readonly dimension: string
  readonly least: bigint
  readonly most: bigint
}

const UNITS: ReadonlyMap<string, Unit> = new Map([
  unit("bytes", "B", 1n),
  ...["k", "M", "G", "T"].flatMap((prefix, nth) => {
    const [decimal, binary] = [1_000n ** BigInt(nth + 1), 1_024n ** BigInt(nth + 1)]
    const capital = prefix.toUpperCase()
    return [...new Set([`${prefix}B`, `${capital}B`])]
      .map((name) => unit("bytes", name, decimal, binary))
      .concat([unit("bytes", `${capital}iB`, binary)])
  }),
  unit("time", "ms", 1n),
  unit("time", "s", 1_000n),
  unit("time", "min", 60_000n),
  unit("time", "h", 3_600_000n),
  unit("time", "d", 86_400_000n),
])

function unit(dimension: string, name: string, least: bigint, most = least): readonly [string, Unit] {
  return [name, { dimension, least, most }]
}

/** Of a number as JSON writes it, with at most 15 digits: no separators, no sign `+`, no exponent. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?$/
const MOST_DIGITS = 15
/** `1.000 EUR` are a thousand for many in Europe. */
const THOUSANDS = /^-?[1-9]\d{0,2}\.\d{3}(?!\d)/
/** A currency, or any other unit that is compared with itself alone. */
const UNIT = /^[A-Za-z%µ°][A-Za-z0-9%µ°/]{0,15}$/
const TEXT = /^(\S+?) ?([A-Za-z%µ°][A-Za-z0-9%µ°/]{0,15})$/
const LONGEST = 64

function quantityIn(text: string): Quantity | null {
  const [, number = "", unit = ""] = text.length <= LONGEST ? (TEXT.exec(text) ?? []) : []
  return quantityOf(number, unit)
}

function quantityOf(number: string, unit: string): Quantity | null {
  if (!NUMBER.test(number) || number.replace(/^-?(?:0\.0*)?/, "").replace(".", "").length > MOST_DIGITS) return null
  const exact = exactOf(number)
  return exact && UNIT.test(unit) ? { number: exact, unit } : null
}

/** Null if they cannot be compared; if a unit has two sizes, what is worse for the caller counts. */
function isAtMost(one: Quantity, other: Quantity): boolean | null {
  if (one.unit === other.unit) return compare(one.number, other.number) <= 0
  const [a, b] = [UNITS.get(one.unit), UNITS.get(other.unit)]
  if (!a || a.dimension !== b?.dimension) return null
  return compare(sized(one, a, "most"), sized(other, b, "least")) <= 0
}

function sized({ number }: Quantity, unit: Unit, end: "least" | "most"): Exact {
  const other = end === "least" ? "most" : "least"
  return times(number, { digits: unit[number.digits < 0n ? other : end], decimals: 0 })
}

interface Range {
  /** Absent: 0 of the unit. */
  readonly min: Quantity | null
  readonly max: Quantity | null
}

const rangeOf = ({ min, max }: QuantityBound): Range => ({
  min: min === undefined ? null : quantityIn(min),
  max: max === undefined ? null : quantityIn(max),
})

/** A text as it is read; any other value as it is, because the bound says which members it has. */
type Found = { readonly text: Quantity } | { readonly other: unknown }

function read(value: unknown): Found | Miss {
  if (typeof value !== "string") return { other: value }
  const quantity = THOUSANDS.test(value) ? null : quantityIn(value)
  return quantity ? { text: quantity } : unclear(NO_QUANTITY)
}
const NO_QUANTITY = "it is no number with a unit that all readers take alike"

function compile(bound: QuantityBound): CompiledBound<Found> {
  const { number, unit: measure } = bound
  const { min, max } = rangeOf(bound)
  const least = (unit: string): Quantity => min ?? { number: { digits: 0n, decimals: 0 }, unit }
  return {
    units: 200,
    judge: (found, { isClosed, work }) => {
      const quantity =
        number === undefined || measure === undefined
          ? "text" in found
            ? found.text
            : unclear(NO_QUANTITY)
          : "text" in found
            ? unclear("it is no object with a number and a unit")
            : ofMembers(found.other, number, measure, isClosed, work)
      if (quantity instanceof Miss) return quantity
      const isHighEnough = isAtMost(least(quantity.unit), quantity)
      const isLowEnough = max === null ? true : isAtMost(quantity, max)
      if (isHighEnough === null || isLowEnough === null) return outside("its unit is another")
      if (!isHighEnough) return outside("it is less")
      return isLowEnough ? null : outside("it is more")
    },
  }
}

function ofMembers(value: unknown, number: string, unit: string, isClosed: boolean, work: Work): Quantity | Miss {
  if (!isObject(value)) return unclear("it is no object with a number and a unit")
  const names = Object.keys(value)
  if (isClosed && names.some((name) => name !== number && name !== unit))
    return outside("it has a member that no bound names")
  if (memberVariants(new Set([number, unit]), work)(value) !== null)
    return unclear("it has a member that some readers take for one of the two")
  const [amount, measure] = [ownOf(value, number), ownOf(value, unit)]
  const text = typeof amount === "number" ? String(amount) : amount
  if (typeof amount === "string" && THOUSANDS.test(amount))
    return unclear("its number may have a point behind thousands")
  const quantity = typeof text === "string" && typeof measure === "string" ? quantityOf(text, measure) : null
  return quantity ?? unclear("it is no object with a number and a unit that all readers take alike")
}

const ownOf = (value: Readonly<Record<string, unknown>>, name: string): unknown =>
  Object.hasOwn(value, name) ? value[name] : undefined

const quantityText = z.string().refine((text) => quantityIn(text) !== null, {
  error: "not a quantity",
  params: { fix: "Write a number, a blank and a unit: `100 EUR`, `1.5 GiB`, `30 s`." },
})
const member = z.string().min(1).max(128)

export const quantity: BoundKind<QuantityBound, Found> = {
  definition: z
    .strictObject({
      min: quantityText.exactOptional().describe("At least this: `1 EUR`. If absent: nothing below 0."),
      max: quantityText.exactOptional().describe("At most this: `100 EUR`, `10 MiB`, `30 min`."),
      number: member.exactOptional().describe("The member with the number, if the argument is an object."),
      unit: member.exactOptional().describe("The member with the unit, if the argument is an object."),
    })
    .readonly()
    .refine(({ min, max }) => min !== undefined || max !== undefined, {
      error: "neither `min` nor `max`",
      params: { fix: "Write what it is at most: `max: 100 EUR`." },
    })
    .refine(({ number, unit }) => (number === undefined) === (unit === undefined) && (number ?? "a") !== unit, {
      error: "`number` and `unit` are two members of one object",
      params: { fix: "Write both, as `number: amount, unit: currency`, or none." },
    })
    .describe(
      "The argument is a number with a unit (`99.50 EUR`), or an object that has both, or a list of such. Bytes (`KiB`) and times (`min`) are converted, other units compared with themselves.",
    ),
  judgesWhole: false,
  isOfObjects: ({ number }) => number !== undefined,
  read,
  units: () => 200,
  compile,
  words: ({ min, max }) =>
    [...(min === undefined ? [] : [`is at least ${min}`]), ...(max === undefined ? [] : [`is at most ${max}`])].join(
      " and ",
    ),
  contradiction: (bound) => {
    const { min, max } = rangeOf(bound)
    if (!max) return null
    const isPossible = isAtMost(min ?? { number: { digits: 0n, decimals: 0 }, unit: max.unit }, max)
    return isPossible === true ? null : `\`min\` ${bound.min ?? `0 ${max.unit}`} is above \`max\` ${bound.max}`
  },
  implies: (one, other) => JSON.stringify(one) === JSON.stringify(other),
}
