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
