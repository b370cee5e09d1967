/**
 * The proofs that a ledger has admitted, each once (RFC 9449 11.1), kept in memory alone: writing each down would cost
 * more than deciding. A ledger that has woken knows none of those before; so it takes a proof only if that cannot have
 * been admitted then: it was made after the waking, or with the nonce that this life of the ledger handed out (RFC 9449
 * 9). Pure: the ledger makes the nonce and gives the time.
 */

/**
 * By this much the clock of a client whose proof was admitted can have run ahead of ours; the edge takes ten seconds of
 * it.
 */
const AHEAD_MS = 15_000

export class ProofLog {
  readonly nonce: string
  readonly #since: number
  readonly #seen = new Set<string>()

  /**
   * @param nonce unguessable, of this life of the ledger
   * @param since milliseconds; proofs may have been admitted before then that are not known here
   */
  constructor(nonce: string, since: number) {
    this.nonce = nonce
    this.#since = since
  }

  get size(): number {
    return this.#seen.size
  }

  /** @param now milliseconds, by the ledger's clock: what is stale or too new by it would escape the reasoning above */
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
  /** Of this key: another key's equal one is another. */
  readonly jti: string
  /** Seconds. */
  readonly iat: number
  /** Milliseconds; from then on it would be refused as stale, so its `jti` need not be remembered. */
  readonly freshUntil: number
  readonly nonce: string | null
}
