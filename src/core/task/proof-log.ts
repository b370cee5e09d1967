/**
 * The proofs that a ledger has admitted, each once (RFC 9449, section 11.1). They are in memory alone, because writing
 * each would cost more than deciding. A ledger that has woken knows none of the earlier ones. So it accepts a proof
 * only if no earlier life can have admitted it: it was made after the waking, with the nonce of this life (RFC 9449,
 * section 9), or for a token that was issued in this life, because a proof is for one token (its `ath`). Pure: the ledger
 * makes the nonce and gives the time.
 */
import type { HistoryKey } from "../guardrails/history-key.ts"

/**
 * How far the clock of a client whose proof was admitted can have been ahead of ours; the edge accepts ten seconds of
 * it.
 */
const AHEAD_MS = 15_000

export class ProofLog {
  readonly nonce: string
  readonly #since: number
  /** By `jti`: from when it is rejected as stale, whatever is known of it. The oldest first, more or less. */
  readonly #seen = new Map<string, number>()

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

  /**
   * @param now milliseconds, by the ledger's clock: a stale or too new proof would escape the reasoning above
   * @param issuedAt milliseconds, when its token was issued; absent if that is not known
   */
  check(proof: Proof, now: number, issuedAt = Number.NEGATIVE_INFINITY): "fresh" | "stale" | "seen" | "nonce_required" {
    const madeAt = proof.iat * 1000
    if (now >= proof.freshUntil || madeAt > now + AHEAD_MS) return "stale"
    if (this.#seen.has(proof.jti)) return "seen"
    const isOfThisLife = issuedAt >= this.#since || madeAt > this.#since + AHEAD_MS
    return isOfThisLife || proof.nonce === this.nonce ? "fresh" : "nonce_required"
  }

  /** Forgets proofs that are stale by now: those before the first that is still fresh, which costs no scan. */
  admit({ jti, freshUntil }: Pick<Proof, "jti" | "freshUntil">, now: number): void {
    for (const [oldest, until] of this.#seen) {
      if (now < until) break
      this.#seen.delete(oldest)
    }
    this.#seen.set(jti, freshUntil)
  }
}

/** Proofs remembered at most; each takes about two hundred bytes. */
export const MAX_PROOFS = {
  agent: 20_000,
  ledger: 60_000,
} as const

/**
 * The proofs of all agents of a ledger: a log for each, so that an agent that fills its log sends none of its neighbours
 * for a new nonce. A proof is for one token, and so for one agent.
 */
export class Proofs {
  /** With which each agent begins in this life of the ledger. */
  readonly nonce: string
  readonly #since: number
  readonly #logs = new Map<HistoryKey, ProofLog>()
  #total = 0

  /** As of `ProofLog`. */
  constructor(nonce: string, since: number) {
    this.nonce = nonce
    this.#since = since
  }

  of(agent: HistoryKey): ProofLog {
    let log = this.#logs.get(agent)
    if (!log) this.#logs.set(agent, (log = new ProofLog(this.nonce, this.#since)))
    return log
  }

  /**
   * @param newNonce of the agent's next log, which it begins if this one is full: proofs that were admitted before lack
   *   the new nonce
   */
  admit(agent: HistoryKey, proof: Proof, now: number, newNonce: () => string): void {
    const log = this.of(agent)
    const before = log.size
    log.admit(proof, now)
    this.#total += log.size - before
    const part = MAX_PROOFS.ledger / this.#logs.size
    if (log.size < MAX_PROOFS.agent && (this.#total < MAX_PROOFS.ledger || log.size < part)) return
    this.#total -= log.size
    this.#logs.set(agent, new ProofLog(newNonce(), Math.max(this.#since, now + 1)))
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
