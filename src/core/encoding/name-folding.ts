/**
 * Names that some reader confuses. Many parsers match member names without regard to case (Go's encoding/json even
 * reads `ſ` as `s`), and some read `to[]` as `to`. A call in which one name could be read as another is denied, because
 * the upstream's reader is not ours.
 */
export function foldName(name: string): string {
  if (PLAIN.test(name)) return name
  const bracket = name.indexOf("[")
  return foldCase(bracket > 0 ? name.slice(0, bracket) : name)
}

export function foldCase(name: string): string {
  return name.toUpperCase().toLowerCase()
}

/**
 * The argument names, folded, under which some reader finds the value of this one. Readers skip what precedes a name
 * (qs and Rack read `[to]` as `to`, PHP ` to`), or end it early (`to[]`, `to.x` of Spring and ASP.NET, a NUL). They
 * write `_` for what their variables cannot contain (PHP), remove a marker (Spring reads `_to` and `!to` if `to` is
 * absent; OData `$top` as `top`), and join or separate the words of a name (`customerId` for `customer_id`).
 * @returns null if the name takes too long to normalize: the caller assumes that any name may be read from it
 */
export function readingsOf(name: string): readonly string[] | null {
  if (PLAIN.test(name)) return JOINED.test(name) ? [name, unjoined(name)] : [name]
  let readings = names.get(name)
  if (readings === undefined) {
    if (names.size >= MAX_CACHED) names.clear()
    names.set(name, (readings = findReadings(name)))
  }
  return readings
}
/**
 * Rules, guardrails, redaction and the record each read the names of one call, and calls of one tool have the same
 * names.
 */
const names = new Map<string, readonly string[] | null>()
const MAX_CACHED = 1_024

function findReadings(name: string): readonly string[] | null {
  const compatible = ASCII.test(name) ? name : normalized(name)
  if (compatible === null) return null
  const folded = foldCase(compatible)
  const [base = ""] = folded.replace(LEADING, "").split(NAME_END, 1)
  const word = base.trimEnd()
  const joined = folded.trimStart().replaceAll(/[ .[]/g, "_")
  return [...new Set([folded, word, joined, word.replace(/^_(?=.)/u, ""), unjoined(word)])]
}

/**
 * The letters and digits of a name, in capitals. Each of its readings consists of some of them, in a row: a name that does
 * not have those of another is not read as it, which is known in a fraction of the time that all readings take.
 * @returns null as `readingsOf` does
 */
export function lettersOf(name: string): string | null {
  const compatible = ASCII.test(name) ? name : normalized(name)
  // In capitals, because a small sigma has two forms, by what follows it.
  return (
    compatible &&
    foldCase(compatible)
      .toUpperCase()
      .replaceAll(/[^\p{L}\p{N}]/gu, "")
  )
}

/**
 * Those by which it is found behind a prefix: ASP.NET binds a parameter `query` from `query.to` before `to`, and Struts and
 * Grails take `command.to`.
 */
export function prefixedReadingsOf(name: string): readonly string[] {
  if (!name.includes(".")) return []
  const last = name
    .split(PREFIX_END, 1)[0]
    ?.split(".")
    .findLast((part) => part.trim() !== "")
  return last === undefined || last === name ? [] : (readingsOf(last) ?? [])
}
// oxlint-disable-next-line no-control-regex -- as of `NAME_END`
const PREFIX_END = /(?<!^)[[\]\x00-\x1f\x7f]/

/**
 * NFKC turns the fullwidth `ｔｏ` into `to`. The caller controls its cost: it sorts combining marks, in a time that grows
 * with the square of their number in a row, and writes eighteen characters for a U+FDFA. No name of a language needs
 * that much; Unicode's own bound for any text (UAX #15, section 13) is 30 marks in a row.
 */
function normalized(name: string): string | null {
  if (name.length > MAX_NORMALIZED || MANY_MARKS.test(name)) return null
  const compatible = name.normalize("NFKC")
  return compatible.length > MAX_NORMALIZED ? null : compatible
}
/** As long as a plain name in a query may be (catalog/query-names.ts). */
const MAX_NORMALIZED = 128
const MANY_MARKS = /\p{M}{9}/u

const PLAIN = /^[a-z0-9][a-z0-9_-]*$/

/** A name that `readingsOf` reads in a fraction of the time that others take: it is folded, and has no parts. */
export function isPlainName(name: string): boolean {
  return PLAIN.test(name)
}

const JOINED = /[_-]/

/** Protobuf's JSON, and readers with aliases, accept `customerId` for `customer_id`. */
function unjoined(name: string): string {
  return name.replaceAll(/(?!^)[_-]/g, "")
}
// oxlint-disable-next-line no-control-regex -- all of ASCII, its control characters among it
const ASCII = /^[\x00-\x7f]*$/
const LEADING = /^[^\p{L}\p{N}_-]+/u
// oxlint-disable-next-line no-control-regex -- a control character ends a name for some readers
const NAME_END = /[[\].\x00-\x1f\x7f]/

/**
 * A key of `object` that is none of `names`, but that some reader confuses with one of them: in another case, or with its
 * words separated, as pydantic reads `input_responses` for `inputResponses` where a model is populated by name.
 */
export function confusableKey(object: Readonly<Record<string, unknown>>, names: readonly string[]): string | undefined {
  const others = Object.keys(object).filter((key) => !names.includes(key))
  // Nearly always there is none to fold.
  const folded = others.length === 0 ? [] : names.map(wordsOf)
  return others.find((key) => folded.includes(wordsOf(key)))
}

const wordsOf = (name: string): string => unjoined(foldName(name))

/** The names of headers that some reader takes for this one: CGI, WSGI and Rack read `X_Request-Id` as `X-Request-Id`. */
export function headerSpellings(name: string): readonly string[] {
  const [first = "", ...rest] = name.split("-")
  return rest.reduce<readonly string[]>(
    (names, word) => names.flatMap((each) => [`${each}-${word}`, `${each}_${word}`]),
    [first],
  )
}
