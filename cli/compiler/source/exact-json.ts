/**
 * JSON without rounding. Cedar's integers have 64 bits, and JavaScript's parser keeps 53 of them: a longer integer
 * becomes `{"__extn": {"fn": "long", "arg": "<digits>"}}`, the form in which a bundle carries it
 * (src/core/policy/cedar/values/cedar-json.ts).
 */
import type { CedarValueJson } from "@cedar-policy/cedar-wasm/nodejs"
import { LONG } from "../../../src/core/policy/cedar/values/cedar-json.ts"
import { isNode } from "../../../src/core/policy/cedar/est.ts"

// In Node since 21 (ECMAScript proposal "JSON.parse source text access"), not yet in TypeScript's library.
declare global {
  interface JSON {
    rawJSON(text: string): Raw
  }
}
type Raw = { readonly rawJSON: string }

export function longLiteral(digits: string): { readonly __extn: { readonly fn: string; readonly arg: string } } {
  return { __extn: { fn: LONG, arg: digits } }
}

/** What the reviver receives beyond TypeScript's library: the text of a number. */
type NumberSource = readonly { readonly source?: string }[]

export function parseExactly(text: string): unknown {
  return JSON.parse(text, (_key, value: unknown, ...[context]: NumberSource) => {
    const rounded = typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(context?.source ?? "")
    return rounded ? longLiteral(context?.source ?? "") : value
  })
}

/** For the official engine, which serializes its input with `JSON.stringify`. */
export function toOfficial(value: unknown): CedarValueJson {
  if (Array.isArray(value)) return value.map(toOfficial)
  if (isNode(value)) {
    const { __extn: call } = value
    if (isNode(call) && call.fn === LONG && typeof call.arg === "string") return JSON.rawJSON(call.arg)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, toOfficial(member)]))
  }
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null
}
