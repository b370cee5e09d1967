/** The kinds of bounds that compare an argument as it is written. */
import type { ArgumentBound, MeaningBound } from "./definition.ts"
import { isLike } from "./like.ts"

type Operands = Required<Omit<ArgumentBound, keyof MeaningBound | "optional" | "absent">>
type PlainKind = keyof Operands

interface Comparison<Operand> {
  /** Units of one comparison (core/encoding/work.ts), with a value whose text has so many characters. */
  units(operand: Operand, characters: number): number
  holds(operand: Operand, value: unknown): boolean
}

const isNumber = (value: unknown): value is number => typeof value === "number"

const COMPARISONS: { readonly [Kind in keyof Operands]: Comparison<Operands[Kind]> } = {
  eq: { units: () => 1, holds: (operand, value) => value === operand },
  in: { units: ({ length }) => length, holds: (operand, value) => operand.some((allowed) => allowed === value) },
  min: { units: () => 1, holds: (operand, value) => isNumber(value) && value >= operand },
  max: { units: () => 1, holds: (operand, value) => isNumber(value) && value <= operand },
  like: {
    units: ({ length }, characters) => length + characters,
    holds: (operand, value) => typeof value === "string" && isLike(value, operand),
  },
  max_length: {
    units: (_operand, characters) => characters >> 2,
    holds: (operand, value) =>
      typeof value === "string" ? hasAtMost(value, operand) : Array.isArray(value) && value.length <= operand,
  },
}

/** Whether a text has at most so many characters (code points), of which each is one unit of UTF-16 or two. */
function hasAtMost(text: string, most: number): boolean {
  if (text.length <= most) return true
  if (text.length > 2 * most) return false
  let count = 0
  for (const _character of text) count += 1
  return count <= most
}

export interface PlainComparison {
  readonly kind: PlainKind
  readonly operand: unknown
  units(characters: number): number
  holds(value: unknown): boolean
}

/** In the order of the table, whatever the order in the bound. */
export function plainComparisons(bound: ArgumentBound): readonly PlainComparison[] {
  const operands: Readonly<Partial<Operands>> = bound
  const compile = <Kind extends PlainKind>(kind: Kind): readonly PlainComparison[] => {
    const operand: Operands[Kind] | undefined = operands[kind]
    if (operand === undefined) return []
    const comparison = COMPARISONS[kind]
    return [
      {
        kind,
        operand,
        units: (characters) => comparison.units(operand, characters),
        holds: (value) => comparison.holds(operand, value),
      },
    ]
  }
  return PLAIN_KINDS.flatMap((kind) => compile(kind))
}
const PLAIN_KINDS = ["eq", "in", "min", "max", "like", "max_length"] as const satisfies readonly PlainKind[]
