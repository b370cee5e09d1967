/**
 * Foreign text for people who decide by it. Invisible characters, bidirectional controls and unusual spaces are written
 * out, as they could make a text look like another one (Trojan Source, CVE-2021-42574).
 */

import { UNSEEN } from "../core/encoding/display-text.ts"

export interface Piece {
  readonly text: string
  /** Whether it stands for characters that a reader could not see, or could mistake for others. */
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

/** The same in plain text, for titles and pictures. */
export function markInvisible(text: string): string {
  return text.replaceAll(UNSEEN, escaped)
}

/** `\u{202E}` */
function escaped(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}}`
}

/** Letters that are written from right to left, which would reorder the characters beside them. */
const RIGHT_TO_LEFT = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFF\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u

export function hasBidiControl(text: string): boolean {
  return RIGHT_TO_LEFT.test(text)
}

/** Shortens a text after its invisible characters are written out. Agents differ in their endings, so keep their end. */
export function shortened(text: string, most: number, keep: "start" | "end" | "ends" = "start"): string {
  const visible = markInvisible(text)
  if (visible.length <= most) return visible
  if (keep === "ends") {
    const half = most >> 1
    return `${whole(visible.slice(0, half))}…${whole(visible.slice(visible.length - (most - half - 1)))}`
  }
  return keep === "start" ? `${whole(visible.slice(0, most - 1))}…` : `…${whole(visible.slice(1 - most))}`
}

/** Removes half a surrogate pair at either end. */
function whole(text: string): string {
  return text.isWellFormed() ? text : text.replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, "")
}
