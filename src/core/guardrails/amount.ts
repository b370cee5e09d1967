/**
 * Exact amounts: a number in an argument, in units of 1/10,000 as in Cedar's decimal type. Sums of units are exact as
 * long as they are safe integers, up to some 900 thousand million whole units.
 */
const DECIMALS = 4
const UNITS = 10 ** DECIMALS

/** The largest amount and the largest sum, in units. */
export const MAX_UNITS = Number.MAX_SAFE_INTEGER

export type UnreadableAmount = "missing" | "no number" | "negative" | "too precise" | "too large"

/**
 * Converts a JSON number, as the strict reader returns it, to units. That reader has rejected a number with more digits
 * than a double holds, so the shortest text of this double is the number that the upstream reads.
 * @returns units, or why the value is no amount
 */
export function unitsOf(value: unknown): number | UnreadableAmount {
  if (value === undefined || value === null) return "missing"
  if (typeof value !== "number" || !Number.isFinite(value)) return "no number"
  if (value < 0) return "negative"
  if (Number.isInteger(value)) return value <= MAX_UNITS / UNITS ? value * UNITS : "too large"
  const [, whole = "", fraction = ""] = /^(\d+)\.(\d+)$/u.exec(String(value)) ?? []
  // A number written `1e-7` is more precise than units are; one written `1e21` is an integer.
  if (whole === "" || fraction.length > DECIMALS) return "too precise"
  const units = Number(whole) * UNITS + Number(fraction.padEnd(DECIMALS, "0"))
  return units <= MAX_UNITS ? units : "too large"
}

/** Converts units to the figure that people see: 105,000 units are 10.5. */
export function shownUnits(units: number): number {
  return units / UNITS
}
