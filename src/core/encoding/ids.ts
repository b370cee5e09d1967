/**
 * Ids that sort by the time they were made: `dec_<ulid>`, `lnt_<ulid>`, `evt_<ulid>`, and `tsk_` (platform/task-id.ts). They
 * name things and open none, yet none can be guessed: their random bits come from the platform's generator, fetched many
 * at a time.
 */
import { decodeTime, encodeTime } from "ulid"

export type Kind = "dec" | "tsk" | "lnt" | "evt"

const ULID = /^[a-z]{3}_([0-7][0-9A-HJKMNP-TV-Z]{25})(?:[0-9A-HJKMNP-TV-Z]{10})?$/

/** Milliseconds since the epoch, when this id was made. Null if it is no such id. */
export function timeOf(id: string): number | null {
  const [, text] = ULID.exec(id) ?? []
  return text === undefined ? null : decodeTime(text)
}

/**
 * No id that is made then or later sorts before it.
 * @param at milliseconds
 */
export function firstIdAt(kind: Kind, at: number): string {
  return `${kind}_${encodeTime(Math.max(0, at), 10)}${"0".repeat(16)}`
}
