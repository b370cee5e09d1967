/**
 * Exact amounts: an argument's number in units of 1/10,000, which is what Cedar's decimal holds too. Sums of them are
 * exact as long as they stay safe integers, some 900 thousand million whole units.
 */
const DECIMALS = 4
const UNITS = 10 ** DECIMALS

/** Of any one amount and of any sum, in units. */
export const MAX_UNITS = Number.MAX_SAFE_INTEGER

export type Misread = "missing" | "no number" | "negative" | "too precise" | "too large"

/**
 * Of a JSON number as the strict reader gives it. A number written with more digits than a double holds was refused
 * before; so the shortest text that means this double is the number that the upstream reads.
 * @returns units, or why it is no amount
 */
export function unitsOf(value: unknown): number | Misread {
  if (value === undefined || value === null) return "missing"
  if (typeof value !== "number" || !Number.isFinite(value)) return "no number"
  if (value < 0) return "negative"
  if (Number.isInteger(value)) return value <= MAX_UNITS / UNITS ? value * UNITS : "too large"
  const [, whole = "", fraction = ""] = /^(\d+)\.(\d+)$/u.exec(String(value)) ?? []
  // `1e-7` is more precise than anything here; `1e21` was an integer.
  if (whole === "" || fraction.length > DECIMALS) return "too precise"
  const units = Number(whole) * UNITS + Number(fraction.padEnd(DECIMALS, "0"))
  return units <= MAX_UNITS ? units : "too large"
}

/** `10.5` for 105,000 units, to be shown. */
export function shownUnits(units: number): number {
  return units / UNITS
}
