/**
 * A POST that asks an upstream for another method: Rack, Rails, Laravel, Symfony and Express read it from a form's field,
 * the query or a header, and what is judged as a POST would be a DELETE to them.
 */
import { readingsOf } from "../fold.ts"
import type { Denial } from "../decision.ts"
import type { Body } from "./seen.ts"

/** Of an argument, folded. */
const ARGUMENTS: ReadonlySet<string> = new Set(["_method", "_httpmethod"])

const HEADERS = ["x-http-method-override", "x-http-method", "x-method-override", "method-override"]
/** CGI, WSGI and Rack read `X_HTTP-Method_Override` as the same variable. */
const JOINED = HEADERS.flatMap(joinings)

function joinings(name: string): readonly string[] {
  const [first = "", ...rest] = name.split("-")
  return rest.reduce<readonly string[]>(
    (names, word) => names.flatMap((each) => [`${each}-${word}`, `${each}_${word}`]),
    [first],
  )
}

export function isMethodInHeaders(method: string, headers: Headers): boolean {
  return (method === "POST" ? JOINED : HEADERS).some((name) => headers.has(name))
}

export const METHOD_IN_HEADER: Denial = { reason: "target_ambiguous", what: "a header asks for another method" }
export const METHOD_IN_ARGUMENT: Denial = { reason: "target_ambiguous", what: "an argument asks for another method" }

/** @param names of the arguments that are read */
export function isMethodInArguments(names: readonly string[], body: Body, contentType: string | null): boolean {
  if (names.some(asksForMethod)) return true
  if (body.kind === "withheld" || body.text === "") return false
  // PHP ends a type at a comma or a blank too; Rack takes a POST without a type for a form.
  const type = contentType?.split(/[;, ]/, 1)[0]?.toLowerCase() ?? ""
  if (type === "" || type === "application/x-www-form-urlencoded") return isInForm(body.text)
  return type.startsWith("multipart/") && isInParts(body.text)
}

export function asksForMethod(name: string): boolean {
  return readingsOf(name).some((reading) => ARGUMENTS.has(reading))
}

/** Go's reader of quoted strings takes backslashes away. */
const FIELD = /(?:_|%5f)\\?(?:h\\?t\\?t\\?p\\?_?\\?)?m\\?e\\?t\\?h\\?o\\?d/gi
/** RFC 7578, section 4.2; RFC 5987 for `name*`. */
const FIELD_NAME = /name\*?\s*=/i
/** Of what stands in front of a field. */
const MOST_SEARCHED = 1_024

/** @param text of which parts may be binary */
function isInParts(text: string): boolean {
  let many = 0
  for (const { index } of text.matchAll(FIELD)) {
    if (++many > MOST_FIELDS) return true
    const parameter =
      text
        .slice(Math.max(0, index - MOST_SEARCHED), index)
        .split(/[;\r\n]/)
        .at(-1) ?? ""
    if (FIELD_NAME.test(parameter)) return true
  }
  return false
}

/** A form of more fields is longer than any that a person fills in, and is not searched: it may hold one. */
const MOST_FIELDS = 1_000
const MOST_NAME = 64

function isInForm(text: string): boolean {
  for (let start = 0, fields = 0; start <= text.length; fields++) {
    if (fields === MOST_FIELDS) return true
    const next = text.indexOf("&", start)
    const end = next === -1 ? text.length : next
    const equals = text.indexOf("=", start)
    const name = text.slice(start, Math.min(end, equals === -1 ? end : equals, start + MOST_NAME))
    if (asksForMethod(decoded(name))) return true
    start = end + 1
  }
  return false
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll("+", " "))
  } catch {
    return name
  }
}
