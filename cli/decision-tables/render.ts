/** Results of tests for people: place, expectation, decision, and the rules that determined it. */
import { join } from "node:path"
import { factsAt } from "../../src/core/record/record-facts.ts"
import type { Bundle } from "../../src/core/policy/assemble.ts"
import type { PolicyAnswer } from "../../src/core/policy/cedar/engine.ts"
import { isNode } from "../../src/core/policy/cedar/est.ts"
import { actionRef, toolRef } from "../../src/core/policy/principals.ts"
import { colors } from "../terminal/colors.ts"
import { escaped } from "../terminal/escape.ts"
import type { WrittenRule } from "../compiler/rules/source-rules.ts"
import type { Got } from "./expect.ts"
import type { Mutant } from "./mutants.ts"
import type { Mutation } from "./mutate.ts"
import type { Disagreement } from "./cedar-oracle.ts"
import { placeOfCondition, placeOfRule, type RulePlace } from "./rule-position.ts"
import type { Expected } from "./scene.ts"
import { ALLOW } from "./schema.ts"
import { passes, type SuiteResult, type Suite } from "./suite.ts"

export function tellFailure(directory: string, outcome: SuiteResult, bundle: Bundle): string {
  const { of, got, differs, disagreements } = outcome
  const place = colors.bold(`${join(directory, of.file)}:${of.line}:${of.column}`)
  const facts = Object.entries(factsRead(outcome, bundle)).map(([name, value]) => `${name} = ${valueText(value)}`)
  const lines: readonly (readonly [string, string])[] = [
    ...(differs.length > 0
      ? ([
          ["expected", tellExpected(of.expected)],
          ["got", tellGot(got, of.expected)],
        ] as const)
      : []),
    ...(facts.length > 0 && differs.length > 0 ? ([["read", facts.join(", ")]] as const) : []),
    ...disagreements.map((one) => ["engines", tellDisagreement(one)] as const),
  ]
  const rendered = lines.map(([name, text]) => `  ${colors.dim(name.padEnd(9))} ${text}`)
  return [`${place} ${colors.red("failed")}: ${escaped(of.name)}`, ...rendered, ""].join("\n")
}

function tellExpected({ decision, scope, rules, reason, principal, with: shows }: Expected): string {
  return [
    decision + (reason === null ? "" : ` (${reason})`),
    ...(scope ? [`of ${listed(scope)}`] : []),
    ...(rules ? [`by ${listed(rules)}`] : []),
    ...(principal === null ? [] : [`for ${principal}`]),
    ...membersOf(shows ?? {}),
  ].join(" ")
}

function tellGot(got: Got, expected: Expected): string {
  const { decision, scope, rules, reason, principal, shown: shows, unasked } = got
  // The first line has shown the principal and the rules already.
  const { principal: _principal, rules: _rules, ...others } = shows
  const text = [
    decision + (reason === null ? "" : ` (${reason})`),
    ...(expected.scope || scope.length > 0 ? [`of ${listed(scope)}`] : []),
    ...(rules.length > 0 || (expected.rules && unasked === null) ? [`by ${listed(rules)}`] : []),
    ...(principal === null ? [] : [`for ${principal}`]),
    ...membersOf(others),
  ].join(" ")
  return unasked === null ? text : `${unasked}: ${text}`
}

function tellDisagreement({ principal, action, resource, ours, official }: Disagreement): string {
  const question = `${principal} ${action} ${resource}`
  return `differ on ${escaped(question)}: here ${tellAnswer(ours)}; the official engine says ${tellAnswer(official)}`
}

function tellAnswer({ allowed, determining, erring }: PolicyAnswer): string {
  const failing = erring.length === 0 ? "" : `, erring ${listed(erring)}`
  return `${allowed ? ALLOW : "deny"} by ${listed(determining)}${failing}`
}

const listed = (words: readonly string[]): string => (words.length === 0 ? "none" : words.join(", "))

const membersOf = (members: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.entries(members).map(
    ([name, value]) => `${name}: ${name === "lacking" ? tellLacking(value) : valueText(value)}`,
  )

/** Which caps kept tools out of a task, and how many. */
function tellLacking(lacking: unknown): string {
  const caps = Object.values(isNode(lacking) ? lacking : {}).map((by) =>
    isNode(by) ? `${String(by.cap)} of ${String(by.of)}` : "",
  )
  const counts = [...Map.groupBy(caps, (cap) => cap)].map(([cap, tools]) => `${tools.length} by ${cap}`)
  return escaped(counts.join(", ") || "none")
}

const valueText = (value: unknown): string => (value === null ? "absent" : escaped(JSON.stringify(value), 200))

/** What the deciding and the expected rules read; if they read nothing, what all rules about the tool read. */
function factsRead(
  { of, result }: SuiteResult,
  { engine, catalog, entities }: Bundle,
): Readonly<Record<string, unknown>> {
  if (result.kind !== "decided" || !result.evidence.context || result.tool === null) return {}
  const { rules, context } = result.evidence
  const tool = catalog.tools.get(result.tool)
  if (!tool) return {}
  const named = [...new Set([...rules, ...(of.expected.rules ?? [])])].flatMap((id) => engine.rule(id) ?? [])
  const paths = pathsOf(
    named.flatMap(({ reads }) => reads),
    named.flatMap(({ facts = [] }) => facts),
  )
  const about = [actionRef(tool.action), toolRef(tool.name), entities] as const
  return factsAt(context, paths.size > 0 ? paths : pathsOf(engine.readsFor(...about), engine.factsFor(...about)))
}

/** Path within the context. */
function pathsOf(reads: Iterable<string>, facts: Iterable<string>): ReadonlySet<string> {
  return new Set([...facts, ...Array.from(reads, (name) => (name === "*" ? "arguments" : `arguments.${name}`))])
}

export interface CoveredRule extends RulePlace {
  readonly rule: string
  /** The rule determined a decision in some test. */
  readonly determined: boolean
}

/** In the order of the files. */
export function coverageOf({ determining }: Suite, written: ReadonlyMap<string, WrittenRule>): readonly CoveredRule[] {
  return Array.from(written, ([rule, one]) => ({ rule, ...placeOfRule(one), determined: determining.has(rule) }))
}

/** Percent, rounded down: 100 means all. */
export function percentOf(covered: readonly CoveredRule[]): number {
  const determined = covered.filter((each) => each.determined).length
  return covered.length === 0 ? 100 : Math.floor((determined * 100) / covered.length)
}

export function tellCoverage(directory: string, covered: readonly CoveredRule[]): string {
  const places = covered.map(({ file, line }) => `${join(directory, file)}:${line}`)
  const width = Math.max(0, ...places.map(({ length }) => length))
  const lines = covered.map(({ rule, determined }, index) => {
    const word = determined ? "tested" : colors.yellow("never ")
    return `  ${(places[index] ?? "").padEnd(width)}  ${word}  ${rule}`
  })
  return ["rules that determined a decision:", ...lines, ""].join("\n")
}

export function tellSuite(directory: string, { outcomes, unput }: Suite, covered: readonly CoveredRule[]): string {
  const failed = outcomes.filter((outcome) => !passes(outcome)).length
  const tests = `${outcomes.length} ${outcomes.length === 1 ? "test" : "tests"}`
  const determined = covered.filter((each) => each.determined).length
  const rules = `${determined} of ${covered.length} rules determined a decision (${percentOf(covered)} %)`
  const result = failed === 0 ? `${tests} passed` : `${failed} of ${tests} failed`
  const others = unput === 0 ? "" : `; ${unput} questions could not be put to the official engine`
  return (failed === 0 ? colors.green : colors.red)(`${directory}: ${result}; ${rules}${others}`)
}

export interface Survivor extends RulePlace {
  readonly rule: string
  readonly what: string
}

export function survivorsOf({ survivors }: Mutation, written: ReadonlyMap<string, WrittenRule>): readonly Survivor[] {
  return survivors.flatMap(({ rule, what, condition }: Mutant) => {
    const one = written.get(rule)
    if (!one) return []
    return [{ rule, what, ...(condition === null ? placeOfRule(one) : placeOfCondition(one, condition)) }]
  })
}

export function tellMutation(directory: string, { mutants }: Mutation, survivors: readonly Survivor[]): string {
  const lines = survivors.map(({ rule, what, file, line }) => {
    return `${colors.bold(`${join(directory, file)}:${line}`)} ${colors.red("unnoticed")}: ${rule}: ${what}`
  })
  const noticed = `${directory}: ${mutants - survivors.length} of ${mutants} broken rules noticed`
  return [...lines, (survivors.length === 0 ? colors.green : colors.red)(noticed)].join("\n")
}
