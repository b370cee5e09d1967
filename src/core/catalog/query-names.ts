/**
 * Which names a query may have if something reads the arguments of its tool. `[to]`, ` to` and `to.x` are the argument
 * `to` to some readers and another argument to the rest (test/node/readers shows how each reads them). So only names
 * that all readers take literally are read at all.
 */

import type { Target } from "./path.ts"

/** Names that routes of the catalog may use, and names with leading digits, which no reader treats differently. */
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
/** qs ignores these names, whatever their values. */
const UNREAD_BY_SOME: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))
/** By default OpenResty reads this many parts of a query, qs and PHP a thousand; they drop the others silently. */
const MOST_PARTS = 100

/**
 * Returns a part of the query that upstreams read in different ways, or null.
 * @param declared names, beside the plain ones, that the upstream has according to the catalog
 */
export function unplainPart(
  { query, parts }: Pick<Target, "query" | "parts">,
  declared: readonly string[],
): string | null {
  if (parts > MOST_PARTS) return `more than ${MOST_PARTS} parts`
  for (const [name, value] of query) {
    // Rack reads no value, PHP an empty one, OpenResty `true`.
    if (value === null) return name
    if (!isPlainName(name) && !declared.includes(name)) return name
  }
  return null
}

export function isPlainName(name: string): boolean {
  return PLAIN_NAME.test(name) && !UNREAD_BY_SOME.has(name)
}
