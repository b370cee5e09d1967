/**
 * Gives one canonical reading of a request target, or none. A target that two parsers could read differently is denied,
 * never guessed. Otherwise the authorizer would judge one path and the upstream serve another (CVE-2019-9901,
 * CVE-2021-29492, CVE-2026-41059). Source: RFC 3986, sections 3.3, 3.4 and 6.2.2.
 */
import { deny, type Denied } from "../denials/denied.ts"

export interface Target {
  /** Decoded path segments; `/a/b/` gives `a`, `b`, ``. */
  readonly segments: readonly string[]
  /** The path as sent, for a DPoP `htu` and for records. The query is left out because it may hold secrets. */
  readonly path: string
  /** The value is null if the part has no `=`. */
  readonly query: readonly (readonly [name: string, value: string | null])[]
  /** The number of parts that `&` separates, some of which may be empty. */
  readonly parts: number
}

/** What a literal segment of a catalog consists of, for a character class: nothing that has to be escaped in a request. */
export const LITERAL = "A-Za-z0-9._~!$&'()*+,=:@-"

const MAX_TARGET_LENGTH = 8_192
// Visible ASCII only: no control bytes, no blanks, no raw non-ASCII, no fragment, no backslash.
const TARGET = /^[\x21\x22\x24-\x5b\x5d-\x7e]+$/
const INVALID_PERCENT = /%(?![0-9A-Fa-f]{2})/
/** Encoded slash, backslash, percent sign, NUL and other control bytes. */
const TREACHEROUS_PERCENT = /%(?:2f|5c|25|[01][0-9a-f]|7f)/i

/** `;` separates parameters for some readers; NUL ends a name for others. */
const TREACHEROUS_IN_QUERY = /;|%(?:[01][0-9a-f]|7f)/i

/**
 * Matches nearly every path: letters, digits and characters with a single meaning; no segment that is empty or begins
 * with a dot. All readers read such a path alike, so the separate checks below are not needed.
 */
const PLAIN_PATH = /^(?:\/[\w~-][\w.~-]*)+$/

export function readTarget(target: string): Target | Denied {
  if (target.length <= MAX_TARGET_LENGTH && PLAIN_PATH.test(target)) {
    return { segments: target.slice(1).split("/"), path: target, query: [], parts: 0 }
  }
  const refuse = (what: string): Denied => deny({ reason: "target_ambiguous", what })
  if (target.length > MAX_TARGET_LENGTH) return refuse("the target is too long")
  if (!target.startsWith("/")) return refuse("the target is not a path")
  if (!TARGET.test(target)) return refuse("the target has a byte that is no part of a URL, a fragment or a backslash")
  const mark = target.indexOf("?")
  const path = mark < 0 ? target : target.slice(0, mark)
  if (INVALID_PERCENT.test(target)) return refuse("a percent sign encodes nothing")
  if (TREACHEROUS_PERCENT.test(path)) return refuse("the path encodes a delimiter or a control byte")
  if (path.includes("//")) return refuse("the path has an empty segment")
  if (path.includes(";")) return refuse("the path has parameters")
  const segments: string[] = []
  for (const raw of path.slice(1).split("/")) {
    const segment = decode(raw)
    if (segment === null) return refuse("the path is not UTF-8")
    if (segment === "." || segment === "..") return refuse("the path has a dot segment")
    segments.push(segment)
  }
  if (mark >= 0 && TREACHEROUS_IN_QUERY.test(target.slice(mark))) {
    return refuse("the query has a separator that some readers know, or a control byte")
  }
  const text = mark < 0 ? "" : target.slice(mark + 1)
  const parts = text === "" ? [] : text.split("&")
  const query = readQuery(parts)
  return query === null ? refuse("the query is not UTF-8") : { segments, path, query, parts: parts.length }
}

function readQuery(parts: readonly string[]): [string, string | null][] | null {
  const pairs: [string, string | null][] = []
  for (const part of parts) {
    if (part === "") continue
    const equals = part.indexOf("=")
    const name = decode((equals < 0 ? part : part.slice(0, equals)).replaceAll("+", " "))
    const value = decode((equals < 0 ? "" : part.slice(equals + 1)).replaceAll("+", " "))
    if (name === null || value === null) return null
    pairs.push([name, equals < 0 ? null : value])
  }
  return pairs
}

function decode(text: string): string | null {
  if (!text.includes("%")) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
