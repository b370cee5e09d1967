/**
 * A rule in Cedar's JSON policy format with all digits of its integers. The official engine returns JSON numbers, which
 * JavaScript rounds beyond 2^53. So longer integers are replaced by strings that occur nowhere else in the rule, and
 * replaced again by longs afterwards. A string may stand wherever an integer may in Cedar's grammar, and nothing is
 * evaluated or typed here.
 */
import type { PolicyToJsonAnswer } from "@cedar-policy/cedar-wasm/nodejs"
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { longLiteral } from "../source/exact-json.ts"
import { policyToJson, templateToJson } from "../source/official-engine.ts"

export type ExactRule =
  | Extract<PolicyToJsonAnswer, { type: "failure" }>
  | { readonly type: "success"; readonly json: Readonly<Record<string, unknown>> }

/** Comments, strings, names, integers: everything that digits could belong to. */
const TOKEN = /\/\/[^\n\r]*|"(?:[^"\\]|\\.)*"|[A-Za-z_]\w*|\d+/gs

export function ruleToJson(text: string, kind: "policy" | "template"): ExactRule {
  const toJson = kind === "policy" ? policyToJson : templateToJson
  const rounded = toJson(text)
  if (rounded.type === "failure") return rounded
  if (!longIntegers(text)) return { type: "success", json: { ...rounded.json } }
  const mark = markFor(JSON.stringify(rounded.json))
  const marked = toJson(text.replaceAll(TOKEN, (token) => (isLong(token) ? `"${mark}${token}"` : token)))
  if (marked.type === "failure") throw new Error(`an integer was mistaken in ${text}`)
  const json = withLongs(marked.json, mark)
  if (!isNode(json)) throw new Error(`no rule came of ${text}`)
  return { type: "success", json }
}

function longIntegers(text: string): boolean {
  return Array.from(text.matchAll(TOKEN)).some(([token]) => isLong(token))
}

function isLong(token: string): boolean {
  return /^\d/.test(token) && !Number.isSafeInteger(Number(token))
}

function markFor(rule: string): string {
  let mark = "long "
  while (rule.includes(mark)) mark += " "
  return mark
}

/** 2^63, which is an integer only after a minus. */
const BEYOND = "9223372036854775808"

function withLongs(json: unknown, mark: string): unknown {
  if (Array.isArray(json)) return json.map((item) => withLongs(item, mark))
  if (!isNode(json)) return json
  const digits = digitsOf(json, mark)
  if (digits !== undefined) return { Value: longLiteral(digits) }
  const negated = isNode(json.neg) && isNode(json.neg.arg) ? digitsOf(json.neg.arg, mark) : undefined
  if (negated !== undefined && BigInt(negated) === BigInt(BEYOND)) return { Value: longLiteral(`-${BEYOND}`) }
  return Object.fromEntries(Object.entries(json).map(([name, item]) => [name, withLongs(item, mark)]))
}

function digitsOf(json: Readonly<Record<string, unknown>>, mark: string): string | undefined {
  const { Value: value } = json
  return typeof value === "string" && value.startsWith(mark)
    ? value.slice(mark.length).replace(/^0+(?=\d)/, "")
    : undefined
}
