/**
 * Arguments that a rule reads and that the schema does not declare. The official engine reports some of them as
 * attributes that do not exist, and of a rule that tests for one with `has` it says only that it never holds. The line to
 * add is worth more.
 */
import { ACTIONS } from "../../../src/core/catalog/tool.ts"
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { argumentsType, memberKey } from "../model/schema-types.ts"
import { nearest } from "../../../src/core/encoding/nearest.ts"
import type { Problem } from "../source/problem.ts"
import { usedTypes } from "./argument-uses.ts"
import { problemAt, type RulePosition } from "./rule-position.ts"

interface RuleJson {
  readonly policy: Readonly<Record<string, unknown>>
  readonly reads: readonly string[]
}

export type FindUndeclared = (rule: RuleJson, place: RulePosition) => readonly Problem[]

/** Without a type of all arguments nothing is reported here, because the official engine does. */
export function undeclaredArguments(schema: string): FindUndeclared {
  const types = ACTIONS.flatMap((action) => argumentsType(schema, action) ?? [])
  const declared = new Set(types.flatMap((type) => (type.kind === "record" ? [...type.attributes.keys()] : [])))
  const where = /\btype\s+Arguments\b/u.test(schema) ? "`type Arguments`" : "the record of `arguments`"
  return ({ policy, reads }, place) => {
    if (types.length === 0 || reads.every((name) => declared.has(name)) || !isAboutCalls(policy)) return []
    return Array.from(usedTypes(policy)).flatMap(([name, type]) => {
      if (declared.has(name)) return []
      const message = `the schema does not declare the argument \`${name}\``
      const kinds = type === null ? " (or Long, decimal, Bool, Set<…>, as its tool takes it)" : ""
      const line = `add the line \`${memberKey(name)}?: ${type ?? "String"},\` to ${where} in schema.cedarschema${kinds}`
      const near = nearest(name, declared)
      const fix = near === undefined ? line : `${line}; or did you mean \`${near}\`?`
      return [problemAt(placeOf(name, place), message, fix)]
    })
  }
}

/** A context without arguments has none that could be declared. */
function isAboutCalls({ action }: RuleJson["policy"]): boolean {
  if (!isNode(action) || action.op !== "==" || !isNode(action.entity)) return true
  const { id } = action.entity
  return ACTIONS.some((each) => each === id)
}

function placeOf(name: string, { file, source }: RulePosition): RulePosition {
  const written = name.replaceAll(/\W/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
  const found = new RegExp(String.raw`\barguments(?:\s*\.\s*|\s*\[\s*|\s+has\s+)"?${written}"?`, "u").exec(source.text)
  if (!found) return { file, source }
  return { file, source: { text: found[0], offset: source.offset + found.index } }
}

/** What the official engine says of the same. */
export function isAboutUndeclared(message: string): boolean {
  return /attribute `arguments[.[]/u.test(message) || message.includes("policy is impossible")
}
