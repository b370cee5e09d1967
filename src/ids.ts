/**
 * Ids that sort by the time they were made: `dec_<ulid>`, `tsk_<ulid>`, `lnt_<ulid>`, `evt_<ulid>`. They name things and open none,
 * yet none can be guessed: their 80 random bits come from the platform's generator, fetched many at a time.
 */
import { ulid } from "ulid"

const pool = new Uint8Array(4096)
let used = pool.length

function randomFraction(): number {
  if (used === pool.length) {
    crypto.getRandomValues(pool)
    used = 0
  }
  return (pool[used++] ?? 0) / 256
}

/** @param now milliseconds */
export function newId(kind: "dec" | "tsk" | "lnt" | "evt", now: number): string {
  return `${kind}_${ulid(now, randomFraction)}`
}
