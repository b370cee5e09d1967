/**
 * `*.cedar` → rules for the edge: parsed, validated and lowered by the official engine, then compiled once by the
 * edge's own evaluator, so that what it would refuse at the edge is found when the bundle is built.
 * All problems of all files are reported together; `rules` is complete only where no problem is an error.
 */
import {
  type DetailedError,
  type ValidationError,
  checkParseSchema,
  policySetTextToParts,
  policyToJson,
  validate,
} from "@cedar-policy/cedar-wasm/nodejs"
import { compileRule } from "../../src/policy/compile.ts"
import { UnsupportedOperator } from "../../src/policy/est.ts"
import { parseRemedy } from "../../src/policy/remedy.ts"
import type { LoweredRule } from "../../src/policy/lowered.ts"
import { positionAt, unitsOfBytes } from "./position.ts"
import type { Problem } from "./problem.ts"
import { readsOf } from "./reads.ts"
import { type Source, splitRules } from "./split.ts"

export interface CedarFile {
  /** As it shall appear in problems. */
  readonly path: string
  readonly text: string
}

export interface Lowered {
  readonly rules: readonly LoweredRule[]
  readonly problems: readonly Problem[]
}

const SCHEMA_FILE = "schema.cedarschema"

export function lower(files: readonly CedarFile[], schemaText: string): Lowered {
  const schema: CedarFile = { path: SCHEMA_FILE, text: schemaText }
  const problems = [...checkSchema(schema)]
  const schemaParses = problems.length === 0
  const rules: LoweredRule[] = []
  const places = new Map<string, Place>()
  for (const file of files) {
    const syntax = checkSyntax(file)
    problems.push(...syntax)
    if (syntax.length > 0) continue
    for (const source of splitRules(file.text)) {
      const place = { file, source }
      const rule = lowerRule(place, places)
      if (!("id" in rule)) {
        problems.push(...rule)
        continue
      }
      places.set(rule.id, place)
      rules.push(rule)
      problems.push(...checkEdge(rule, place))
    }
  }
  if (schemaParses) problems.push(...checkTypes(places, schema))
  return { rules, problems: inReadingOrder(problems, [schema, ...files]) }
}

function inReadingOrder(problems: readonly Problem[], files: readonly CedarFile[]): readonly Problem[] {
  const rank = new Map(files.map((file, index) => [file.path, index]))
  return problems.toSorted(
    (a, b) => (rank.get(a.file) ?? 0) - (rank.get(b.file) ?? 0) || a.line - b.line || a.column - b.column,
  )
}

/** Where a rule stands. */
interface Place {
  readonly file: CedarFile
  readonly source: Source
}

function checkSchema(schema: CedarFile): readonly Problem[] {
  const answer = checkParseSchema(schema.text)
  if (answer.type === "success") return []
  return locate(answer.errors, wholeOf(schema), "correct the schema")
}

/** A template parses, but is no rule: lowering refuses it at its own place. */
function checkSyntax(file: CedarFile): readonly Problem[] {
  const answer = policySetTextToParts(file.text)
  if (answer.type === "failure") return locate(answer.errors, wholeOf(file), "correct the syntax")
  const found = splitRules(file.text).map((source) => source.text)
  const expected = [...answer.policies, ...answer.policy_templates]
  if (found.toSorted().join() !== expected.toSorted().join())
    throw new Error(`${file.path} was split otherwise than the parser does`)
  return []
}

function lowerRule(place: Place, taken: ReadonlyMap<string, Place>): LoweredRule | readonly Problem[] {
  const answer = policyToJson(place.source.text)
  if (answer.type === "failure") return locate(answer.errors, place, "write the rule without it")
  const { annotations, effect } = answer.json
  const id: string | null | undefined = annotations?.id
  if (id === undefined || id === null) return [problemAt(place, "the rule has no @id", 'write @id("…") before it')]
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
  const remedy: string | null | undefined = annotations?.remedy
  const rule = { id, policy: answer.json, reads: readsOf(answer.json) }
  if (remedy === undefined) return rule
  if (effect === "forbid" && remedy !== null && parseRemedy(remedy)) return { ...rule, remedy }
  return [
    problemAt(
      place,
      effect === "forbid" ? `@remedy of rule "${id}" is none that there is` : `@remedy of rule "${id}" lifts nothing`,
      'write @remedy("step-up:<acr>"), ("step-up:<acr>;max_age=<seconds>") or ("approval:<who>") on a forbid … unless',
    ),
  ]
}

/** Ids go into records, headers and terminals: no space, quote or control character. */
const RULE_ID = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/

function checkEdge(rule: LoweredRule, place: Place): readonly Problem[] {
  try {
    compileRule(rule)
    return []
  } catch (error) {
    if (!(error instanceof UnsupportedOperator)) throw error
    return [problemAt(place, error.message, `write rule "${rule.id}" without ${error.operator}`)]
  }
}

function checkTypes(places: ReadonlyMap<string, Place>, schema: CedarFile): readonly Problem[] {
  const staticPolicies = Object.fromEntries([...places].map(([id, place]) => [id, place.source.text]))
  const answer = validate({ schema: schema.text, policies: { staticPolicies }, validationSettings: { mode: "strict" } })
  if (answer.type === "failure") return locate(answer.errors, wholeOf(schema), "correct the schema")
  const found = (errors: readonly ValidationError[], severity: Problem["severity"]) =>
    errors.flatMap(({ policyId, error }) => {
      const place = places.get(policyId)
      return place === undefined ? [] : locate([error], place, MEND_TYPES, severity)
    })
  return [
    ...found(answer.validationErrors, "error"),
    ...found(answer.validationWarnings, "warning"),
    ...locate(answer.otherWarnings, wholeOf(schema), "correct the schema", "warning"),
  ]
}

const MEND_TYPES = "make the rule agree with the schema, or the schema with the rule"

function wholeOf(file: CedarFile): Place {
  return { file, source: { text: file.text, offset: 0 } }
}

/** The official engine's own words, at the place it names in `place.source`, else at its start. */
function locate(
  errors: readonly DetailedError[],
  place: Place,
  mend: string,
  severity: Problem["severity"] = "error",
): readonly Problem[] {
  return errors.flatMap((error) => {
    const location = error.sourceLocations?.[0]
    const within = location === undefined ? 0 : unitsOfBytes(place.source.text, location.start)
    const expected = location?.label ? `: ${location.label}` : ""
    const problem: Problem = {
      file: place.file.path,
      ...positionAt(place.file.text, place.source.offset + within),
      severity,
      message: error.message.replace(PREAMBLE, "") + expected,
      mend: error.help?.replace(PREAMBLE, "") ?? mend,
    }
    return [problem, ...locate(error.related ?? [], place, mend, severity)]
  })
}

/** What the engine puts before a message, and file, line and rule say better. */
const PREAMBLE = /^(?:for policy `[^`]*`, |failed to parse (?:policy|schema) from string: |error parsing schema: )+/

function problemAt(place: Place, message: string, mend: string): Problem {
  const position = positionAt(place.file.text, place.source.offset)
  return { file: place.file.path, ...position, severity: "error", message, mend }
}
