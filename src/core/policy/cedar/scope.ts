/**
 * The scope of a rule, `(principal …, action …, resource …)`, as keys. A rule is filed under the keys of its scope, and
 * a request reads the keys that its entities are within, so that no other rule is touched. A scope cannot err.
 */
import { readUid } from "./values/cedar-json.ts"
import type { EntityStore } from "./entities.ts"
import { type Node, UnsupportedOperator, isNode, readList, readNode, readText } from "./est.ts"
import type { EntityRef } from "./values/value.ts"

/** Each matches if an entity is within any of its keys; without keys it never matches. */
export interface Scope {
  readonly principal: readonly string[]
  readonly action: readonly string[]
  readonly resource: readonly string[]
}

/** @returns keys */
export function readScope(constraint: unknown, rule: string): readonly string[] {
  const parts = readNode(constraint, rule, "scope")
  const op = readText(parts.op, rule, "scope")
  const read = SCOPES.get(op)
  if (read === undefined) throw new UnsupportedOperator(rule, `${op} in a scope`)
  return read(parts, rule)
}

/** Of all scopes that match an entity. */
export function keysWithin(ref: EntityRef, entities: EntityStore): readonly string[] {
  const keys = [ANY, identity(ref.key), ofType(ref.type), member(ref.key), memberOfType(ref.type, ref.key)]
  for (const group of entities.get(ref.key)?.ancestors ?? []) keys.push(member(group), memberOfType(ref.type, group))
  return keys
}

// Distinct by their first word; the name of a type has no space, so that it ends where the next word begins.
const ANY = "any"
const identity = (entity: string) => `== ${entity}`
const ofType = (type: string) => `is ${type}`
const member = (group: string) => `in ${group}`
const memberOfType = (type: string, group: string) => `is-in ${type} ${group}`

type Read = (parts: Node, rule: string) => readonly string[]

const SCOPES: ReadonlyMap<string, Read> = new Map<string, Read>([
  ["All", () => [ANY]],
  ["==", (parts, rule) => [identity(readEntity(parts, rule))]],
  ["in", readMembership],
  ["is", readType],
])

function readMembership(parts: Node, rule: string): readonly string[] {
  if (parts.entities === undefined) return [member(readEntity(parts, rule))]
  return readList(parts.entities, rule, "scope").map((entity) => member(readEntity({ entity }, rule)))
}

function readType(parts: Node, rule: string): readonly string[] {
  const type = readText(parts.entity_type, rule, "scope")
  return parts.in === undefined
    ? [ofType(type)]
    : [memberOfType(type, readEntity(readNode(parts.in, rule, "scope"), rule))]
}

function readEntity(parts: Node, rule: string): string {
  const { slot, entity } = parts
  if (slot !== undefined) throw new UnsupportedOperator(rule, `the template slot ${readText(slot, rule, "scope")}`)
  const ref = readUid(isNode(entity) && entity.__entity !== undefined ? entity.__entity : entity)
  if (ref === undefined) throw new UnsupportedOperator(rule, "a malformed scope")
  return ref.key
}
