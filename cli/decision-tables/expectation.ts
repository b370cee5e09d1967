/** What a test expects, and whether its query could have that result at all. */
import { CODES } from "../../src/core/denials/terms/code.ts"
import { DENIALS } from "../../src/core/denials/denial.ts"
import { OAUTH_ERRORS } from "../../src/core/denials/oauth-error.ts"
import { OAUTH_CODES } from "../../src/core/denials/oauth/reason.ts"
import { userId } from "../../src/core/policy/principals.ts"
import { entity } from "../../src/core/policy/cedar/values/value.ts"
import { suggest } from "../../src/core/encoding/nearest.ts"
import type { Path } from "../compiler/source/source.ts"
import type { Layers, LayerResult } from "./layers.ts"
import type { TestQuery, Scene, Expected } from "./scene.ts"
import { ALLOW, type ExpectedText } from "./schema.ts"

/** For a call that is described by nothing else. */
export const ALLOWED: Expected = {
  decision: ALLOW,
  scope: null,
  rules: null,
  reason: null,
  principal: null,
  with: null,
}

/** How queries of a kind are denied. */
interface Refusals {
  readonly codes: readonly string[]
  /** Code by reason. */
  readonly reasons: ReadonlyMap<string, string>
  readonly never: string
}

const OF_CALLS: Refusals = {
  codes: Object.keys(CODES),
  reasons: new Map(Object.entries(DENIALS).map(([reason, { code }]) => [reason, code])),
  never: "a call is not denied",
}
const OF_OPENINGS: Refusals = {
  codes: Object.keys(OAUTH_CODES),
  reasons: new Map(Object.entries(OAUTH_ERRORS).map(([reason, { error }]) => [reason, error])),
  never: "a task is not refused",
}

/** The parties of a query; of a call only its agent and user matter. */
export type AskedOf = Exclude<TestQuery, { readonly kind: "call" }> | CallOf
interface CallOf {
  readonly kind: "call"
  readonly scene: Pick<Scene, "user" | "chain">
}

/** @param names rules of the bundle, by `@id` */
export function readExpected(layers: Layers, question: TestQuery, names: ReadonlySet<string>): Expected {
  const expected = layers.need("expect", "nothing is expected", "Write `allow`, or the code of the denial.")
  return readExpectation(layers, expected, question, names)
}

export function readExpectation(
  layers: Layers,
  { value, path }: LayerResult<ExpectedText>,
  question: AskedOf,
  names: ReadonlySet<string>,
): Expected {
  const { deny, scope, rules, reason, principal, with: more } = value
  const isOpening = question.kind === "open"
  const { codes, reasons, never } = isOpening ? OF_OPENINGS : OF_CALLS
  if (deny !== undefined && !codes.includes(deny)) {
    layers.fault(path, `${never} with \`${deny}\``, suggest(deny, codes, "Write another code."))
  }
  if (reason !== undefined && reasons.get(reason) !== deny) {
    const fitting = [...reasons].flatMap(([one, code]) => (code === deny ? [one] : []))
    const fix = suggest(reason, fitting, "Write a reason of this code.")
    layers.fault([...path, "reason"], `\`${reason}\` is no reason for \`${deny}\``, fix)
  }
  if (isOpening ? (rules ?? principal) !== undefined : scope !== undefined) {
    const what = isOpening ? "rules and principal are of a call" : "a scope is of a task that is opened"
    layers.fault(path, what, "Remove it, or ask another question.")
  }
  for (const [index, rule] of rules?.entries() ?? []) {
    if (names.has(rule)) continue
    const fix = suggest(rule, names, "Write the @id of a rule.")
    layers.fault([...path, "rules", index], `there is no rule \`${rule}\``, fix)
  }
  return {
    decision: deny ?? ALLOW,
    scope: scope ?? null,
    rules: rules?.toSorted() ?? null,
    reason: reason ?? null,
    principal: principal === undefined ? null : readPrincipal(layers, principal, question, [...path, "principal"]),
    with: more ?? null,
  }
}

function readPrincipal(layers: Layers, word: string, question: AskedOf, path: Path): string {
  if (question.kind === "manage") {
    if (word !== "operator") layers.fault(path, "the query is of an operator", "Write `operator`.")
    return entity("Operator", userId(question.operator)).key
  }
  const { user, chain } = question.scene
  if (word === "user" && user) return entity("User", userId(user)).key
  if (chain.some(({ agent }) => agent === word)) return entity("Agent", word).key
  const fix = "Write `user`, or an agent of the chain."
  return layers.fault(path, `\`${word}\` is nobody whose permission the call needs`, fix)
}
