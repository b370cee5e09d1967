/**
 * Whether one rule covers another: its scope matches and its conditions hold in every request in which the other's do.
 */
import type { EntityStore } from "../../../src/core/policy/cedar/entities.ts"
import { isNode } from "../../../src/core/policy/cedar/est.ts"
import { readUid } from "../../../src/core/policy/cedar/values/cedar-json.ts"
import { keysWithin, readScope, type Scope } from "../../../src/core/policy/cedar/scope.ts"
import { keyOf, type Conjunct } from "./term.ts"

/** For each key in the other's scope, the keys that match everything which that key matches, itself among them. */
export interface Wider {
  readonly principal: readonly string[]
  readonly resource: readonly string[]
  /** One list for each action of the scope. */
  readonly action: readonly (readonly string[])[]
}

export function widerThan(policy: Readonly<Record<string, unknown>>, store: EntityStore): Wider {
  const { principal, action, resource } = policy
  return {
    principal: keysAround(principal, store),
    resource: keysAround(resource, store),
    action: listedIn(action).map((one) => keysAround(one, store)),
  }
}

/** `action in [a, b]` is `in a` or `in b`. */
function listedIn(constraint: unknown): readonly unknown[] {
  const listed = isNode(constraint) ? constraint["entities"] : undefined
  return Array.isArray(listed) ? listed.map((each: unknown) => ({ op: "in", entity: each })) : [constraint]
}

function keysAround(constraint: unknown, store: EntityStore): readonly string[] {
  const own = readScope(constraint, "lint")
  const { op, entity_type: type, entity: named, in: within } = isNode(constraint) ? constraint : {}
  if (op === "==") {
    const ref = readUid(named)
    return ref ? keysWithin(ref, store) : own
  }
  if (op === "in") return ["any", ...groupsAround(named, store).map((group) => `in ${group}`)]
  if (op !== "is" || typeof type !== "string") return ["any"]
  const groups = isNode(within) ? groupsAround(within["entity"], store) : []
  return ["any", `is ${type}`, ...groups.flatMap((group) => [`in ${group}`, `is-in ${type} ${group}`])]
}

function groupsAround(named: unknown, store: EntityStore): readonly string[] {
  const ref = readUid(named)
  return ref ? [ref.key, ...(store.get(ref.key)?.ancestors ?? [])] : []
}

export function coversScope(scope: Scope, { principal, resource, action }: Wider): boolean {
  return (
    scope.principal.some((key) => principal.includes(key)) &&
    scope.resource.some((key) => resource.includes(key)) &&
    action.every((wider) => scope.action.some((key) => wider.includes(key)))
  )
}

/** Every conjunct of `one` is a conjunct of `other` too, so that `one` is true in every request in which `other` is. */
export function isImplied(one: readonly Conjunct[], other: readonly Conjunct[]): boolean {
  const otherClaims = new Set(other.map(claimOf))
  return one.every((conjunct) => otherClaims.has(claimOf(conjunct)))
}

/**
 * As `isImplied`, and evaluated first: if `other` errs before it is fully evaluated, `one` holds or errs. A forbid with
 * an error denies.
 */
export function leads(one: readonly Conjunct[], other: readonly Conjunct[]): boolean {
  const claims = other.map(claimOf)
  return one.every((conjunct, index) => claims[index] === claimOf(conjunct))
}

export function claimOf({ expression, expected }: Conjunct): string {
  return `${expected} ${keyOf(expression)}`
}
