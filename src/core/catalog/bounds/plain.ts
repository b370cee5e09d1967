/** The kinds of bounds that compare an argument as it is written. */
import type { ArgumentBound, MeaningBound } from "./definition.ts"
import { characterCount } from "../../encoding/bytes.ts"
import { isLike } from "./like.ts"

type Operands = Required<Omit<ArgumentBound, keyof MeaningBound | "optional" | "absent">>
type PlainKind = keyof Operands

export interface PlainComparison {
  readonly kind: PlainKind
  readonly operand: unknown
  /** Units of one comparison (core/encoding/work.ts), with a value whose text has so many characters. */
  readonly units: (characters: number) => number
  readonly holds: (value: unknown) => boolean
}

type Compile = (bound: ArgumentBound) => PlainComparison | null

function comparison<Kind extends PlainKind>(
  kind: Kind,
  units: (operand: Operands[Kind], characters: number) => number,
  holds: (operand: Operands[Kind], value: unknown) => boolean,
): Compile {
  return (bound) => {
    const operands: Readonly<Partial<Operands>> = bound
    const operand: Operands[Kind] | undefined = operands[kind]
    if (operand === undefined) return null
    return {
      kind,
      operand,
      units: (characters) => units(operand, characters),
      holds: (value) => holds(operand, value),
    }
  }
}

const isNumber = (value: unknown): value is number => typeof value === "number"

const COMPARISONS: { readonly [Kind in PlainKind]: Compile } = {
  eq: comparison(
    "eq",
    () => 1,
    (operand, value) => value === operand,
  ),
  in: comparison(
    "in",
    ({ length }) => length,
    (operand, value) => operand.some((allowed) => allowed === value),
  ),
  min: comparison(
    "min",
    () => 1,
    (operand, value) => isNumber(value) && value >= operand,
  ),
  max: comparison(
    "max",
    () => 1,
    (operand, value) => isNumber(value) && value <= operand,
  ),
  like: comparison(
    "like",
    ({ length }, characters) => length + characters,
    (operand, value) => typeof value === "string" && isLike(value, operand),
  ),
  max_length: comparison(
    "max_length",
    (_operand, characters) => characters >> 1,
    (operand, value) =>
      typeof value === "string" ? hasAtMost(value, operand) : Array.isArray(value) && value.length <= operand,
  ),
}
const ALL = Object.values(COMPARISONS)

/** Whether a text has at most so many characters (code points), of which each is one unit of UTF-16 or two. */
function hasAtMost(text: string, most: number): boolean {
  if (text.length <= most) return true
  return text.length <= 2 * most && characterCount(text) <= most
}

/** In the order of the table, whatever the order in the bound. */
export function plainComparisons(bound: ArgumentBound): readonly PlainComparison[] {
  return ALL.flatMap((compile) => compile(bound) ?? [])
}
