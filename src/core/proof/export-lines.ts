/**
 * How exported records are written: the lines of a file that can be verified, which exported.ts reads. A section begins
 * with a header, which says where the tree of its log stood, and ends with a footer; a file has a section for each log,
 * and another one behind each gap. Before them stands which logs there are. Each line is what `JSON.stringify` writes.
 */
import { jsonLine } from "../encoding/ndjson.ts"

export const EXPORT_VERSION = 1

interface Header {
  readonly issuer: string
  readonly log: string
  readonly from: number
  /** Roots of the full subtrees before `from`, in base64; empty at 0. */
  readonly frontier: readonly string[]
}

export const headerLine = (header: Header): string => jsonLine({ header: { version: EXPORT_VERSION, ...header } })

interface Checkpoint {
  readonly log: string
  readonly size: number
  /** Milliseconds since the epoch, when it was signed. */
  readonly at: number
  readonly note: string
  /** Roots of the full subtrees before `size`, in base64: a reader who has only what follows can verify that. */
  readonly frontier: readonly string[]
}

export const checkpointLine = ({ log, size, at, note, frontier }: Checkpoint): string =>
  jsonLine({ checkpoint: { log, size, at, note, frontier } })

export interface StatedLogs {
  /** `readStatement` reads it. */
  readonly note: string
  /** Links of the keys that have signed it and the checkpoints (key-chain.ts). */
  readonly keys: readonly string[]
}

/** The first line of a file. */
export const logsLine = ({ note, keys }: StatedLogs): string => jsonLine({ logs: { note, keys } })

/** @param next the first position that is not in the section */
export const footerLine = (log: string, next: number): string => jsonLine({ footer: { log, next } })

interface PlacedRecord {
  readonly log: string
  readonly index: number
  /** Base64. */
  readonly leaf: string
  /** Base64url. Null if the person's fields are erased. */
  readonly salt: string | null
  /** JSON of the record, as it is stored. */
  readonly body: string
}

/**
 * A record as it is stored, with its place: a receiver leaves out what it has, and proves what it has. The text is never
 * parsed: a million records leave at once. No field of a record has the name of one of these members.
 */
export function recordLine({ log, index, leaf, salt, body }: PlacedRecord): string {
  // Base64 and names of logs have nothing that JSON escapes.
  const end = salt === null ? "" : `,"salt":"${salt}"`
  return `${body.slice(0, -1)},"log":"${log}","index":${index},"leaf":"${leaf}"${end}}\n`
}
