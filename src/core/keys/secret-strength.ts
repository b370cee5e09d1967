/** Whether a secret that a person has set can be one that nobody guesses. */

/** Whoever sees what was made with it can try secrets at home, as fast as they like. */
const MIN_BITS = 128
const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/iu
const ALPHABETS = [
  /^[0-9]+$/u,
  /^[0-9a-f]+$/u,
  /^[0-9A-F]+$/u,
  /^[a-z]+$/u,
  /^[A-Z]+$/u,
  /^[0-9a-z]+$/u,
  /^[0-9A-Z]+$/u,
]
const SIZES = [10, 16, 16, 26, 26, 36, 36]
/** Of 32 random hex digits, fewer differ once in a hundred million times. */
const MIN_DIFFERENT = 8

/**
 * Whether it can have 128 bits: that it is random, no check can tell. A UUID has 122.
 * @param secret in the alphabet of base64, of hex or of digits
 */
export function isStrong(secret: string): boolean {
  if (!/^[\w+/=-]{1,512}$/u.test(secret) || UUID.test(secret)) return false
  const alphabet = ALPHABETS.findIndex((each) => each.test(secret))
  const bits = secret.length * Math.log2(SIZES[alphabet] ?? 64)
  return bits >= MIN_BITS && new Set(secret).size >= MIN_DIFFERENT
}
