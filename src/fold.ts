/**
 * Names that some reader takes for one another. Many parsers match member names without regard to case (Go's
 * encoding/json even takes `ſ` for `s`), and some read `to[]` as `to`: a call in which one could be read for the other
 * is refused, because the upstream's reader is not ours.
 */
export function fold(name: string): string {
  if (PLAIN.test(name)) return name
  const bracket = name.indexOf("[")
  return foldCase(bracket > 0 ? name.slice(0, bracket) : name)
}

export function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase()
}

/**
 * The names of arguments by which some reader finds what is sent by this one, folded. Readers skip what stands before a
 * name (qs and Rack read `[to]` as `to`, PHP ` to`), end it early (`to[]`, `to.x` of Spring and ASP.NET, a NUL), write
 * `_` for what their variables cannot have (PHP), and take a marker off (Spring reads `_to` and `!to` where `to` is
 * absent; OData `$top` as `top`), and write the words of a name together or apart (`customerId` for `customer_id`).
 */
export function readingsOf(name: string): readonly string[] {
  if (PLAIN.test(name)) return JOINED.test(name) ? [name, unjoined(name)] : [name]
  // NFKC makes `to` of the fullwidth `ｔｏ`.
  const folded = foldCase(ASCII.test(name) ? name : name.normalize("NFKC"))
  const [base = ""] = folded.replace(LEADING, "").split(NAME_END, 1)
  const word = base.trimEnd()
  const joined = folded.trimStart().replaceAll(/[ .[]/g, "_")
  return [...new Set([folded, word, joined, word.replace(/^_(?=.)/u, ""), unjoined(word)])]
}
const PLAIN = /^[a-z0-9][a-z0-9_-]*$/
const JOINED = /[_-]/

/** Protobuf's JSON, and readers with aliases, take `customerId` for `customer_id`. */
function unjoined(name: string): string {
  return name.replaceAll(/(?!^)[_-]/g, "")
}
// oxlint-disable-next-line no-control-regex -- all of ASCII, its control characters among it
const ASCII = /^[\x00-\x7f]*$/
const LEADING = /^[^\p{L}\p{N}_-]+/u
// oxlint-disable-next-line no-control-regex -- a control character ends a name for some readers
const NAME_END = /[[\].\x00-\x1f\x7f]/

/** A key of `object` that is none of `known`, but that some reader takes for one of them. */
export function variantIn(object: Readonly<Record<string, unknown>>, known: readonly string[]): string | undefined {
  const others = Object.keys(object).filter((key) => !known.includes(key))
  // Nearly always there is none to fold.
  const folded = others.length === 0 ? [] : known.map(fold)
  return others.find((key) => folded.includes(fold(key)))
}
