/**
 * What a format makes of a batch of records. Each format is one file, and pure. It adds nothing to a record but its place
 * in its log, and leaves nothing out: what must not leave was redacted before the record was stored.
 */
import type { LogCheckpoint, LoggedRecord } from "../../audit/log-page.ts"

/** Successive records of one log, without those that the sink does not take. */
export interface Batch {
  readonly log: string
  /** Index of the first record that it is about, and of the one after the last. */
  readonly from: number
  readonly next: number
  readonly records: readonly LoggedRecord[]
  readonly checkpoints: readonly LogCheckpoint[]
}

export interface FormatContext {
  /** Our own URL. */
  readonly issuer: string
}

export interface Format {
  readonly contentType: string
  /** What a file of it is called at its end. */
  readonly extension: string
  readonly write: (batch: Batch, context: FormatContext) => string
}

/** The members of a stored record; blank ones are absent. */
export type StoredMembers = Readonly<Record<string, unknown>>

/** The text only ever comes from the log, so it is trusted. */
export const membersOf = ({ body }: LoggedRecord): StoredMembers => JSON.parse(body)

/** Of the members: the text, if it is one. */
export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null
}
