/**
 * Which names a query may have if something reads the arguments of its tool. `[to]`, ` to` and `to.x` are the argument
 * `to` to some readers and another one to the rest (test/node/readers has what each makes of them), so only names
 * that all take to the letter are read at all.
 */

import type { Target } from "./path.ts"

/** What routes of the catalog may name, and digits in front, which no reader treats in another way. */
const PLAIN_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/
/** qs leaves these out: whatever is sent by them, it reads nothing. */
const UNREAD_BY_SOME: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))
/** OpenResty reads so many parts of a query by default, qs and PHP a thousand; the others are dropped in silence. */
const MOST_PARTS = 100

/**
 * A part of the query that upstreams read in different ways, or null.
 * @param declared names beside the plain ones that the catalog says the upstream has
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
