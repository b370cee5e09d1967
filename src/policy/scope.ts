/**
 * The scope of a rule, `(principal …, action …, resource …)`: tests on one entity each that cannot err. Kept apart from
 * the conditions, so that the rules for an action and a resource are found once and not at every decision.
 */
import type { EntityStore } from "./entities.ts"
import { UnsupportedOperator, isNode, readList, readNode, readText } from "./est.ts"
import { isIn } from "./operators.ts"
import { type EntityRef, readUid } from "./value.ts"

export type ScopeTest = (ref: EntityRef, entities: EntityStore) => boolean

export function compileScope(constraint: unknown, rule: string): ScopeTest {
  const parts = readNode(constraint, rule, "scope")
  const op = readText(parts.op, rule, "scope")
  const test = SCOPES.get(op)
  if (test === undefined) throw new UnsupportedOperator(rule, `${op} in a scope`)
  if (parts.slot !== undefined)
    throw new UnsupportedOperator(rule, `the template slot ${readText(parts.slot, rule, "scope")}`)
  return test(parts, rule)
}

type Scope = (parts: Readonly<Record<string, unknown>>, rule: string) => ScopeTest

const SCOPES: ReadonlyMap<string, Scope> = new Map<string, Scope>([
  ["All", () => () => true],
  ["==", compileIdentity],
  ["in", compileMembership],
  ["is", compileType],
])

function compileIdentity(parts: Readonly<Record<string, unknown>>, rule: string): ScopeTest {
  const { key } = readEntity(parts.entity, rule)
  return (ref) => ref.key === key
}

function compileMembership(parts: Readonly<Record<string, unknown>>, rule: string): ScopeTest {
  if (parts.entities === undefined) {
    const { key } = readEntity(parts.entity, rule)
    return (ref, entities) => isIn(ref, key, entities)
  }
  const keys = readList(parts.entities, rule, "scope").map((uid) => readEntity(uid, rule).key)
  return (ref, entities) => keys.some((key) => isIn(ref, key, entities))
}

function compileType(parts: Readonly<Record<string, unknown>>, rule: string): ScopeTest {
  const type = readText(parts.entity_type, rule, "scope")
  if (parts.in === undefined) return (ref) => ref.type === type
  const within = compileScope({ op: "in", ...readNode(parts.in, rule, "scope") }, rule)
  return (ref, entities) => ref.type === type && within(ref, entities)
}

function readEntity(json: unknown, rule: string): EntityRef {
  const ref = readUid(isNode(json) && json.__entity !== undefined ? json.__entity : json)
  if (ref === undefined) throw new UnsupportedOperator(rule, "a malformed scope")
  return ref
}
