/**
 * JSON that a person decides by: every character of it, in parts if it is long. Arguments that the catalog redacts are
 * marked, so that a caller cannot imitate them with a text such as "redacted".
 */
import type { FC } from "hono/jsx"
import { Pieces } from "./text.tsx"
import { piecesOf, hasBidiControl, type Piece } from "./visible.ts"

export interface JsonPiece extends Piece {
  readonly isRedacted?: boolean
}

/** The deepest level that is indented. */
const MOST_INDENTED = 12
/** Bytes of the JSON of one page, about. Longer JSON is written without line breaks, and then in parts. */
const MOST_ON_A_PAGE = 40_000
/** Bytes of markup around one piece. */
const PIECE_WEIGHT = 30

/** @param redacted names of arguments */
export function partsOf(
  values: Readonly<Record<string, unknown>>,
  redacted: readonly string[],
): readonly JsonPiece[][] {
  const hidden = new Set(redacted)
  const spacious = written(values, hidden, true)
  const whole = spacious.reduce((sum, piece) => sum + weightOf(piece), 0)
  const pieces = whole <= MOST_ON_A_PAGE ? spacious : written(values, hidden, false)
  const parts: JsonPiece[][] = [[]]
  let weight = 0
  for (const piece of pieces.flatMap(cut)) {
    weight += weightOf(piece)
    if (weight > MOST_ON_A_PAGE) {
      parts.push([])
      weight = weightOf(piece)
    }
    parts.at(-1)?.push(piece)
  }
  return parts
}

export const Json: FC<{ readonly pieces: readonly JsonPiece[] }> = ({ pieces }) => (
  <pre class="json" tabindex={0}>
    {pieces.map((piece) =>
      piece.isRedacted === true ? (
        <span class="redacted">redacted: neither stored nor shown</span>
      ) : (
        <Pieces of={[piece]} />
      ),
    )}
  </pre>
)

/** Divides a piece that would not fit on one page. */
function cut(piece: JsonPiece): readonly JsonPiece[] {
  const { text, ...rest } = piece
  if (text.length <= MOST_PIECE) return [piece]
  const [most, pieces]: [number, JsonPiece[]] = [MOST_PIECE, []]
  for (let start = 0; start < text.length;) {
    const isHalf = /[\uD800-\uDBFF]/.test(text.charAt(start + most - 1))
    const end = start + (isHalf ? most - 1 : most)
    pieces.push({ ...rest, text: text.slice(start, end) })
    start = end
  }
  return pieces
}
const MOST_PIECE = 4_000

/** Bytes of a piece in HTML, which escapes a character with at most four more. */
export function weightOf({ text }: JsonPiece): number {
  const escaped = text.match(/[&<>]/g)?.length ?? 0
  return PIECE_WEIGHT + new TextEncoder().encode(text).byteLength + 4 * escaped
}

function written(
  values: Readonly<Record<string, unknown>>,
  hidden: ReadonlySet<string>,
  spacious: boolean,
): JsonPiece[] {
  const pieces: JsonPiece[] = []
  let plain = ""
  const flush = (): void => {
    if (plain !== "") pieces.push({ text: plain, isEscaped: false })
    plain = ""
  }
  const add = (text: string): void => {
    for (const piece of piecesOf(text)) {
      // A run of right-to-left text gets a piece of its own, so that it cannot reorder its neighbours.
      if (piece.isEscaped || hasBidiControl(piece.text)) {
        flush()
        pieces.push(piece)
      } else plain += piece.text
    }
  }
  const line = (depth: number): void => {
    if (spacious) plain += `\n${"  ".repeat(Math.min(depth, MOST_INDENTED))}`
  }
  const several = (members: readonly (() => void)[], [open, close]: readonly [string, string], depth: number): void => {
    plain += open
    for (const [index, member] of members.entries()) {
      if (index > 0) plain += spacious ? "," : ", "
      line(depth + 1)
      member()
    }
    if (members.length > 0) line(depth)
    plain += close
  }
  const write = (value: unknown, depth: number): void => {
    if (Array.isArray(value)) {
      const members: readonly unknown[] = value
      return several(
        members.map((member) => () => write(member, depth + 1)),
        ["[", "]"],
        depth,
      )
    }
    if (typeof value !== "object" || value === null) return add(JSON.stringify(value))
    const members: [string, unknown][] = Object.entries(value)
    several(
      members.map(([name, member]) => () => {
        add(`${JSON.stringify(name)}: `)
        if (depth > 0 || !hidden.has(name)) return write(member, depth + 1)
        flush()
        pieces.push({ text: "", isEscaped: false, isRedacted: true })
      }),
      ["{", "}"],
      depth,
    )
  }
  write(values, 0)
  flush()
  return pieces
}
