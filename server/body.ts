/** Bodies, read once and within a bound. */
import type { Body } from "../src/core/catalog/call-request.ts"

/** As long a body as Narrowgate itself reads. */
export const MAX_BODY_BYTES = 1_048_576

export const NO_BODY: Body = { kind: "whole", text: "" }

/** Null: longer than `most` bytes; the rest is not read. */
export async function boundedBytes(
  body: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (body === null) return new Uint8Array()
  const reader = body.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    length += read.value.byteLength
    if (length > most) {
      await reader.cancel()
      return null
    }
    chunks.push(read.value)
  }
  return joined(chunks, length)
}

/** @param length of all of them */
export function joined(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    bytes.set(chunk, at)
    at += chunk.byteLength
  }
  return bytes
}

/** A byte order mark stays, which is no JSON to any reader. */
export function bodyOf(bytes: Uint8Array): Body {
  try {
    return { kind: "whole", text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    return { kind: "binary", text: "" }
  }
}
