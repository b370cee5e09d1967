/** The rules whose action and resource scopes match, found one by one: what the index has to find at once. */
import { Rule } from "../../src/policy/compile.ts"
import type { EntityStore } from "../../src/policy/entities.ts"
import type { LoweredRule } from "../../src/policy/lowered.ts"
import { keysWithin } from "../../src/policy/scope.ts"
import type { EntityRef } from "../../src/policy/value.ts"

export function rulesInScope(
  rules: readonly LoweredRule[],
  action: EntityRef,
  resource: EntityRef,
  entities: EntityStore,
): readonly LoweredRule[] {
  const [ofAction, ofResource] = [action, resource].map((ref) => new Set(keysWithin(ref, entities)))
  return rules.filter((lowered) => {
    const { scope } = new Rule(lowered)
    return scope.action.some((key) => ofAction?.has(key)) && scope.resource.some((key) => ofResource?.has(key))
  })
}
