/** The place of a rule, and of each of its conditions, in the Cedar files. */
import { positionAt } from "../compiler/source/position.ts"
import type { WrittenRule } from "../compiler/rules/source-rules.ts"

export interface RulePlace {
  readonly file: string
  /** From 1. */
  readonly line: number
}

export function placeOfRule({ place: { file, source } }: WrittenRule): RulePlace {
  return { file: file.path, line: positionAt(file.text, source.offset).line }
}

/** @param condition counted from 0 */
export function placeOfCondition(rule: WrittenRule, condition: number): RulePlace {
  const { file, source } = rule.place
  const offset = conditionsIn(source.text)[condition]
  if (offset === undefined) return placeOfRule(rule)
  return { file: file.path, line: positionAt(file.text, source.offset + offset).line }
}

/** Comments, strings, names (an annotation's with its `@`), brackets. */
const TOKEN = /\/\/[^\n\r]*|"(?:[^"\\]|\\.)*"|@?[A-Za-z_]\w*|[()[\]{}]/gs

/** `when` and `unless` belong to a rule only outside of brackets; an attribute may have such a name too. */
function conditionsIn(text: string): readonly number[] {
  const found: number[] = []
  let depth = 0
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (/^[([{]$/.test(token)) depth += 1
    else if (/^[)\]}]$/.test(token)) depth -= 1
    else if (depth === 0 && (token === "when" || token === "unless")) found.push(index)
  }
  return found
}
