/**
 * The secret with which records hash arguments, as a lease of the switchboard has brought it to this isolate. Without
 * it, ten thousand guesses would find a redacted PIN from its record. The key ring makes it once, and gives it to our
 * own isolates only.
 */
let kept: string | null = null

/** For tests: the state of a fresh isolate. */
export function forgetRecordKey(): void {
  kept = null
}

export function keepRecordKey(hex: string): void {
  kept = hex
}

/** Hex. Null if this isolate has had no lease yet: the record then has no hash. */
export function recordKey(): string | null {
  return kept
}
