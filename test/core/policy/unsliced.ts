/** The same rule without a scope: what the scope says stands as its first conditions, and no index is asked. */
import type { Expr, PolicyJson } from "@cedar-policy/cedar-wasm/nodejs"

type Scope = PolicyJson["principal"] | PolicyJson["action"] | PolicyJson["resource"]
type Part = "principal" | "action" | "resource"

const ALL = { op: "All" } as const

export function unsliced(policy: PolicyJson): PolicyJson {
  const scopes = (["principal", "action", "resource"] as const).map((part) => whether(part, policy[part]))
  const conditions = scopes.map((body) => ({ kind: "when" as const, body }))
  return { ...policy, principal: ALL, action: ALL, resource: ALL, conditions: [...conditions, ...policy.conditions] }
}

function whether(part: Part, scope: Scope): Expr {
  const left: Expr = { Var: part }
  if (scope.op === "All") return { Value: true }
  if (scope.op === "==") return { "==": { left, right: reference(scope) } }
  if (scope.op === "is")
    return { is: { left, entity_type: scope.entity_type, ...(scope.in ? { in: reference(scope.in) } : {}) } }
  if (!("entities" in scope)) return { in: { left, right: reference(scope) } }
  return { in: { left, right: { Set: scope.entities.map((entity) => reference({ entity })) } } }
}

function reference(scope: { readonly entity: unknown } | { readonly slot: string }): Expr {
  if (!("entity" in scope)) throw new Error(`${scope.slot} is open`)
  const { entity } = scope
  return { Value: JSON.parse(JSON.stringify({ __entity: entity })) }
}
