/**
 * Calls that were made once, for a guardrail on repeated calls. Most calls are never repeated, so only a fingerprint of
 * each is kept, with its time. Fingerprints are kept in generations, and one generation too many makes the oldest
 * forgotten. From then on, an unknown call may be a forgotten one: it counts as made as often as any forgotten call may
 * have been made, at the time of the last of them. So no call is counted too little, and a call that was never made
 * counts once for each time that all generations were filled within the span.
 */

/** Two calls with the same fingerprint count as one, so they may be denied sooner, never later. */
const FINGERPRINTS = 2 ** 30
const GENERATION = 16_384
/** So at least 114,688 calls are known at any time. */
const GENERATIONS = 8

interface Generation {
  /** Milliseconds since the epoch by fingerprint; negative if the call is stored. */
  readonly calls: Map<number, number>
  lastAt: number
  /** Times at which each of its calls may have been made before, the newest first. */
  readonly hidden: readonly number[]
}

export class OnceLog {
  readonly #generations: Generation[] = []
  /** Times at which an unknown call may have been made, the newest first. */
  #hidden: readonly number[] = []

  /** Returns whether an unknown call may have been made after that time. */
  hides(after: number): boolean {
    return (this.#hidden[0] ?? Number.NEGATIVE_INFINITY) > after
  }

  has(key: string, after: number): boolean {
    return this.#find(fingerprintOf(key), after) !== undefined
  }

  /** Returns the times after that one at which the call may have been made, the oldest first. */
  timesOf(key: string, after: number): readonly number[] {
    const fingerprint = fingerprintOf(key)
    const generation = this.#find(fingerprint, after)
    const hidden = (generation?.hidden ?? this.#hidden).filter((at) => at > after).toReversed()
    const own = generation?.calls.get(fingerprint)
    return own === undefined ? hidden : [...hidden, Math.abs(own)]
  }

  /** Returns whether the call is known and stored. */
  isWritten(key: string, after: number): boolean {
    const fingerprint = fingerprintOf(key)
    return (this.#find(fingerprint, after)?.calls.get(fingerprint) ?? 0) < 0
  }

  #find(fingerprint: number, after: number): Generation | undefined {
    return this.#generations.findLast(({ calls }) => {
      const at = calls.get(fingerprint)
      return at !== undefined && Math.abs(at) > after
    })
  }

  /** @param after what occurred at this time or before no longer counts */
  add(key: string, now: number, after: number, isWritten: boolean): void {
    let newest = this.#generations.at(-1)
    if (!newest || newest.calls.size >= GENERATION) newest = this.#begin(after)
    newest.calls.set(fingerprintOf(key), isWritten ? -now : now)
    newest.lastAt = now
  }

  /** Records that any unknown call may have been made at this time, once more. */
  hide(at: number): void {
    this.#hidden = [at, ...this.#hidden]
    this.#begin(Number.NEGATIVE_INFINITY)
  }

  #begin(after: number): Generation {
    while (this.#generations[0] && this.#generations[0].lastAt <= after) this.#generations.shift()
    if (this.#generations.length >= GENERATIONS) this.#forget(this.#generations.shift())
    this.#hidden = this.#hidden.filter((at) => at > after)
    const begun = { calls: new Map<number, number>(), lastAt: Number.NEGATIVE_INFINITY, hidden: this.#hidden }
    this.#generations.push(begun)
    return begun
  }

  #forget(generation: Generation | undefined): void {
    if (!generation) return
    const times = [generation.lastAt, ...generation.hidden]
    const many = Math.max(times.length, this.#hidden.length)
    const latest = (index: number): number => Math.max(times[index] ?? 0, this.#hidden[index] ?? 0)
    this.#hidden = Array.from({ length: many }, (_, index) => latest(index))
  }
}

/** FNV-1a. */
function fingerprintOf(key: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  return (hash >>> 0) % FINGERPRINTS
}
