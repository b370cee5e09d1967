/**
 * JSON Schema, of the draft 2020-12 what judges a value by itself: no references to other documents or in a circle, no
 * `format` (readers differ over whether it is more than a remark), no keyword that is not known, which other validators
 * would take for a remark. A schema becomes a function once; what a value costs is drawn for each keyword.
 */
import { isObject } from "../../../encoding/json.ts"
import { APPLICATORS, UNITS_OF_PART } from "./applicators.ts"
import { ASSERTIONS } from "./assertions.ts"
import { escaped, SchemaFault, texts, type Check, type Place } from "./check.ts"

export const LONGEST = 16_384
export const MOST_PARTS = 500
export const DEEPEST = 16
/** They say nothing of the value. */
const REMARKS = new Set([
  "$schema",
  "$comment",
  "$defs",
  "title",
  "description",
  "default",
  "examples",
  "deprecated",
  "readOnly",
  "writeOnly",
])
const DIALECT = "https://json-schema.org/draft/2020-12/schema"

export interface CompiledSchema {
  readonly check: Check
  /** Members of objects that it names. */
  readonly names: ReadonlySet<string>
}

/** Throws SchemaFault. */
export function compileSchema(schema: unknown): CompiledSchema {
  if (JSON.stringify(schema).length > LONGEST) throw new SchemaFault(`it is longer than ${LONGEST} characters`)
  const definitions = isObject(schema) ? (schema["$defs"] ?? {}) : {}
  if (!isObject(definitions)) throw new SchemaFault("`$defs` is no object")
  const compiler = new Compiler(definitions)
  // So that what nothing refers to is found to be wrong, too.
  for (const [name, each] of Object.entries(definitions)) compiler.part(each, `/$defs/${escaped(name)}`)
  return { check: compiler.part(schema, ""), names: compiler.names }
}

class Compiler {
  readonly names = new Set<string>()
  readonly #definitions: Readonly<Record<string, unknown>>
  readonly #open: string[] = []
  #parts = 0
  #depth = 0

  constructor(definitions: Readonly<Record<string, unknown>>) {
    this.#definitions = definitions
  }

  part(schema: unknown, at: string): Check {
    if (++this.#parts > MOST_PARTS)
      throw new SchemaFault(`it has more than ${MOST_PARTS} parts, those it refers to included`)
    if (schema === true) return () => null
    if (schema === false) return () => at
    if (!isObject(schema)) throw new SchemaFault(`${at || "it"} is no schema`)
    if (++this.#depth > DEEPEST) throw new SchemaFault(`it nests deeper than ${DEEPEST}`)
    const checks = Object.entries(schema).flatMap(([keyword, operand]) => this.#keyword(keyword, operand, schema, at))
    this.#depth -= 1
    return (value, run) => {
      for (const check of checks) {
        run.work.take(UNITS_OF_PART)
        const failure = check(value, run)
        if (failure !== null) return failure
      }
      return null
    }
  }

  #keyword(keyword: string, operand: unknown, siblings: Place["siblings"], parent: string): readonly Check[] {
    const at = `${parent}/${escaped(keyword)}`
    if (keyword === "$ref") return [this.#reference(operand, at)]
    if (keyword === "$schema" && operand !== DIALECT) throw new SchemaFault(`\`$schema\` is not ${DIALECT}`)
    if (keyword === "$defs" && parent !== "") throw new SchemaFault(`${at} stands below the top`)
    if (REMARKS.has(keyword)) return []
    for (const name of namesIn(keyword, operand)) this.names.add(name)
    const place = { at, siblings, part: (schema: unknown, below: string) => this.part(schema, below) }
    const plain = Object.hasOwn(ASSERTIONS, keyword) ? ASSERTIONS[keyword]?.(operand, at) : undefined
    if (plain) return [(value, run) => (plain(value, run) ? null : at)]
    const applied = Object.hasOwn(APPLICATORS, keyword) ? APPLICATORS[keyword]?.(operand, place) : undefined
    if (!applied) throw new SchemaFault(`the keyword \`${keyword}\` is not supported`)
    return [applied]
  }

  #reference(operand: unknown, at: string): Check {
    const name = typeof operand === "string" ? /^#\/\$defs\/([\w.-]+)$/.exec(operand)?.[1] : undefined
    if (name === undefined || !Object.hasOwn(this.#definitions, name))
      throw new SchemaFault(`${at} is no \`#/$defs/NAME\` of this schema`)
    if (this.#open.includes(name)) throw new SchemaFault(`\`#/$defs/${name}\` refers to itself`)
    this.#open.push(name)
    const check = this.part(this.#definitions[name], `/$defs/${name}`)
    this.#open.pop()
    return check
  }
}

function namesIn(keyword: string, operand: unknown): readonly string[] {
  if (keyword === "required") return texts(operand, keyword)
  return NAMING.has(keyword) && isObject(operand) ? Object.keys(operand) : []
}
const NAMING = new Set(["properties", "dependentRequired", "dependentSchemas"])
