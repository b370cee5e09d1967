/** A batch becomes what is sent: its text, compressed, with a name that follows from its records. */
import { byteLength } from "../core/encoding/bytes.ts"
import { gzip } from "../platform/builtins.ts"
import type { Signal } from "../core/policy/definition/sinks.ts"
import type { Parcel } from "./destinations/destination.ts"
import { membersOf, type Batch, type Format, type FormatContext } from "./formats/format.ts"

export interface Packed {
  /** Of its text. */
  readonly bytes: number
  /** Null if these are more than the sink takes. */
  readonly parcel: Parcel | null
}

export function parcelOf(
  batch: Batch,
  signal: Signal,
  format: Format,
  context: FormatContext,
  maxBytes: number,
): Packed {
  const text = format.write(batch, context)
  const bytes = text.length > maxBytes ? text.length : byteLength(text)
  if (bytes > maxBytes) return { bytes, parcel: null }
  const { contentType, extension } = format
  return { bytes, parcel: { signal, body: zipped(text), contentType, name: nameOf(batch, extension) } }
}

/**
 * Of the levels of gzip, and not that of the platform's `CompressionStream`: compressing was most of what an export cost,
 * and takes a third of the time for some hundredths more bytes.
 */
const LEVEL = 3

export const zipped = (text: string): Uint8Array<ArrayBuffer> => gzip(text, LEVEL)

/** So that names sort as their records do. */
const DIGITS = 12

/**
 * In partitions as query engines find them: of the log, and of the day (UTC) of the first record. A name says which
 * records of the log are there: those from the first number up to, and without, the second.
 */
function nameOf({ log, from, next, records, checkpoints }: Batch, extension: string): string {
  const [record] = records
  const at = record ? Number(membersOf(record)["at"]) : (checkpoints[0]?.at ?? 0)
  const date = new Date(at).toISOString().slice(0, 10)
  const [first, end] = [from, next].map((index) => String(index).padStart(DIGITS, "0"))
  return `log=${log}/date=${date}/${first}-${end}.${extension}.gz`
}
