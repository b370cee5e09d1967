/**
 * Text of others as it may be shown to people who decide by it: what is invisible, what turns the order of letters round,
 * and what looks like an ordinary blank and is none, is written out (Trojan Source, CVE-2021-42574).
 */

import { UNSEEN } from "../core/encoding/display-text.ts"

export interface Piece {
  readonly text: string
  /** It stands for characters that could not be seen, or not be told from others. */
  readonly isEscaped: boolean
}

export function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = []
  let end = 0
  let run = ""
  const flush = (): void => {
    if (run !== "") pieces.push({ text: run, isEscaped: true })
    run = ""
  }
  for (const { 0: unseen, index } of text.matchAll(UNSEEN)) {
    if (index > end) {
      flush()
      pieces.push({ text: text.slice(end, index), isEscaped: false })
    }
    run += escaped(unseen)
    end = index + unseen.length
  }
  flush()
  if (end < text.length) pieces.push({ text: text.slice(end), isEscaped: false })
  return pieces
}

/** The same as plain text, for titles and pictures. */
export function markInvisible(text: string): string {
  return text.replaceAll(UNSEEN, escaped)
}

/** `\u{202E}` */
function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}}`
}

/** Letters that are written from right to left: what stands beside them would change places. */
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFF\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u

export function hasBidiControl(text: string): boolean {
  return RIGHT_TO_LEFT.test(text)
}

/**
 * Not longer than it may be, once it is visible; of what is longer the beginning, or the end, which tells agents apart.
 */
export function shortened(text: string, most: number, keep: "start" | "end" = "start"): string {
  const seen = markInvisible(text)
  if (seen.length <= most) return seen
  return keep === "start" ? `${whole(seen.slice(0, most - 1))}…` : `…${whole(seen.slice(1 - most))}`
}

/** Without half a character at either end. */
function whole(text: string): string {
  return text.isWellFormed() ? text : text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, "")
}
