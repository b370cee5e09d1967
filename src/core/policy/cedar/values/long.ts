/** Cedar's integers: 64 bits with a sign, exact, and an error beyond. */
import { OVERFLOW } from "./evaluation-error.ts"

/** Throws OVERFLOW. */
export function int64(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw OVERFLOW
  return value
}

/** 2^63 has this many digits. */
const MAX_DIGITS = 19

/**
 * The value of decimal digits, of which an argument may have any number: BigInt takes more than linear time for them.
 * Throws OVERFLOW. The sign is separate, because 2^63 only fits with it.
 */
export function fromDigits(negative: boolean, digits: string): bigint {
  const significant = digits.replace(/^0+/, "")
  if (significant.length > MAX_DIGITS) throw OVERFLOW
  const value = BigInt(significant)
  return int64(negative ? -value : value)
}

/** `undefined` if the text is no integer of 64 bits. */
export function readLong(text: string): bigint | undefined {
  if (!/^-?\d{1,19}$/.test(text)) return undefined
  const value = BigInt(text)
  return BigInt.asIntN(64, value) === value ? value : undefined
}
