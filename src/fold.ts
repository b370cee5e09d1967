/**
 * Names that some reader takes for one another. Many parsers match member names without regard to case (Go's
 * encoding/json even takes `ſ` for `s`), and some read `to[]` as `to`: a call in which one could be read for the other
 * is refused, because the upstream's reader is not ours.
 */
export function fold(name: string): string {
  const bracket = name.indexOf("[")
  const base = bracket > 0 ? name.slice(0, bracket) : name
  return base.toUpperCase().toLowerCase()
}

/** A key of `object` that is none of `known`, but that some reader takes for one of them. */
export function variantIn(object: Readonly<Record<string, unknown>>, known: readonly string[]): string | undefined {
  const others = Object.keys(object).filter((key) => !known.includes(key))
  // Nearly always there is none to fold.
  const folded = others.length === 0 ? [] : known.map(fold)
  return others.find((key) => folded.includes(fold(key)))
}
