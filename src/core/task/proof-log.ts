/**
 * The proofs that a ledger has admitted, each once (RFC 9449, section 11.1). They are in memory alone, because writing
 * each would cost more than deciding. A ledger that has woken knows none of the earlier ones. So it accepts a proof
 * only if no earlier life can have admitted it: it was made after the waking, or with the nonce of this life (RFC 9449,
 * section 9). Pure: the ledger makes the nonce and gives the time.
 */

/**
 * How far the clock of a client whose proof was admitted can have been ahead of ours; the edge accepts ten seconds of
 * it.
 */
const AHEAD_MS = 15_000

export class ProofLog {
  readonly nonce: string
  readonly #since: number
  readonly #seen = new Set<string>()

  /**
   * @param nonce unguessable, of this life of the ledger
   * @param since milliseconds; proofs from before then may have been admitted that are not known here
   */
  constructor(nonce: string, since: number) {
    this.nonce = nonce
    this.#since = since
  }

  get size(): number {
    return this.#seen.size
  }

  /** @param now milliseconds, by the ledger's clock: a stale or too new proof would escape the reasoning above */
  check(proof: Proof, now: number): "fresh" | "stale" | "seen" | "nonce_required" {
    const madeAt = proof.iat * 1000
    if (now >= proof.freshUntil || madeAt > now + AHEAD_MS) return "stale"
    if (this.#seen.has(proof.jti)) return "seen"
    return proof.nonce === this.nonce || madeAt > this.#since + AHEAD_MS ? "fresh" : "nonce_required"
  }

  admit(jti: string): void {
    this.#seen.add(jti)
  }
}

export interface Proof {
  /** RFC 7638 SHA-256 thumbprint of the key that signed it. */
  readonly jkt: string
  /** Unique for this key only. */
  readonly jti: string
  /** Seconds since the epoch. */
  readonly iat: number
  /** Milliseconds since the epoch; from then on the proof is rejected as stale, so its `jti` need not be remembered. */
  readonly freshUntil: number
  readonly nonce: string | null
}
