/**
 * A call that asks an upstream for another method than its own. Rack, Rails, Laravel, Symfony, ASP.NET and Express read
 * a method from a POST's form, query or headers, and WordPress from the query of any request. They would execute a
 * DELETE although a POST or a GET is judged.
 */
import type { Denial } from "../denials/denial.ts"
import { headerSpellings, lettersOf, readingsOf } from "../encoding/name-folding.ts"

/**
 * Names of arguments, folded, their words joined. ASP.NET takes `X-HTTP-Method-Override` from a form and a query too.
 */
const ARGUMENTS: ReadonlySet<string> = new Set(["_method", "_httpmethod", "xhttpmethodoverride", "xmethodoverride"])

const HEADERS = ["x-http-method-override", "x-http-method", "x-method-override", "method-override"]
const JOINED = HEADERS.flatMap(headerSpellings)

export const METHOD_IN_HEADER: Denial = { reason: "target_ambiguous", what: "a header asks for another method" }
export const METHOD_IN_ARGUMENT: Denial = { reason: "target_ambiguous", what: "an argument asks for another method" }
export const METHOD_MAY_BE_IN_BODY: Denial = {
  reason: "target_ambiguous",
  what: "its body has a charset or names that readers differ on, or more of them than are searched, and may ask for another method",
}

export function isOtherMethodInHeaders(method: string, headers: Pick<Headers, "get">): boolean {
  return JOINED.some((name) => {
    const value = headers.get(name)
    return value !== null && !isMethod(value, method)
  })
}

export function asksForOtherMethod(name: string, value: unknown, method: string): boolean {
  return asksForMethod(name) && !isMethod(value, method)
}

export function asksForMethod(name: string): boolean {
  if (!mayAskForMethod(name) || lettersOf(name)?.includes("METHOD") === false) return false
  return readingsOf(name)?.some((reading) => ARGUMENTS.has(reading)) ?? true
}

/** Excludes most names cheaply: a name in ASCII that some reader takes for one of `ARGUMENTS` contains this word. */
export function mayAskForMethod(name: string): boolean {
  return HINT.test(name)
}
// oxlint-disable-next-line no-control-regex -- what is no ASCII
const HINT = /m[_-]*e[_-]*t[_-]*h[_-]*o[_-]*d|[^\x00-\x7f]/i

export function isMethod(value: unknown, method: string): boolean {
  return typeof value === "string" && value.toUpperCase() === method
}
