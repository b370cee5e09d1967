/** Positions in a file. The official parser counts UTF-8 bytes; editors count lines and UTF-16 units, from 1. */

export interface Position {
  readonly line: number
  readonly column: number
}

/** `offset` in UTF-16 units; beyond the end means the end. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset)
  const start = before.lastIndexOf("\n") + 1
  return { line: before.split("\n").length, column: before.length - start + 1 }
}

/** The first place of the text from `start` up to, and without, `end`, and the place after it. */
export function spanAt(text: string, start: number, end: number): Position & { readonly end: Position } {
  return { ...positionAt(text, start), end: positionAt(text, Math.max(start, end)) }
}

/** A UTF-8 byte offset in `text` as UTF-16 units. */
export function unitsOfBytes(text: string, bytes: number): number {
  return new TextDecoder().decode(new TextEncoder().encode(text).subarray(0, bytes)).length
}
