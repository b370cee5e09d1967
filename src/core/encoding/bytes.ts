/**
 * Sizes of texts: in UTF-8, as storage and the wire count them, of which a text's `length` may be a third; and in
 * characters (code points), of which it may be twice as many.
 */
const encoder = new TextEncoder()

export function byteLength(text: string): number {
  return encoder.encode(text).byteLength
}

/** Whether the text has at most this many bytes; for most texts the answer needs no counting. */
export function fits(text: string, bytes: number): boolean {
  return text.length * 3 <= bytes || (text.length <= bytes && byteLength(text) <= bytes)
}

/** Without its iterator, which takes ten times as long. */
export function characterCount(text: string): number {
  let count = 0
  for (let index = 0; index < text.length; index++) {
    count += 1
    if ((text.charCodeAt(index) & SURROGATE) === LEAD && (text.charCodeAt(index + 1) & SURROGATE) === TRAIL) index += 1
  }
  return count
}
/** The first six bits of a unit of UTF-16 tell which half of a pair it is. */
const SURROGATE = 0xfc00
const LEAD = 0xd800
const TRAIL = 0xdc00
