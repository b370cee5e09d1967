/**
 * Calls that were made once, of a guardrail on repeated calls. Most calls are never repeated: so of each there is
 * only a fingerprint with its time. They stand in generations, and with a new one too many the oldest is forgotten.
 * From then on a call that is not known may be one of those: it counts as having been made as often as any forgotten
 * one may have been, at the time at which the last of them was. So a call is never counted too little, and one that was
 * never made counts as made once for each time that all generations were filled within the span.
 */

/** Two calls that share a fingerprint count as one: sooner denied, never later. */
const FINGERPRINTS = 2 ** 30
const GENERATION = 16_384
/** So 114,688 calls are known in any case. */
const GENERATIONS = 8

interface Generation {
  /** Milliseconds, by fingerprint; below zero where it is written down. */
  readonly calls: Map<number, number>
  lastAt: number
  /** As often a call of it may have been made before, besides; the newest time first. */
  readonly hidden: readonly number[]
}

export class OnceLog {
  readonly #generations: Generation[] = []
  /** The times of a call that is not known: as often it may have been made, the newest first. */
  #hidden: readonly number[] = []

  /** Whether a call that is not known may have been made after that time. */
  hides(after: number): boolean {
    return (this.#hidden[0] ?? Number.NEGATIVE_INFINITY) > after
  }

  has(key: string, after: number): boolean {
    return this.#find(fingerprintOf(key), after) !== undefined
  }

  /** When the call may have been made after that time, the oldest first. */
  timesOf(key: string, after: number): readonly number[] {
    const fingerprint = fingerprintOf(key)
    const generation = this.#find(fingerprint, after)
    const hidden = (generation?.hidden ?? this.#hidden).filter((at) => at > after).toReversed()
    const own = generation?.calls.get(fingerprint)
    return own === undefined ? hidden : [...hidden, Math.abs(own)]
  }

  /** Whether it is known, and written down. */
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

  /** @param after what was there until then counts no more */
  add(key: string, now: number, after: number, isWritten: boolean): void {
    let newest = this.#generations.at(-1)
    if (!newest || newest.calls.size >= GENERATION) newest = this.#begin(after)
    newest.calls.set(fingerprintOf(key), isWritten ? -now : now)
    newest.lastAt = now
  }

  /** Whatever is not known may have been made then, once more. */
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
