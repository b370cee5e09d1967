/** Sizes in UTF-8, as storage and the wire count them: a text's `length` may be a third of it. */
const encoder = new TextEncoder()

export function byteLength(text: string): number {
  return encoder.encode(text).byteLength
}

/** Whether the text has at most this many bytes; for most texts the answer needs no counting. */
export function fits(text: string, bytes: number): boolean {
  return text.length * 3 <= bytes || (text.length <= bytes && byteLength(text) <= bytes)
}
