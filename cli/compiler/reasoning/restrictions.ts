/**
 * The names by which a rule restricts: if nothing has such a name, the rule forbids less, or permits more, than it
 * says. These are names in the conditions under which a `forbid` holds, and under which a `permit` does not.
 */
import { isNode, type Node } from "../../../src/core/policy/cedar/est.ts"
import type { EntityUid } from "../../../src/core/policy/cedar/lowered.ts"
import { keyOf } from "./term.ts"

/** A fact that is compared with a text: the value itself, or a member of a set. */
export interface ComparedText {
  /** Key of the fact (`term.ts`). */
  readonly fact: string
  readonly isMember: boolean
  readonly text: string
}

export interface Restrictions {
  readonly entities: readonly EntityUid[]
  readonly texts: readonly ComparedText[]
}

export function restrictionsOf(policy: Node): Restrictions {
  const found = { entities: new Array<EntityUid>(), texts: new Array<ComparedText>() }
  const forbids = policy["effect"] === "forbid"
  if (forbids) for (const part of ["principal", "action", "resource"]) collectScope(policy[part], found.entities)
  const conditions = Array.isArray(policy["conditions"]) ? policy["conditions"] : []
  for (const condition of conditions) {
    if (isNode(condition)) collect(condition["body"], forbids === (condition["kind"] === "when"), found)
  }
  return found
}

interface FoundRestrictions {
  readonly entities: EntityUid[]
  readonly texts: ComparedText[]
}

/** `{"op": "==", "entity": {"type": …, "id": …}}`, and the like. */
function collectScope(json: unknown, entities: EntityUid[]): void {
  const uid = uidOf(json)
  if (uid) entities.push(uid)
  else if (Array.isArray(json)) for (const part of json) collectScope(part, entities)
  else if (isNode(json)) for (const part of Object.values(json)) collectScope(part, entities)
}

function uidOf(json: unknown): EntityUid | null {
  if (!isNode(json)) return null
  const { type, id } = json
  return typeof type === "string" && typeof id === "string" ? { type, id } : null
}

/** @param restricts whether the rule restricts less if the expression is false */
function collect(expression: unknown, restricts: boolean, found: FoundRestrictions): void {
  if (!isNode(expression)) return
  for (const [operator, operands] of Object.entries(expression)) {
    if (operator === "Value") {
      const uid = isNode(operands) ? uidOf(operands["__entity"]) : null
      if (uid && restricts) found.entities.push(uid)
    } else if (operator === "if-then-else" && isNode(operands)) {
      for (const way of [restricts, !restricts]) collect(operands["if"], way, found)
      for (const branch of ["then", "else"]) collect(operands[branch], restricts, found)
    } else {
      const way = operator === "!" || operator === "!=" ? !restricts : restricts
      if (way) found.texts.push(...comparedBy(operator, operands))
      for (const operand of partsOf(operands)) collect(operand, way, found)
    }
  }
}

/** The parts of a set, of a function's arguments or of a record; the operands of an operator. */
function partsOf(operands: unknown): readonly unknown[] {
  if (Array.isArray(operands)) return operands
  return isNode(operands) ? Object.values(operands) : []
}

function comparedBy(operator: string, operands: unknown): readonly ComparedText[] {
  if (!isNode(operands)) return []
  const { left, right } = operands
  const about = (fact: unknown, isMember: boolean, texts: unknown): readonly ComparedText[] =>
    textsOf(texts).map((text) => ({ fact: keyOf(fact), isMember, text }))
  if (operator === "==" || operator === "!=") return [...about(left, false, right), ...about(right, false, left)]
  if (operator === "contains") return [...about(left, true, right), ...about(right, false, left)]
  return operator === "containsAny" || operator === "containsAll" ? about(left, true, right) : []
}

/** The text, or the texts of a literal set. */
function textsOf(expression: unknown): readonly string[] {
  if (!isNode(expression)) return []
  const { Value: value, Set: members } = expression
  if (typeof value === "string") return [value]
  return Array.isArray(members) ? members.flatMap(textsOf) : []
}
