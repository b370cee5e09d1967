/** Versions, compared. It imports nothing, and runs on a Node that is too old for the rest: bin/narrowgate.ts reads it. */

/** @param wanted an exact version, or one with `^`: that one, or a later one with the same first number */
export function fits(version: string, wanted: string): boolean {
  if (!wanted.startsWith("^")) return version === wanted
  const least = wanted.slice(1)
  return Number.parseInt(version, 10) === Number.parseInt(least, 10) && isAtLeast(version, least)
}

/** Letters, which mark a version before the release, are not compared. */
export function isAtLeast(version: string, least: string): boolean {
  const [numbers, wanted] = [numbersOf(version), numbersOf(least)]
  const differing = wanted.findIndex((number, index) => number !== (numbers[index] ?? 0))
  return differing === -1 || (numbers[differing] ?? 0) > (wanted[differing] ?? 0)
}

const numbersOf = (version: string): readonly number[] => version.split(".").map((part) => Number.parseInt(part, 10))
