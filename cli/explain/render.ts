/**
 * An explanation for people: which rule permitted whom, who was not permitted and why, and what would have changed the
 * result.
 */
import { colors } from "../terminal/colors.ts"
import { printableText } from "../terminal/escape.ts"
import { placeOfCondition, placeOfRule } from "../decision-tables/rule-position.ts"
import type { WrittenRule } from "../compiler/rules/source-rules.ts"
import type { Nearest } from "../../src/core/explanation/nearest-change.ts"
import type { PrincipalSeen, RuleSeen } from "../../src/core/explanation/rule-outcomes.ts"

export interface Explained {
  readonly principals: readonly PrincipalSeen[]
  /** What rules about the tool read, by its name in the context. */
  readonly read: Readonly<Record<string, unknown>>
  readonly nearest: readonly Nearest[]
  readonly allowed: boolean
}

/** The places of rules, if their text here is what it was. */
export interface Places {
  readonly directory: string
  readonly written: ReadonlyMap<string, WrittenRule>
}

export function explanationText({ principals, read, nearest, allowed }: Explained, places: Places | null): string {
  const lines = principals.flatMap((one) => principalText(one, places))
  const facts = Object.entries(read).map(([name, value]) => printableText(`${name} = ${JSON.stringify(value)}`))
  const reading = facts.length > 0 ? [`  ${colors.dim("read")}  ${facts.join(", ")}`] : []
  return [...lines, ...reading, ...nearestText(nearest, allowed)].join("\n")
}

function principalText({ principal, allowed, rules }: PrincipalSeen, places: Places | null): readonly string[] {
  const verdict = allowed ? colors.green("permitted") : colors.red("not permitted")
  return [
    `  ${verdict.padEnd(allowed ? 9 : 13)}  ${printableText(principal)}`,
    ...telling(rules, allowed).map((rule) => `    ${ruleText(rule, places)}`),
  ]
}

/** What decided. If nothing permitted: every permit that could have, and why it did not. */
function telling(rules: readonly RuleSeen[], allowed: boolean): readonly RuleSeen[] {
  const decided = rules.filter(({ determined }) => determined)
  const erring = rules.filter(({ outcome, determined }) => outcome === "errs" && !determined)
  if (allowed || decided.length > 0) return [...decided, ...erring]
  return rules.filter(({ effect }) => effect === "permit")
}

function ruleText(rule: RuleSeen, places: Places | null): string {
  const { id, effect, outcome, at, remedy, message } = rule
  const lift = remedy === null ? "" : `, lifted by ${remedy}`
  const says = message === null ? "" : `, which says: ${printableText(message)}`
  return `${effect === "permit" ? colors.green(effect) : colors.red(effect)} ${id} ${WORDS[outcome]}${placeOf(id, at, places)}${lift}${says}`
}

const WORDS = { holds: "holds", fails: "does not hold", errs: "errs", "is about others": "is about others" } as const

function placeOf(id: string, at: number | null, places: Places | null): string {
  const written = places?.written.get(id)
  if (!places || !written) return at === null ? "" : ` at its condition ${at + 1}`
  const { file, line } = at === null ? placeOfRule(written) : placeOfCondition(written, at)
  return `: ${places.directory}/${file}:${line}`
}

function nearestText(nearest: readonly Nearest[], allowed: boolean): readonly string[] {
  const head = `  ${colors.dim(allowed ? "it would be denied" : "it would be permitted")}`
  if (nearest.length === 0) return [`${head} by no one or two changes of what the rules compare`]
  return [head, ...nearest.map(({ changes }) => `    ${colors.cyan("≈")} ${changes.map(printableText).join(" and ")}`)]
}
