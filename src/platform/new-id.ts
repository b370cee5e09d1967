import { ulid } from "ulid"
import type { Kind } from "../core/encoding/ids.ts"

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
export function newId(kind: Kind, now: number): string {
  return `${kind}_${ulid(now, randomFraction)}`
}
