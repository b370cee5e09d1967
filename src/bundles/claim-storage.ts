/** Whose the deployment is, in the object of publications: written once, by the first claim that is proven. */
import { isStrong } from "../core/keys/secret-strength.ts"
import { isProven, type Claim } from "./claim.ts"
import type { Ownership } from "../platform/config.ts"

export type ClaimOutcome =
  | "claimed"
  /** By another secret, or it was used already: nobody learns which. */
  | "refused"
  | "too many"
  /** Nobody has set the secret, or it could be guessed. */
  | "no secret"
  | "weak secret"

/** Refusals in a minute. Beyond, a wrong claim is answered without one; the right one counts all the same. */
const PER_MINUTE = 20
const MINUTE_MS = 60_000

interface OwnerRow extends Record<string, SqlStorageValue> {
  readonly issuer: string
  readonly publisher_keys: string
}

export class ClaimStorage {
  readonly #sql: SqlStorage
  /** Milliseconds since the epoch: the refusals of the last minute. */
  #refused: readonly number[] = []

  constructor(sql: SqlStorage) {
    this.#sql = sql
    sql.exec(`CREATE TABLE IF NOT EXISTS owner (only INTEGER PRIMARY KEY CHECK (only = 1), issuer TEXT NOT NULL,
      publisher_keys TEXT NOT NULL, kid TEXT NOT NULL, at INTEGER NOT NULL)`)
  }

  /** Null if nobody has claimed the deployment. */
  ownership(): Ownership | null {
    const [row] = this.#sql.exec<OwnerRow>("SELECT issuer, publisher_keys FROM owner").toArray()
    return row ? { issuer: row.issuer, publisherKeys: JSON.parse(row.publisher_keys) } : null
  }

  /** @param secret empty: there is none */
  async claim(secret: string, claim: Claim, now: number): Promise<ClaimOutcome> {
    const isOwned = this.ownership() !== null
    if (!isOwned && secret === "") return "no secret"
    if (!isOwned && !isStrong(secret)) return "weak secret"
    // Also if it was used: the time of the answer says nothing either.
    const isRight = await isProven(secret === "" ? claim.statement : secret, claim)
    // No wait from here on: of claims at once, the first wins.
    if (!isRight || this.ownership() !== null) return this.#refuse(now)
    const { issuer, publisherKeys } = claim.ownership
    this.#sql.exec("INSERT INTO owner VALUES (1, ?, ?, ?, ?)", issuer, JSON.stringify(publisherKeys), claim.kid, now)
    return "claimed"
  }

  #refuse(now: number): ClaimOutcome {
    this.#refused = this.#refused.filter((at) => Math.abs(now - at) < MINUTE_MS)
    if (this.#refused.length >= PER_MINUTE) return "too many"
    this.#refused = [...this.#refused, now]
    return "refused"
  }
}
