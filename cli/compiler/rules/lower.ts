/**
 * Makes rules for the Worker of `*.cedar`. The official engine parses, validates and lowers them; then the Worker's own
 * evaluator compiles them once, so that what it would reject is found when the bundle is built. All problems of all
 * files are reported together; `rules` is complete only if no problem is an error.
 */
import type { DetailedError, ValidationError } from "@cedar-policy/cedar-wasm/nodejs"
import { Rule } from "../../../src/core/policy/cedar/compile.ts"
import { UnsupportedOperator, isNode } from "../../../src/core/policy/cedar/est.ts"
import { isMessage, MAX_MESSAGE } from "../../../src/core/policy/cedar/message.ts"
import { parseRemedy } from "../../../src/core/policy/cedar/remedy.ts"
import type { LoweredRule } from "../../../src/core/policy/cedar/lowered.ts"
import { ruleToJson } from "./exact-rule.ts"
import { type Link, linked, slotsOf } from "./link-template.ts"
import { type CedarFile, type RulePosition, PREAMBLE, locate, problemAt, wholeOf } from "./rule-position.ts"
import { checkParseSchema, policySetTextToParts, validate } from "../source/official-engine.ts"
import { positionAt } from "../source/position.ts"
import type { Problem } from "../source/problem.ts"
import { readsOf } from "./context-reads.ts"
import { MEND_TYPES, syntaxMend } from "./mends.ts"
import { isAboutUndeclared, undeclaredArguments } from "./undeclared-arguments.ts"
import type { LinksFile } from "../schema/links.ts"
import type { Source as Parsed } from "../source/source.ts"
import { splitRules } from "./split-rules.ts"
import { officialSet, type WrittenRule } from "./source-rules.ts"

export interface Lowered {
  readonly rules: readonly LoweredRule[]
  /** The same, by `@id`. */
  readonly written: ReadonlyMap<string, WrittenRule>
  /** Where each of `rules` comes from, in their order. */
  readonly placed: readonly PlacedRule[]
  readonly problems: readonly Problem[]
}

/** A rule, and its origin: a place in a file of rules, or a link. */
export interface PlacedRule {
  readonly rule: LoweredJson
  readonly from: RulePosition | PlacedLink
}

const SCHEMA_FILE = "schema.cedarschema"

/** @param links fills templates; absent if unknown, and then no link is reported as missing */
export function lower(files: readonly CedarFile[], schemaText: string, links?: Parsed<LinksFile>): Lowered {
  const schema: CedarFile = { path: SCHEMA_FILE, text: schemaText }
  const problems = [...checkSchema(schema)]
  const schemaParses = problems.length === 0
  const found: LoweredPolicies = { placed: [], templates: new Map(), places: new Map(), links: [] }
  for (const file of files) problems.push(...lowerFile(file, found))
  if (links !== undefined) {
    for (const [index, link] of links.value.links.entries()) problems.push(...lowerLink({ link, index, links }, found))
    problems.push(...checkUnused(found, links.value))
  }
  const written = writtenOf(found)
  if (schemaParses) problems.push(...checkTypes(found, written, schema))
  const { placed } = found
  const rules = placed.map(({ rule }) => rule)
  return { rules, written, placed, problems: inReadingOrder(problems, [schema, ...files]) }
}

interface LoweredPolicies {
  readonly placed: PlacedRule[]
  /** By `@id`. */
  readonly templates: Map<string, LoweredJson>
  /** Rules and templates, by `@id`. */
  readonly places: Map<string, RulePosition>
  /** Links of which a rule was made. */
  readonly links: PlacedLink[]
}

function writtenOf({ placed, places, links }: LoweredPolicies): ReadonlyMap<string, WrittenRule> {
  const linkOf = new Map(links.map(({ link }) => [link.id, link]))
  const written = placed.flatMap(({ rule: { id } }): [string, WrittenRule][] => {
    const link = linkOf.get(id) ?? null
    const place = places.get(link?.template ?? id)
    return place ? [[id, { id, place, link }]] : []
  })
  return new Map(written)
}

function lowerFile(file: CedarFile, found: LoweredPolicies): readonly Problem[] {
  const parts = policySetTextToParts(file.text)
  if (parts.type === "failure") return locate(parts.errors, wholeOf(file), syntaxMend(parts.errors, file.text))
  const sources = splitRules(file.text)
  const expected = [...parts.policies, ...parts.policy_templates].toSorted()
  if (
    sources
      .map((source) => source.text)
      .toSorted()
      .join() !== expected.join()
  )
    throw new Error(`${file.path} was split otherwise than the parser does`)
  const templates = new Set(parts.policy_templates)
  return sources.flatMap((source) => {
    const place = { file, source }
    const rule = lowerRule(place, templates.has(source.text) ? "template" : "policy", found.places)
    if (!("id" in rule)) return rule
    found.places.set(rule.id, place)
    if (templates.has(source.text)) {
      found.templates.set(rule.id, rule)
      return []
    }
    found.placed.push({ rule, from: place })
    return checkEdge(rule, place)
  })
}

export interface PlacedLink {
  readonly link: Link
  readonly index: number
  readonly links: Parsed<LinksFile>
}

function lowerLink(placed: PlacedLink, found: LoweredPolicies): readonly Problem[] {
  const { link, index, links } = placed
  const at = (key: string, message: string, fix: string) => [links.error(["links", index, key], message, fix)]
  const template = found.templates.get(link.template)
  if (!RULE_ID.test(link.id)) return at("id", "this is no name", "use letters, digits, and . _ : / - only")
  if (found.places.has(link.id) || found.links.some((other) => other.link.id === link.id))
    return at("id", `"${link.id}" names another rule too`, "give it an id of its own")
  if (template === undefined)
    return at(
      "template",
      `there is no template "${link.template}"`,
      'write the @id of a rule with "?principal" or "?resource"',
    )
  const slots = slotsOf(template.policy)
  for (const part of ["principal", "resource"] as const) {
    if (slots.includes(part) === (link[part] !== undefined)) continue
    const has = slots.includes(part) ? "has" : "has no"
    return at(
      part,
      `template "${link.template}" ${has} ?${part}`,
      `${slots.includes(part) ? "add" : "remove"} \`${part}\``,
    )
  }
  const { policy, ...rest } = template
  const rule = { ...rest, id: link.id, policy: linked(policy, link) }
  found.placed.push({ rule, from: placed })
  found.links.push(placed)
  const place = found.places.get(link.template)
  return place === undefined ? [] : checkEdge(rule, place)
}

/** A `forbid` whose slots were never filled forbids nothing. */
function checkUnused({ templates, places }: LoweredPolicies, { links }: LinksFile): readonly Problem[] {
  const used = new Set(links.map((link) => link.template))
  return [...templates.keys()].flatMap((id): Problem[] => {
    const place = places.get(id)
    if (used.has(id) || place === undefined) return []
    const message = `template "${id}" has no link, so it makes no rule`
    const problem = problemAt(place, message, "add one to links.yaml, or remove the template")
    return [{ ...problem, severity: "warning", lint: "unlinked-template" }]
  })
}

/** links.yaml, which refers to the rules, comes last. */
function inReadingOrder(problems: readonly Problem[], files: readonly CedarFile[]): readonly Problem[] {
  const rank = new Map(files.map((file, index) => [file.path, index]))
  return problems.toSorted(
    (a, b) =>
      (rank.get(a.file) ?? rank.size) - (rank.get(b.file) ?? rank.size) || a.line - b.line || a.column - b.column,
  )
}

function checkSchema(schema: CedarFile): readonly Problem[] {
  const answer = checkParseSchema(schema.text)
  if (answer.type === "success") return []
  return locate(answer.errors, wholeOf(schema), "correct the schema")
}

export type LoweredJson = LoweredRule & { readonly policy: Readonly<Record<string, unknown>> }

function lowerRule(
  place: RulePosition,
  kind: "policy" | "template",
  taken: ReadonlyMap<string, RulePosition>,
): LoweredJson | readonly Problem[] {
  const answer = ruleToJson(place.source.text, kind)
  if (answer.type === "failure") return locate(answer.errors, place, "correct the rule")
  const { json } = answer
  const { id, remedy, message } = isNode(json.annotations) ? json.annotations : {}
  if (typeof id !== "string") return [problemAt(place, "the rule has no @id", 'write @id("…") before it')]
  if (!RULE_ID.test(id)) {
    return [problemAt(place, `@id(${JSON.stringify(id)}) is no name`, "use letters, digits, and . _ : / - only")]
  }
  const other = taken.get(id)
  if (other !== undefined) {
    const { line } = positionAt(other.file.text, other.source.offset)
    return [
      problemAt(place, `@id("${id}") names the rule at ${other.file.path}:${line} too`, "give it an @id of its own"),
    ]
  }
  const { reads, members, facts } = readsOf(json)
  const inner = members.length > 0 && { members }
  const forbids = json.effect === "forbid"
  if (message !== undefined && !(forbids && typeof message === "string" && isMessage(message))) {
    const fault = forbids ? "cannot be shown to agents" : "is never shown: a permit denies no call"
    const fix = forbids
      ? `write a sentence of at most ${MAX_MESSAGE} characters on one line`
      : "remove it, or write it on the forbid that denies calls"
    return [problemAt(place, `@message of rule "${id}" ${fault}`, fix)]
  }
  const said = typeof message === "string" && { message }
  const rule = { id, policy: json, reads, ...inner, ...(facts.length > 0 && { facts }), ...said }
  if (remedy === undefined) return rule
  if (forbids && typeof remedy === "string" && parseRemedy(remedy)) return { ...rule, remedy }
  return [
    problemAt(
      place,
      forbids ? `@remedy of rule "${id}" is unknown` : `@remedy of rule "${id}" lifts nothing`,
      'write @remedy("step-up:<acr>"), ("step-up:<acr>;max_age=<seconds>"), ("bound-key") or ("approval:<who>") on a forbid … unless',
    ),
  ]
}

/** Ids appear in records, headers and terminals: no space, quote or control character. */
const RULE_ID = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/

function checkEdge(rule: LoweredRule, place: RulePosition): readonly Problem[] {
  try {
    const read = new Rule(rule)
    void read.scope
    read.compile()
    return []
  } catch (error) {
    if (!(error instanceof UnsupportedOperator)) throw error
    return [problemAt(place, error.message, `write rule "${rule.id}" without ${error.operator}`)]
  }
}

function checkTypes(
  { places, templates, links, placed }: LoweredPolicies,
  written: ReadonlyMap<string, WrittenRule>,
  schema: CedarFile,
): readonly Problem[] {
  const texts = [...places].map(([id, place]) => [id, place.source.text] as const)
  const answer = validate({
    schema: schema.text,
    // Including templates without a link.
    policies: {
      ...officialSet(written.values()),
      templates: Object.fromEntries(texts.filter(([id]) => templates.has(id))),
    },
    validationSettings: { mode: "strict" },
  })
  if (answer.type === "failure") return locate(answer.errors, wholeOf(schema), "correct the schema")
  const lowered = new Map([...placed.map(({ rule }) => [rule.id, rule] as const), ...templates])
  const findUndeclared = undeclaredArguments(schema.text)
  const undeclared = new Map(
    [...places].map(([id, place]) => {
      const rule = lowered.get(id)
      return [id, rule ? findUndeclared(rule, place) : []] as const
    }),
  )
  const templateOf = new Map(links.map(({ link }) => [link.id, link.template]))
  const located = (errors: readonly ValidationError[], severity: Problem["severity"]) =>
    errors.flatMap(({ policyId, error }) => {
      const isReported = (undeclared.get(templateOf.get(policyId) ?? policyId) ?? []).length > 0
      if (isReported && isAboutUndeclared(error.message)) return []
      const place = places.get(policyId)
      if (place !== undefined) return locate([error], place, MEND_TYPES, severity).map(named)
      return links.filter(({ link }) => link.id === policyId).map((one) => atLink(one, error, severity))
    })
  return [
    ...[...undeclared.values()].flat(),
    ...located(answer.validationErrors, "error"),
    ...located(answer.validationWarnings, "warning"),
    ...locate(answer.otherWarnings, wholeOf(schema), "correct the schema", "warning").map(named),
  ]
}

/** All warnings of the official engine have one name. */
function named(problem: Problem): Problem {
  return problem.severity === "warning" ? { ...problem, lint: "cedar" } : problem
}

function atLink({ link, index, links }: PlacedLink, error: DetailedError, severity: Problem["severity"]): Problem {
  const message = `rule "${link.id}": ${error.message.replace(PREAMBLE, "")}`
  return named({ ...links.error(["links", index], message, error.help ?? MEND_TYPES), severity })
}
