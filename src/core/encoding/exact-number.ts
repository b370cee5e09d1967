/** Decimal numbers, exactly: a double holds neither 0.1 nor the product of 4.35 and 100. */

export interface Exact {
  readonly digits: bigint
  /** The number is `digits` divided by ten to this power. */
  readonly decimals: number
}

const NUMBER = /^(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:e([+-]\d{1,3}))?$/

/** @param text as JavaScript writes a number, or JSON does with small exponents; null: it is none */
export function exactOf(text: string): Exact | null {
  const [, sign, whole, fraction = "", exponent = "0"] = NUMBER.exec(text) ?? []
  if (whole === undefined) return null
  const decimals = fraction.length - Number(exponent)
  const digits = BigInt(`${sign}${whole}${fraction}`)
  return decimals >= 0 ? { digits, decimals } : { digits: digits * 10n ** BigInt(-decimals), decimals: 0 }
}

/** Below 0 if the first number is less, above 0 if it is more. */
export function compare(one: Exact, other: Exact): number {
  const [a, b] = alike(one, other)
  return a < b ? -1 : a > b ? 1 : 0
}

export function times(one: Exact, other: Exact): Exact {
  return { digits: one.digits * other.digits, decimals: one.decimals + other.decimals }
}

export function isMultiple(one: Exact, of: Exact): boolean {
  const [a, b] = alike(one, of)
  return a % b === 0n
}

function alike(one: Exact, other: Exact): readonly [bigint, bigint] {
  const decimals = Math.max(one.decimals, other.decimals)
  const scaled = ({ digits, decimals: own }: Exact): bigint => digits * 10n ** BigInt(decimals - own)
  return [scaled(one), scaled(other)]
}
