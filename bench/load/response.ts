/**
 * As much of HTTP/1.1 as it takes to know where an answer ends and what it says (RFC 9112 6.3). Every server under
 * test answers in one piece nearly always, so the bytes are looked at in place.
 */

export interface ReadResponse {
  readonly status: number
  /** Bytes that the answer took. */
  readonly length: number
}

const HEAD_END = "\r\n\r\n"
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i
const CHUNKED = /\r\ntransfer-encoding: *chunked/i
const LAST_CHUNK = "\r\n0\r\n\r\n"

/** Null where there is not all of it yet. Throws on what no server under test would send. */
export function readResponse(bytes: Buffer): ReadResponse | null {
  const end = bytes.indexOf(HEAD_END)
  if (end < 0) return null
  const head = bytes.toString("latin1", 0, end)
  const status = Number(head.slice(9, 12))
  if (!head.startsWith("HTTP/1.1 ") || !(status >= 200)) throw new Error(`no HTTP answer: ${head.slice(0, 40)}`)
  const start = end + HEAD_END.length
  const [, digits] = CONTENT_LENGTH.exec(head) ?? []
  if (digits !== undefined) return whole(bytes, status, start + Number(digits))
  if (!CHUNKED.test(head)) {
    if (status === 204 || status === 304) return { status, length: start }
    throw new Error("the answer does not say where it ends")
  }
  // The head's own last line break may be the one before a last chunk that comes at once.
  const last = bytes.indexOf(LAST_CHUNK, start - 2)
  return last < 0 ? null : whole(bytes, status, last + LAST_CHUNK.length)
}

function whole(bytes: Buffer, status: number, length: number): ReadResponse | null {
  return bytes.length < length ? null : { status, length }
}
